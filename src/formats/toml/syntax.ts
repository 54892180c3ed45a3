import { ParseError, parseTOML, type AST } from "toml-eslint-parser";
import { fault, type Source } from "../text.js";

/** What a document's text holds, by structure: smol-toml says what the values are, this says where they are written. */
export type Node = ScalarNode | ListNode | TableNode | TablesNode;

interface BaseNode {
  /** The offset of the value, or of a table's key. */
  readonly start: number;
  /** What is written for this node, in the order of the text; nothing for an element of a list, which stands in its list. */
  readonly pieces: Piece[];
}

interface ScalarNode extends BaseNode {
  readonly kind: "scalar";
  readonly content: AST.TOMLValue;
}

/** `[1, 2]` */
export interface ListNode extends BaseNode {
  readonly kind: "list";
  readonly content: AST.TOMLArray;
  readonly items: readonly Node[];
}

/** `[[a]]`, one item a header. */
export interface TablesNode extends BaseNode {
  readonly kind: "tables";
  readonly items: TableNode[];
}

export interface TableNode extends BaseNode {
  readonly kind: "table";
  readonly members: Map<string, Node>;
  /** The names that a header below this table begins with. */
  readonly path: readonly string[];
  /** Where its own entries stand; undefined where only the headers of its subtables imply the table. */
  home: Home | undefined;
  /** The braces of an inline table. */
  readonly content?: AST.TOMLInlineTable;
}

interface Home {
  readonly container: Container;
  /** `a.b` where the table is made by dotted keys; empty where it has a header or braces of its own. */
  readonly prefix: readonly string[];
}

/** What holds entries: the top of the document, a header's section, braces. */
export type Container = AST.TOMLTopLevelTable | AST.TOMLTable | AST.TOMLInlineTable;

export type Piece = { readonly section: AST.TOMLTable } | { readonly entry: AST.TOMLKeyValue };

export interface Syntax {
  readonly root: TableNode & { readonly home: Home };
  readonly program: AST.TOMLProgram;
  /** The node at a path, where the text writes one. */
  at(path: readonly (string | number)[]): Node | undefined;
}

/** @throws DOCUMENT_INVALID */
export function locate(source: Source): Syntax {
  const program = parseProgram(source);
  const [top] = program.body;
  const home = { container: top, prefix: [] };
  const root = { kind: "table" as const, start: 0, pieces: [], members: new Map<string, Node>(), path: [], home };
  for (const item of top.body) {
    if (item.type === "TOMLTable") addSection(root, item);
    else addEntry(root, top, item);
  }
  return { root, program, at: (path) => path.reduce<Node | undefined>(step, root) };
}

function parseProgram(source: Source): AST.TOMLProgram {
  try {
    return parseTOML(source.text, { tomlVersion: "1.1" });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw fault(source, error.index, "the text is not valid TOML");
  }
}

function step(node: Node | undefined, segment: string | number): Node | undefined {
  if (node?.kind === "table") return node.members.get(String(segment));
  if (node?.kind !== "list" && node?.kind !== "tables") return undefined;
  return /^(0|[1-9]\d*)$/.test(String(segment)) ? node.items[Number(segment)] : undefined;
}

function addSection(root: TableNode, section: AST.TOMLTable): void {
  const piece = { section };
  const keys = section.key.keys;
  let table = root;
  for (const key of keys.slice(0, -1)) {
    const path = [...table.path, nameOf(key)];
    table = enter(table, nameOf(key), { start: key.range[0], path, home: undefined, piece });
  }
  const last = keys.at(-1);
  if (!last) return;
  const name = nameOf(last);
  const home = { container: section, prefix: [] };
  const child = { start: last.range[0], path: [...table.path, name], home, piece };
  if (section.kind === "array") {
    let tables = table.members.get(name);
    if (tables?.kind !== "tables") {
      tables = { kind: "tables", start: child.start, pieces: [], items: [] };
      table.members.set(name, tables);
    }
    tables.pieces.push(piece);
    tables.items.push({
      kind: "table",
      members: new Map(),
      pieces: [piece],
      start: child.start,
      path: child.path,
      home,
    });
    table = tables.items.at(-1) ?? table;
  } else {
    table = enter(table, name, child);
    table.home = home;
  }
  for (const entry of section.body) addEntry(table, section, entry);
}

interface Child extends Pick<TableNode, "start" | "path" | "home"> {
  readonly piece: Piece;
}

/** The table of that name below `parent`, made where it is new; of an array of tables the last one, as TOML says. */
function enter(parent: TableNode, name: string, { piece, ...child }: Child): TableNode {
  let node = parent.members.get(name);
  if (node?.kind === "tables") {
    node.pieces.push(piece);
    node = node.items.at(-1);
  }
  if (node?.kind !== "table") {
    node = { kind: "table", members: new Map(), pieces: [], ...child };
    parent.members.set(name, node);
  }
  node.pieces.push(piece);
  return node;
}

function addEntry(parent: TableNode, container: Container, entry: AST.TOMLKeyValue): void {
  const piece = { entry };
  let table = parent;
  let prefix = parent.home?.prefix ?? [];
  for (const key of entry.key.keys.slice(0, -1)) {
    prefix = [...prefix, nameOf(key)];
    const path = [...table.path, nameOf(key)];
    table = enter(table, nameOf(key), { start: key.range[0], path, home: { container, prefix }, piece });
  }
  const last = entry.key.keys.at(-1);
  if (!last) return;
  const node = build(entry.value, last.range[0]);
  node.pieces.push(piece);
  table.members.set(nameOf(last), node);
}

function build(content: AST.TOMLContentNode, keyStart?: number): Node {
  const start = content.range[0];
  if (content.type === "TOMLValue") return { kind: "scalar", start, pieces: [], content };
  if (content.type === "TOMLArray") {
    return { kind: "list", start, pieces: [], content, items: content.elements.map((item) => build(item)) };
  }
  const home = { container: content, prefix: [] };
  const table: TableNode = {
    kind: "table",
    start: keyStart ?? start,
    pieces: [],
    members: new Map(),
    path: [],
    home,
    content,
  };
  for (const entry of content.body) addEntry(table, content, entry);
  return table;
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === "TOMLBare" ? key.name : key.value;
}
