import { isList, isMap, type Value } from "../../core/value.js";
import { stringifyJson } from "../../lib/json.js";
import { lineEnding } from "../text.js";

/** How a document is laid out, as far as new values shall look like the old ones. */
export interface JsonStyle {
  /** One level of indentation. */
  readonly unit: string;
  /** Between a key and its value. */
  readonly colon: string;
  readonly comma: string;
  readonly eol: string;
}

export function styleOf(text: string): JsonStyle {
  const colon = /"(\s*:[ \t]*)\S/.exec(text)?.[1] ?? ": ";
  return {
    unit: /[[{][ \t]*\r?\n([ \t]+)/.exec(text)?.[1] ?? "  ",
    colon,
    comma: colon.endsWith(":") ? "," : ", ",
    eol: lineEnding(text),
  };
}

/** JSON text of a value: on one line where `indent` is undefined, else one member a line, indented from `indent`. */
export function renderJson(value: Value, style: JsonStyle, indent: string | undefined): string {
  if (isList(value)) {
    return bracket("[]", { style, indent }, (inner) => value.map((item) => renderJson(item, style, inner)));
  }
  if (isMap(value)) {
    return bracket("{}", { style, indent }, (inner) =>
      Object.entries(value).map(([key, item]) => renderMember(key, item, { style, indent: inner })),
    );
  }
  return stringifyJson(value);
}

interface Layout {
  readonly style: JsonStyle;
  readonly indent: string | undefined;
}

export function renderMember(key: string, value: Value, { style, indent }: Layout): string {
  return `${JSON.stringify(key)}${style.colon}${renderJson(value, style, indent)}`;
}

function bracket(pair: "[]" | "{}", layout: Layout, render: (inner: string | undefined) => string[]): string {
  const { style, indent } = layout;
  const inner = indent === undefined ? undefined : indent + style.unit;
  const items = render(inner);
  if (items.length === 0) return pair;
  if (inner === undefined) return `${pair.charAt(0)}${items.join(style.comma)}${pair.charAt(1)}`;
  const lines = items.map((item) => style.eol + inner + item).join(",");
  return `${pair.charAt(0)}${lines}${style.eol}${indent ?? ""}${pair.charAt(1)}`;
}
