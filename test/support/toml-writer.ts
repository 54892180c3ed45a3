import { isList, isLiteral, isMap, type Value, type ValueMap } from "../../src/core/value.js";
import type { Decisions, Layout, OwnedLine } from "./formatting.js";

/** Writes a tree as TOML in the ways that people do: headers or dots or braces, quotes of each kind, comments anywhere. */
export function tomlLines(tree: ValueMap, layout: Layout, decisions: Decisions): OwnedLine[] {
  const { chance, pick } = decisions;
  const lines: OwnedLine[] = [];
  const later: OwnedLine[] = [];
  if (chance(0.3)) lines.push({ text: "# the file's banner" }, { text: "" });
  section(tree, [], { lines, movable: true });
  if (chance(0.3)) later.push({ text: "# the end, [x]" });
  return [...lines, ...later];

  interface Place {
    readonly lines: OwnedLine[];
    /** Whether subsections may move to the end of the document: not below an array of tables. */
    readonly movable: boolean;
  }

  function section(map: ValueMap, path: readonly string[], place: Place): void {
    const below: (() => void)[] = [];
    for (const [key, value] of Object.entries(map)) {
      const at = [...path, key];
      if (isMap(value) && chance(0.6))
        below.push(() => {
          subsection(value, at, place);
        });
      else if (isList(value) && value.length > 0 && value.every(isMap) && chance(0.6))
        below.push(() => {
          array(value, at, place);
        });
      else entry([key], value, { owner: at, lines: place.lines });
    }
    remark(path, place.lines);
    for (const write of below) write();
  }

  function subsection(map: ValueMap, path: readonly string[], place: Place): void {
    const lines = place.movable && chance(0.3) ? later : place.lines;
    const next = { lines, movable: place.movable && lines !== later };
    // A table with nothing but subtables needs no header; so that they all get headers, they are written plainly.
    const implied = !isEmpty(map) && Object.values(map).every((item) => isMap(item) && !isEmpty(item)) && chance(0.5);
    if (implied) {
      for (const [key, item] of Object.entries(map)) if (isMap(item)) subsection(item, [...path, key], next);
      return;
    }
    header(`[${keys(path)}]`, path, lines);
    section(map, path, next);
  }

  function array(list: readonly Value[], path: readonly string[], { lines }: Place): void {
    for (const item of list) {
      if (!isMap(item)) continue;
      header(`[[${keys(path)}]]`, path, lines);
      section(item, path, { lines, movable: false });
    }
  }

  function header(text: string, owner: readonly string[], lines: OwnedLine[]): void {
    if (chance(0.5)) lines.push({ text: "" });
    if (chance(0.2)) lines.push({ text: "# above a header" });
    lines.push({ text: pick("", "  ") + text + pick("", " # b = 1"), owner, sectional: true });
  }

  function entry(
    names: readonly string[],
    value: Value,
    { owner, lines }: { owner: readonly string[]; lines: OwnedLine[] },
  ): void {
    if (isMap(value) && !isEmpty(value) && chance(0.5)) {
      for (const [key, item] of Object.entries(value)) entry([...names, key], item, { owner: [...owner, key], lines });
      return;
    }
    remark(owner.slice(0, -names.length), lines);
    const text = pick("", "  ", "\t") + keys(names) + pick(" = ", "=", "  =  ") + written(value) + pick("", " # c, d");
    lines.push({ text, owner });
  }

  function remark(path: readonly string[], lines: OwnedLine[]): void {
    if (chance(0.2)) lines.push({ text: pick("# a = 1", "", "  # '''"), owner: path, sectional: path.length > 0 });
  }

  function keys(names: readonly string[]): string {
    return names.map(key).join(pick(".", ".", " . "));
  }

  function key(name: string): string {
    const bare = /^[\w-]+$/.test(name) ? name : JSON.stringify(name);
    return pick(bare, bare, JSON.stringify(name), /^[^'\p{Cc}]*$/u.test(name) ? `'${name}'` : bare);
  }

  function written(value: Value): string {
    if (isLiteral(value)) return value.text;
    if (isList(value)) return list(value.map(written));
    if (isMap(value)) return inline(value);
    if (typeof value === "string") return quoted(value);
    if (typeof value !== "number") return String(value);
    if (Number.isSafeInteger(value))
      return pick(String(value), value < 0 ? String(value) : `0x${value.toString(16)}`, `${value}.0`);
    return /[.e]/.test(String(value)) ? String(value) : `${value}.0`;
  }

  function list(items: readonly string[]): string {
    if (items.length === 0) return pick("[]", "[ ]", "[\n  # none, yet\n]");
    if (chance(0.5)) return `[${pick("", " ")}${items.join(pick(", ", ","))}${pick("", ",", " ")}]`;
    const rows = items.map((item, index) => {
      const last = index === items.length - 1;
      return `${pick("  ", "    ")}${item}${last ? pick("", ",") : ","}${pick("", " # one, two", " # ]")}`;
    });
    return `[\n${pick("", "  # all, of them\n")}${rows.join("\n")}\n]`;
  }

  function inline(map: ValueMap): string {
    const entries = Object.entries(map).map(([name, item]) => keys([name]) + pick(" = ", "=") + written(item));
    if (entries.length === 0) return pick("{}", "{ }");
    if (chance(0.2)) return `{\n  ${entries.join(", # c, d\n  ")}${pick("", ",")}\n}`;
    return pick(`{ ${entries.join(", ")} }`, `{${entries.join(",")}}`);
  }

  function quoted(value: string): string {
    const basic = `"${escaped(value)}"`;
    const literal = /^[^'\p{Cc}]*$/u.test(value);
    // In a CRLF document a line break in quotes is CRLF.
    const raw = layout.eol === "\n" ? escaped(value).replaceAll("\\n", "\n") : escaped(value);
    return pick(basic, basic, literal ? `'${value}'` : basic, `"""\n${raw}"""`, literal ? `'''${value}'''` : basic);
  }
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function isEmpty(map: ValueMap): boolean {
  return Object.keys(map).length === 0;
}
