import fc from "fast-check";
import { isList, isMap, mapOf, member, type Value } from "../../src/core/value.js";
import type { Edit } from "../../src/core/change.js";

/** Strings that readers of one format or another take for something else, and everything that needs escapes. */
const AWKWARD = [
  ...["", " ", "on", "NO", "y", "018", "12:30", "~", "1e3", "null", "true", "0x1F", "0o17", "1_000", "=", "<<", ".inf"],
  ...["2001-01-01", "a: b", "a #b", "#a", "- a", "-a", "? a", ":", "a:", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a"],
  ...[
    "'",
    '"',
    "it's",
    'say "x"',
    "\\",
    "a\\n",
    "[a]",
    "{a}",
    "a,b",
    "a, b",
    "---",
    "...",
    "--- a",
    "__proto__",
    "a/b~c",
  ],
  ...[
    "two\nlines",
    "two\nlines\n",
    "para\n\n\ngraph\n",
    " lead\nx",
    "x\n\n",
    "\n",
    "\nx",
    "tab\tx",
    "\tx",
    "x ",
    "x \ny",
  ],
  ...[
    "cr\r\nlf",
    "\u0085",
    "\u2028",
    "\uFEFF",
    "\u0000",
    "\u007F",
    "é",
    "日本",
    "😀",
    "http://x/#a",
    "10.0.0.1",
    "8MB",
  ],
];

export const text = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: "grapheme", maxLength: 6 }),
);

const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("a", "b", "c", "host", "port", "log_level") },
  { weight: 1, arbitrary: text },
);

const scalar: fc.Arbitrary<Value> = fc.oneof(
  text,
  fc.integer(),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).filter((value) => !Number.isSafeInteger(Number(value))),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);

export const tree: fc.Arbitrary<Value> = fc.letrec<{ value: Value; map: Value }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie("value"), { maxLength: 4 }), tie("map")),
  map: fc.array(fc.tuple(key, tie("value")), { maxLength: 5 }).map(mapOf),
})).map;

/** Edits that are valid one after the other are drawn while they are applied: `pick` gives the numbers. */
export interface Draw {
  readonly pick: number;
  readonly value: Value | undefined;
  readonly key: string;
}

export const draws = fc.array(
  fc.record({
    pick: fc.nat(),
    value: fc.option(
      tree.chain((map) => fc.oneof(scalar, fc.constant(map))),
      { nil: undefined },
    ),
    key,
  }),
  { minLength: 1, maxLength: 4 },
);

/** A path into the tree, ended by an element that is there or by one that could be. */
export function drawEdit(root: Value, draw: Draw): Edit {
  const path: string[] = [];
  let at: Value = root;
  let pick = draw.pick;
  for (;;) {
    const keys: string[] = isMap(at) ? Object.keys(at) : isList(at) ? at.map((_, index) => String(index)) : [];
    const choice = pick % (keys.length + 1);
    pick = Math.floor(pick / (keys.length + 1));
    const segment = keys[choice];
    if (segment === undefined) {
      if (isMap(at)) path.push(draw.key);
      else if (isList(at)) path.push(String(at.length));
      return { path, value: draw.value ?? (isList(at) || path.length === 0 ? null : undefined) };
    }
    path.push(segment);
    const next: Value | undefined = isMap(at) ? member(at, segment) : isList(at) ? at[Number(segment)] : undefined;
    if (next === undefined || !(isMap(next) || isList(next)) || pick % 3 === 0) return { path, value: draw.value };
    at = next;
  }
}
