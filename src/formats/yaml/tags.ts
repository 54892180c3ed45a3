import { isMap, isScalar, isSeq, type Node, type Scalar } from "yaml";
import type { Value } from "../../core/value.js";
import { lineStart } from "../text.js";
import { isBlockCollection, nodeEnd } from "./nodes.js";

const CORE = "tag:yaml.org,2002:";

/** The node's tag where it is none of the core schema's for that kind of node; `!` alone only says "as written". */
export function unknownTag(node: Node): string | undefined {
  if (!isScalar(node) && !isMap(node) && !isSeq(node)) return undefined;
  const known = isMap(node) ? ["map"] : isSeq(node) ? ["seq"] : ["str", "int", "float", "bool", "null"];
  const { tag } = node;
  return tag === undefined || tag === "!" || known.some((name) => tag === CORE + name) ? undefined : tag;
}

/** A scalar's value, or what is wrong with it. Integers that a double would round are bigint. */
export function checkScalar({ value, source, tag }: Scalar): { value: Value; wrong?: string } {
  const kind = tag?.startsWith(CORE) ? tag.slice(CORE.length) : undefined;
  if (typeof value === "bigint") {
    if (kind === "float") return { value: Number(value) };
    const number = Number(value);
    return { value: Number.isSafeInteger(number) ? number : value };
  }
  if (typeof value === "number") {
    const finite = Number.isFinite(value) || /\.(inf|nan)$/i.test(source ?? "");
    return finite ? { value } : { value, wrong: "the number is too large to be held" };
  }
  if (typeof value === "string" && kind === "float" && /^[-+]?\d+$/.test(value)) return { value: Number(value) };
  if (value === null || typeof value === "boolean") return { value };
  if (typeof value !== "string" || (kind !== undefined && kind !== "str")) {
    return { value: null, wrong: "the value does not fit its tag" };
  }
  return { value };
}

/** What is written behind a tag, moved to the left margin, so that the same node is the same text at any depth. */
export function sourceText(text: string, node: Node): string {
  const start = node.range?.[0] ?? 0;
  const source = text.slice(start, nodeEnd(node)).replaceAll("\r\n", "\n");
  const lines = source.split("\n");
  const rest = lines.slice(1).filter((line) => line.trim() !== "");
  const margin = isBlockCollection(node)
    ? start - lineStart(text, start)
    : Math.min(...rest.map((line) => line.length - line.trimStart().length));
  return lines.map((line, index) => (index === 0 ? line : line.slice(margin))).join("\n");
}
