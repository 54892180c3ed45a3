import fc from "fast-check";
import { literal, mapOf, type Document, type Value } from "../../src/core/value.js";

/** Keys that break what treats keys as paths, indices or properties. Few, so that random documents share them. */
const keys = fc.constantFrom(
  "a",
  "b",
  "a/b",
  "a~b",
  "~1",
  "",
  "__proto__",
  "constructor",
  "toString",
  "0",
  "1",
  "a.b",
  "*",
  "-",
  "$x",
);

const scalars: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Value[]>(0, 1, 2, "x", "y", true, null) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Value[]>(2n ** 60n, 0.5, "", literal("!secret", "s"), literal("!secret", "t")),
  },
);

function maps(members: fc.Arbitrary<Value>): fc.Arbitrary<Document> {
  return fc.array(fc.tuple(keys, members), { maxLength: 4 }).map((entries) => mapOf(entries));
}

/** Any document, with maps, lists, lists of maps with an `id`, literals and long integers. */
export const documents: fc.Arbitrary<Document> = (() => {
  const { node } = fc.letrec<{ node: Value }>((tie) => ({
    node: fc.oneof(
      { depthSize: "small", maxDepth: 3, withCrossShrink: true },
      scalars,
      maps(tie("node")),
      fc.array(tie("node"), { maxLength: 3 }),
      elements(tie("node")),
    ),
  }));
  return maps(node);
})();

/** A list of maps, each with its own `id`. */
function elements(members: fc.Arbitrary<Value>): fc.Arbitrary<Value> {
  const ids = fc.constantFrom<Value[]>("k", "b", 3, "a/b", "__proto__");
  return fc
    .uniqueArray(fc.tuple(ids, maps(members)), { maxLength: 3, selector: ([id]) => id })
    .map((list) =>
      list.map(([id, element]) => mapOf([["id", id], ...Object.entries(element).filter(([name]) => name !== "id")])),
    );
}

/** Rules for the keys that documents have: what they do not fit, they do not match. */
export const listRules = fc
  .array(
    fc.tuple(
      fc
        .array(fc.constantFrom("a", "b", "a~1b", "*", "0"), { minLength: 1, maxLength: 3 })
        .map((path) => `/${path.join("/")}`),
      fc.constantFrom("set" as const, { key: "id" }),
    ),
    { maxLength: 3 },
  )
  .map((rules) => Object.fromEntries(rules));

/** A document and what became of it: some members and elements are changed, gone or new. */
export function variants(of: Document): fc.Arbitrary<Document> {
  return fc.oneof(
    { weight: 1, arbitrary: documents },
    {
      weight: 5,
      arbitrary: fc.infiniteStream(fc.tuple(fc.nat(9), scalars, documents)).map((dice) => vary(of, dice) as Document),
    },
  );
}

function vary(value: Value, dice: Iterator<[number, Value, Document]>): Value {
  const change = (item: Value): Value[] => {
    const [roll, scalar, document] = (dice.next().value as [number, Value, Document] | undefined) ?? [9, null, {}];
    if (roll === 0) return [];
    if (roll === 1) return [scalar];
    if (roll === 2) return [document];
    return [vary(item, dice)];
  };
  if (Array.isArray(value)) return (value as Value[]).flatMap(change);
  if (typeof value !== "object" || value === null || Object.getOwnPropertySymbols(value).length > 0) return value;
  return mapOf(
    Object.entries(value).flatMap(([name, item]) => {
      const [next] = name === "id" ? [item] : change(item as Value);
      return next === undefined ? [] : [[name, next] as const];
    }),
  );
}
