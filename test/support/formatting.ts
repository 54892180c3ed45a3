import { inspect } from "node:util";
import fc from "fast-check";
import { expect } from "vitest";
import type { Edit } from "../../src/core/change.js";
import { applyEdits } from "../../src/core/edit.js";
import { TrueupError, formatPlace } from "../../src/core/errors.js";
import { isList, isMap, type Value } from "../../src/core/value.js";
import type { Format } from "../../src/formats/format.js";

/** One line of a generated document, with the path of the setting that it belongs to; undefined: to none. */
export interface OwnedLine {
  readonly text: string;
  readonly owner?: readonly string[] | undefined;
  /** A comment or a header inside a section: only what changes the section as a whole may change it. */
  readonly sectional?: boolean;
}

export interface Layout {
  readonly eol: "\n" | "\r\n";
  readonly bom: boolean;
  readonly finalNewline: boolean;
}

export const layouts: fc.Arbitrary<Layout> = fc.record({
  eol: fc.constantFrom("\n", "\r\n"),
  bom: fc.boolean(),
  finalNewline: fc.boolean(),
});

/** A line's text may hold "\n", where a value has several lines; it is written with the layout's line ending. */
export function compose(lines: readonly OwnedLine[], { eol, bom, finalNewline }: Layout): string {
  const text = lines.map((line) => line.text.replaceAll("\n", eol)).join(eol);
  return (bom ? "\uFEFF" : "") + text + (finalNewline && lines.length > 0 ? eol : "");
}

interface EditSpec {
  readonly act: "set" | "remove" | "add";
  readonly pick: number;
  readonly key: string;
  readonly value: Value;
}

export function editSpecs(values: fc.Arbitrary<Value>, keys: fc.Arbitrary<string>): fc.Arbitrary<EditSpec[]> {
  const spec = fc.record({
    act: fc.constantFrom("set", "remove", "add"),
    pick: fc.nat(),
    key: keys,
    value: values,
  }) satisfies fc.Arbitrary<EditSpec>;
  return fc.array(spec, { minLength: 1, maxLength: 4 });
}

/** Edits that fit the tree, each in terms of the tree after the ones before it. */
function editsFor(tree: Value, specs: readonly EditSpec[]): Edit[] {
  const edits: Edit[] = [];
  let current = tree;
  for (const { act, pick, key, value } of specs) {
    const paths = [...pathsOf(current, [], act === "add")];
    const path = paths[pick % paths.length];
    if (path === undefined) continue;
    const parent = path.reduce<Value | undefined>(childOf, current);
    const edit: Edit =
      act === "add"
        ? { path: [...path, isList(parent) ? String(parent.length) : key], value }
        : { path, value: act === "set" ? value : undefined };
    edits.push(edit);
    current = applyEdits(current, [edit]);
  }
  return edits;
}

function childOf(value: Value | undefined, segment: string): Value | undefined {
  if (isList(value)) return value[Number(segment)];
  return isMap(value) ? value[segment] : undefined;
}

function* pathsOf(value: Value, path: readonly string[], containers: boolean): Generator<readonly string[]> {
  const container = isList(value) || isMap(value);
  if (containers ? container : path.length > 0) yield path;
  if (container) {
    for (const [key, item] of Object.entries(value)) yield* pathsOf(item, [...path, key], containers);
  }
}

interface EditCase {
  readonly format: Format;
  readonly tree: Value;
  readonly lines: readonly OwnedLine[];
  readonly layout: Layout;
  readonly specs: readonly EditSpec[];
}

/** The law of every format: the edited text says the edited tree, and keeps each line that no edit touches. */
export function expectLawfulEdit({ format, tree, lines, layout, specs }: EditCase): void {
  const text = compose(lines, layout);
  const options = { file: "generated" };
  expect(format.parse(text, options).value).toEqual(tree);
  const edits = editsFor(tree, specs);
  const result = format.edit(text, edits, options);
  expect(format.parse(result, options).value).toEqual(format.normalize(applyEdits(tree, edits)));
  expect(result.startsWith("\uFEFF")).toBe(layout.bom);
  if (text.includes("\r\n")) expect(result).not.toMatch(/[^\r]\n/);
  const kept = lines.filter((line) => line.text.trim() !== "" && !edits.some((edit) => touches(edit, line, tree)));
  expectSubsequence(
    kept.flatMap((line) => line.text.split("\n")),
    // A document of one line without its end does not show which line ending it has.
    result.replace("\uFEFF", "").split(text.includes("\n") ? layout.eol : /\r?\n/),
  );
  expect(format.edit(text, [], options)).toBe(text);
}

function touches(edit: Edit, line: OwnedLine, tree: Value): boolean {
  if (line.owner === undefined) return false;
  const path = listOf(tree, edit.path);
  const depth = line.sectional ? path.length : Math.min(path.length, line.owner.length);
  return path.slice(0, depth).every((segment, index) => line.owner?.[index] === segment);
}

/** Edits inside a list count for the whole list: removals shift its elements. */
function listOf(tree: Value, path: readonly string[]): readonly string[] {
  let at: Value | undefined = tree;
  for (const [index, segment] of path.entries()) {
    if (isList(at)) return path.slice(0, index);
    at = at === undefined ? undefined : childOf(at, segment);
  }
  return path;
}

function expectSubsequence(expected: readonly string[], lines: readonly string[]): void {
  let at = 0;
  for (const line of expected) {
    const found = lines.indexOf(line, at);
    expect(found, `the line ${JSON.stringify(line)} is gone or moved`).not.toBe(-1);
    at = found + 1;
  }
}

export interface Decisions {
  readonly chance: (share: number) => boolean;
  readonly pick: <T>(...options: readonly [T, ...T[]]) => T;
}

/** Decisions about formatting, repeatable: a small linear congruential generator. */
export function decisions(seed: number): Decisions {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    chance: (share) => next() < share,
    pick: (...options) => options[Math.floor(next() * options.length)] ?? options[0],
  };
}

/** Characters to draw from. */
export function unitsOf(text: string): fc.Arbitrary<string> {
  return fc.constantFrom(...Array.from(text));
}

/** What a reader is told of a text that holds "secret": where and what is wrong, never what is written there. */
export function expectRefusal(parse: () => unknown, place: string, message: string): void {
  const error = thrown(parse);
  expect(error).toBeInstanceOf(TrueupError);
  if (!(error instanceof TrueupError)) return;
  expect(error.code).toBe("DOCUMENT_INVALID");
  expect(error.where && formatPlace(error.where)).toBe(place);
  expect(error.message).toContain(message);
  expect(inspect(error)).not.toContain("secret");
}

/** The error that a call throws. */
export function thrown(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}
