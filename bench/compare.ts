/**
 * Comparing trees: Trueup's three-way comparison against the difference libraries, as ratios to a plain walk over the leaves
 * of both trees in the same run, and which edge cases each gets right.
 */
import fastJsonPatch from "fast-json-patch";
import { diff as jsonDiff } from "json-diff-ts";
import microdiff from "microdiff";
import { compare } from "../dist/core/compare.js";
import { listScope } from "../dist/core/lists.js";
import { same } from "../dist/core/same.js";
import { type Document, isList, isMap, literal, mapOf, member, type Value } from "../dist/core/value.js";
import type { Section } from "./report.js";

type Plain = Record<string, unknown>;

const SIZES = [1_000, 10_000, 100_000] as const;
/** Runs of the largest tree; smaller ones get more, so that all are measured compiled. */
const RUNS = 15;

/** Its better setting here: by default it tells a changed kind as a removal and an addition. */
const JSON_DIFF = { treatTypeChangeAsReplace: false };

/** Rows of ten settings, as a settings table or a tree of files has them; every hundredth leaf of `live` differs. */
function document(leaves: number, drift: boolean): Document {
  const rows = Array.from({ length: leaves / 10 }, (_, row): [string, Value] => {
    const members = Array.from({ length: 10 }, (__, column): [string, Value] => {
      const changed = drift && (row * 10 + column) % 100 === 0;
      return [
        `setting-${column}`,
        column % 2 === 0 ? `value ${row} ${changed ? "moved" : column}` : row + (changed ? 1 : 0),
      ];
    });
    return [`row-${row}`, mapOf(members)];
  });
  return mapOf(rows);
}

/** The floor: every leaf of one tree looked up in the other, and compared. */
function walk(a: Value, b: Value | undefined): number {
  if (isMap(a)) {
    let differences = 0;
    for (const key of Object.keys(a)) differences += walk(a[key] ?? null, isMap(b) ? member(b, key) : undefined);
    return differences;
  }
  if (isList(a)) return a.reduce<number>((sum, item, index) => sum + walk(item, isList(b) ? b[index] : undefined), 0);
  return a === b ? 0 : 1;
}

function threeWay(lastApplied: Document, desired: Document, live: Document): number {
  return compare({ lastApplied, desired, live, lists: {}, prune: false, exclusive: false }).findings.length;
}

const contestants: Readonly<Record<string, (a: Document, b: Document) => number>> = {
  "plain leaf walk (2 trees)": walk,
  "Trueup (3 trees)": (a, b) => threeWay(a, a, b),
  "fast-json-patch 3.1.1": (a, b) => fastJsonPatch.compare(a, b).length,
  "microdiff 1.6.0": (a, b) => microdiff(a as Plain, b as Plain).length,
  "json-diff-ts 4.10.4": (a, b) => jsonDiff(a, b, JSON_DIFF).length,
};

/** Median milliseconds. All contestants take turns, so that what disturbs the machine disturbs all. */
function times(size: number, drift: boolean): Map<string, number> {
  const a = document(size, false);
  const b = document(size, drift);
  const samples = new Map(Object.keys(contestants).map((name) => [name, [] as number[]]));
  for (let run = 0; run < Math.min(300, (RUNS * 100_000) / size); run += 1) {
    for (const [name, contest] of Object.entries(contestants)) {
      const start = performance.now();
      contest(a, b);
      samples.get(name)?.push(performance.now() - start);
    }
  }
  const median = (values: number[]) => values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)] ?? Number.NaN;
  return new Map([...samples].map(([name, values]) => [name, median(values)]));
}

interface Edge {
  readonly name: string;
  readonly before: Document;
  readonly after: Document;
  /** A list under `rooms` is matched by `id`. */
  readonly keyed?: boolean;
  /** The one difference to be told, as segments; `none` where there is none. */
  readonly expected: readonly string[] | "none";
}

const own = (text: string): Document => JSON.parse(text) as Document;

const EDGES: readonly Edge[] = [
  { name: "key with a dot", before: { "a.b": 1, a: { b: 1 } }, after: { "a.b": 2, a: { b: 1 } }, expected: ["a.b"] },
  { name: "key with a slash or tilde", before: { "a/b~c": 1 }, after: { "a/b~c": 2 }, expected: ["a/b~c"] },
  { name: "empty key", before: { "": 1 }, after: { "": 2 }, expected: [""] },
  {
    name: "added `__proto__`",
    before: own('{"x":{"y":1}}'),
    after: own('{"x":{"y":1,"__proto__":2}}'),
    expected: ["x", "__proto__"],
  },
  {
    name: "changed below `__proto__`",
    before: own('{"__proto__":{"x":1}}'),
    after: own('{"__proto__":{"x":2}}'),
    expected: ["__proto__", "x"],
  },
  { name: "added `constructor`", before: {}, after: { constructor: 1 }, expected: ["constructor"] },
  { name: "map becomes scalar: one difference", before: { a: { b: 1 } }, after: { a: 5 }, expected: ["a"] },
  { name: "list becomes map: one difference", before: { a: [1] }, after: { a: { "0": 1 } }, expected: ["a"] },
  { name: "`null` becomes a map", before: { a: null }, after: { a: { b: 1 } }, expected: ["a"] },
  { name: "integers past 2^53", before: { a: 2n ** 60n }, after: { a: 2n ** 60n + 1n }, expected: ["a"] },
  { name: "`1` and `1n` are equal", before: { a: 1 }, after: { a: 1n }, expected: "none" },
  {
    name: "literals by value",
    before: { a: literal("!secret", "x") },
    after: { a: literal("!secret", "x") },
    expected: "none",
  },
  {
    name: "literal becomes an equal-looking map",
    before: { a: literal("!s", "x") },
    after: { a: { tag: "!s", text: "x" } },
    expected: ["a"],
  },
  {
    name: "keyed list in another order",
    keyed: true,
    before: { rooms: [{ id: 1 }, { id: 2 }] },
    after: { rooms: [{ id: 2 }, { id: 1 }] },
    expected: "none",
  },
  {
    name: "keyed element changed and moved",
    keyed: true,
    before: { rooms: [{ id: 1, t: 1 }, { id: 2 }] },
    after: { rooms: [{ id: 2 }, { id: 1, t: 2 }] },
    expected: ["rooms", "1", "t"],
  },
  {
    name: "live list with a doubled key",
    keyed: true,
    before: { rooms: [{ id: 1, t: 1 }] },
    after: {
      rooms: [
        { id: 1, t: 2 },
        { id: 1, t: 1 },
      ],
    },
    expected: ["rooms"],
  },
  {
    name: "live list with an element without key",
    keyed: true,
    before: { rooms: [{ id: 1 }] },
    after: { rooms: [{ id: 1 }, { t: 5 }] },
    expected: ["rooms"],
  },
];

type Told = readonly (readonly string[])[];

/** Every change of a json-diff-ts changeset as segments; a keyed element is named by its key. */
function flatten(changes: readonly { key: string; changes?: unknown }[], path: readonly string[] = []): Told {
  return changes.flatMap((change) => {
    const at = change.key === "$root" ? path : [...path, change.key];
    return Array.isArray(change.changes) ? flatten(change.changes as { key: string }[], at) : [at];
  });
}

const pointerSegments = (pointer: string) =>
  pointer
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));

const tellers: Readonly<Record<string, (edge: Edge) => Told>> = {
  Trueup: ({ before, after, keyed }) =>
    compare({
      lastApplied: before,
      desired: before,
      live: after,
      lists: keyed === true ? { "/rooms": { key: "id" } } : {},
      prune: false,
      exclusive: false,
    }).findings.map(({ path }) => pointerSegments(path)),
  "fast-json-patch": ({ before, after }) =>
    fastJsonPatch.compare(before, after).map(({ path }) => pointerSegments(path)),
  microdiff: ({ before, after }) => microdiff(before as Plain, after as Plain).map(({ path }) => path.map(String)),
  "json-diff-ts": ({ before, after, keyed }) =>
    flatten(jsonDiff(before, after, { ...JSON_DIFF, ...(keyed === true ? { embeddedObjKeys: { rooms: "id" } } : {}) })),
};

function verdict(edge: Edge, tell: (edge: Edge) => Told): string {
  try {
    const told = tell(edge);
    const right =
      edge.expected === "none" ? told.length === 0 : told.length === 1 && equalPaths(told[0], edge.expected);
    if (right) return "yes";
    return told.length === 0
      ? "**missed**"
      : edge.expected === "none"
        ? `no: ${told.length} false`
        : `no: ${told.map((path) => path.join(" › ")).join(", ")}`;
  } catch (error) {
    return `throws ${error instanceof Error ? error.name : "something"}`;
  }
}

function equalPaths(told: readonly string[] | undefined, expected: readonly string[]): boolean {
  return same([...(told ?? [])], [...expected], { scope: listScope({}) });
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |\n`;
}

/** The tables, as Markdown. */
export function comparing(): Section {
  let text = "";
  for (const drift of [false, true]) {
    text += `${drift ? "One leaf in a hundred differs" : "Nothing differs"}, as multiples of the walk (ms in brackets):\n\n`;
    const measured = SIZES.map((size) => times(size, drift));
    text += row(["", ...SIZES.map((size) => `${size / 1000}k leaves`)]);
    text += row(["---", ...SIZES.map(() => "---:")]);
    for (const name of Object.keys(contestants)) {
      const cells = measured.map((each) => {
        const own = each.get(name) ?? Number.NaN;
        return `${(own / (each.get("plain leaf walk (2 trees)") ?? Number.NaN)).toFixed(1)} (${own.toFixed(2)})`;
      });
      text += row([name, ...cells]);
    }
    text += "\n";
  }
  text += `Edge cases, ${EDGES.length} in all:\n\n`;
  text += row(["", ...Object.keys(tellers)]);
  text += row(["---", ...Object.keys(tellers).map(() => "---")]);
  const results = EDGES.map((edge) => ({ edge, verdicts: Object.values(tellers).map((tell) => verdict(edge, tell)) }));
  for (const { edge, verdicts } of results) text += row([edge.name, ...verdicts]);
  const right = Object.keys(tellers).map(
    (_, column) => results.filter(({ verdicts }) => verdicts[column] === "yes").length,
  );
  text += row(["right", ...right.map(String)]);
  return { title: "Comparing trees", figures: [], notes: [text] };
}
