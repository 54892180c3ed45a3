import { TrueupError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { formatPointer, parsePointer } from "../core/pointer.js";
import { emptyMap, equal, isMap, member, type MutableMap, type Value, type ValueMap } from "../core/value.js";
import type { Format, Parsed } from "./format.js";
import { revise } from "./revision.js";
import { textEdit, textTree } from "./strings.js";
import {
  applySplices,
  endsApart,
  fault,
  insertLines,
  lineEnding,
  open,
  positions,
  sectionLines,
  type Source,
  type Splice,
} from "./text.js";

/** One `key = value`. All places are offsets into the text. */
export interface Assignment {
  readonly key: string;
  readonly value: string;
  readonly keyStart: number;
  /** Where the key as written ends: what stands between it and the value is the file's own style. */
  readonly keyEnd: number;
  /** The value as it is written, quotes included. */
  readonly valueStart: number;
  readonly valueEnd: number;
  /** The whole lines, with their line ending. */
  readonly start: number;
  readonly end: number;
}

/** A run of assignments under one header; the root has none. A name may come more than once: the runs are one section. */
export interface Section {
  readonly name: string | undefined;
  readonly nameStart: number;
  readonly start: number;
  /** Where one more assignment goes. */
  readonly end: number;
  readonly assignments: readonly Assignment[];
}

/** A way to write strings line by line. */
export interface Dialect {
  readonly name: string;
  readonly extensions: readonly string[];
  /** The root section first, even where it is empty. Throws DOCUMENT_INVALID with the place. */
  scan(source: Source): readonly Section[];
  /**
   * The text of an assignment, without indentation and line ending; `like` is the one before it, whose style it takes. A
   * "\n" in it, as in a replacement, is written with the document's line ending.
   */
  assignment(key: string, value: string, like: Written | undefined): string;
  /** What replaces the text from the end of the key to the end of the value. */
  replacement(value: string, old: Written): string;
  /** Only in a dialect that has sections. */
  header?(name: string): string;
}

interface Written extends Assignment {
  readonly text: string;
}

/** A format made of a dialect: reading it and editing it in place are the same for all. */
export function lineFormat(dialect: Dialect): Format {
  const levels = dialect.header ? 2 : 1;
  return {
    name: dialect.name,
    extensions: dialect.extensions,
    normalize: (value) => textTree(value, dialect.name, levels),
    parse: (text, { file }) => parse(dialect, open(text, file).source),
    edit: (text, edits, { file }) => {
      const { source, bom } = open(text, file);
      const sections = scan(dialect, source);
      const current = treeOf(source, sections);
      const allowed = edits.map((edit) => textEdit(edit, dialect.name, levels));
      const desired = revise(current, allowed).tree as ValueMap; // textEdit lets only maps through at the root
      const result = applySplices(source.text, rewrite({ dialect, text: source.text, sections, current, desired }));
      if (!holds(dialect, { text: result, file }, desired)) {
        throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `${dialect.name} cannot hold the edited settings`, {
          where: { file },
          hint: "Look for keys or values with line breaks, outer spaces or separators in them.",
        });
      }
      return bom + result;
    },
  };
}

function scan(dialect: Dialect, source: Source): readonly Section[] {
  const sections = dialect.scan(source);
  const count = sections.reduce((sum, section) => sum + 1 + section.assignments.length, 0);
  if (count > LIMITS.nodes) {
    throw new TrueupError("DOCUMENT_TOO_LARGE", `the document has ${count} settings; the limit is ${LIMITS.nodes}`, {
      where: { file: source.file },
    });
  }
  return sections;
}

function parse(dialect: Dialect, source: Source): Parsed {
  const sections = scan(dialect, source);
  let offsets: Map<string, number> | undefined;
  const position = positions(source.text);
  return {
    value: treeOf(source, sections),
    position: (pointer) => {
      offsets ??= offsetsOf(sections);
      const offset = offsets.get(formatPointer(parsePointer(pointer)));
      return offset === undefined ? undefined : position(offset);
    },
  };
}

function offsetsOf(sections: readonly Section[]): Map<string, number> {
  const offsets = new Map([["", 0]]);
  for (const { name, nameStart, assignments } of sections) {
    const path = name === undefined ? [] : [name];
    if (name !== undefined && !offsets.has(formatPointer(path))) offsets.set(formatPointer(path), nameStart);
    for (const { key, valueStart } of assignments) offsets.set(formatPointer([...path, key]), valueStart);
  }
  return offsets;
}

function treeOf(source: Source, sections: readonly Section[]): ValueMap {
  const root = emptyMap();
  const maps = new Map<string | undefined, MutableMap>([[undefined, root]]);
  const first = new Map<MutableMap, Map<string, number>>();
  const position = positions(source.text);
  const claim = (map: MutableMap, key: string, offset: number): void => {
    const seen = first.get(map) ?? new Map<string, number>();
    first.set(map, seen);
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      const message = `"${key}" is already defined on line ${position(earlier).line}`;
      throw fault(source, offset, message, "Remove one of the two.");
    }
    seen.set(key, offset);
  };
  for (const { name, nameStart, assignments } of sections) {
    let map = maps.get(name);
    if (map === undefined) {
      map = emptyMap();
      maps.set(name, map);
      claim(root, name ?? "", nameStart);
      root[name ?? ""] = map;
    }
    for (const { key, value, keyStart } of assignments) {
      claim(map, key, keyStart);
      map[key] = value;
    }
  }
  return root;
}

function holds(dialect: Dialect, source: Source, desired: ValueMap): boolean {
  try {
    return equal(parse(dialect, source).value, desired);
  } catch (error) {
    if (error instanceof TrueupError && error.code === "DOCUMENT_INVALID") return false;
    throw error;
  }
}

interface Rewrite {
  readonly dialect: Dialect;
  readonly text: string;
  readonly sections: readonly Section[];
  readonly current: ValueMap;
  readonly desired: ValueMap;
}

/** The splices that make the text say `desired`, with every other line left as it is. */
function rewrite({ dialect, text, sections, current, desired }: Rewrite): Splice[] {
  const splices: Splice[] = [];
  const last = new Map(sections.map((section) => [section.name, section]));
  for (const section of sections) {
    const have = section.name === undefined ? current : member(current, section.name);
    const wanted = section.name === undefined ? desired : member(desired, section.name);
    if (!isMap(have) || !isMap(wanted)) {
      splices.push(sectionLines(text, section.start, section.end - 1));
      continue;
    }
    for (const old of section.assignments) splices.push(...rewriteAssignment(dialect, { ...old, text }, wanted));
    if (last.get(section.name) !== section) continue;
    const previous = section.assignments.at(-1);
    const like = previous && { ...previous, text };
    const lines = added(have, wanted, isText).map(
      ([key, value]) => indentOf(like) + dialect.assignment(key, value, like),
    );
    if (lines.length === 0) continue;
    // What comes before the first header is set apart from it.
    if (section.name === undefined && like === undefined && section.end < text.length) lines.push("");
    splices.push(
      insertLines(
        text,
        section.end,
        lines.map((line) => breakLines(line, text)),
      ),
    );
  }
  const blocks = added(current, desired, isMap).map(([name, map]) => [
    dialect.header?.(name) ?? "",
    ...added(emptyMap(), map, isText).map(([key, value]) => dialect.assignment(key, value, undefined)),
  ]);
  if (blocks.length > 0) {
    const apart = splices.some((splice) => splice.start === text.length && splice.text !== "") || !endsApart(text);
    const lines = blocks.flatMap((block, index) => (index > 0 || apart ? ["", ...block] : block));
    splices.push(insertLines(text, text.length, lines));
  }
  return splices;
}

function isText(value: Value | undefined): value is string {
  return typeof value === "string";
}

/** The members of that kind that the map has not had as that kind. */
function added<T extends Value>(
  have: ValueMap,
  wanted: ValueMap,
  is: (value: Value | undefined) => value is T,
): [string, T][] {
  return Object.entries(wanted).flatMap(([key, value]) => (is(value) && !is(member(have, key)) ? [[key, value]] : []));
}

function rewriteAssignment(dialect: Dialect, old: Written, wanted: ValueMap): Splice[] {
  const value = member(wanted, old.key);
  if (value === old.value) return [];
  if (typeof value !== "string") return [{ start: old.start, end: old.end, text: "" }];
  return [{ start: old.keyEnd, end: old.valueEnd, text: breakLines(dialect.replacement(value, old), old.text) }];
}

function indentOf(like: Written | undefined): string {
  if (like === undefined) return "";
  return /^[ \t]*/.exec(like.text.slice(like.start, like.keyStart))?.[0] ?? "";
}

function breakLines(written: string, text: string): string {
  return written.replace(/\r?\n/g, lineEnding(text));
}
