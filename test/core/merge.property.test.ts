import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { mergeLayers, mergePatch } from "../../src/core/merge.js";
import { formatPointer, parsePointer } from "../../src/core/pointer.js";
import { equal, isMap, member, type Value } from "../../src/core/value.js";
import { documents, listRules } from "../support/trees.js";

/** RFC 7396, section 2, transcribed word for word. */
function rfc7396(target: Value | undefined, patch: Value): Value {
  if (!isMap(patch)) return patch;
  const result = new Map(isMap(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, rfc7396(result.get(name), value));
  }
  return Object.fromEntries(result);
}

describe("merging", () => {
  it("is RFC 7396 where no list has a rule", () => {
    fc.assert(
      fc.property(documents, documents, (target, patch) => {
        expect(equal(mergePatch(target, patch), rfc7396(target, patch))).toBe(true);
      }),
    );
  });

  it("is idempotent, whatever the list rules", () => {
    fc.assert(
      fc.property(documents, documents, listRules, (target, patch, lists) => {
        const once = fitting(() => mergePatch(mergePatch({}, target, lists), patch, lists));
        if (once === undefined) return;
        expect(mergePatch(once, patch, lists)).toEqual(once);
      }),
    );
  });

  it("knows for every setting a layer that says just that", () => {
    fc.assert(
      fc.property(fc.array(documents, { minLength: 1, maxLength: 3 }), (layers) => {
        const { value, origin } = mergeLayers(
          layers.map((layer) => ({ value: layer })),
          {},
        );
        for (const [path, leaf] of leaves(value, [])) {
          const found = origin(formatPointer(path));
          expect(found).toBeDefined();
          if (found === undefined) continue;
          const said = parsePointer(found.pointer).reduce<Value | undefined>(
            (node, name) =>
              isMap(node) ? member(node, name) : Array.isArray(node) ? (node as Value[])[Number(name)] : undefined,
            layers[found.layer],
          );
          // An empty map may be what is left of one in which a layer said only null.
          if (!isMap(leaf)) expect(said).toEqual(leaf);
        }
      }),
    );
  });
});

function fitting<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof TrueupError && error.code === "DOCUMENT_INVALID") return undefined;
    throw error;
  }
}

function leaves(value: Value, path: readonly string[]): (readonly [readonly string[], Value])[] {
  if (!isMap(value) || Object.keys(value).length === 0) return path.length === 0 ? [] : [[path, value]];
  return Object.entries(value).flatMap(([name, item]) => leaves(item, [...path, name]));
}
