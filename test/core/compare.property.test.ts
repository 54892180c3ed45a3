import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyChanges } from "../../src/core/apply.js";
import type { ListRules } from "../../src/core/change.js";
import { compare, type Comparison } from "../../src/core/compare.js";
import { applyEdits } from "../../src/core/edit.js";
import { TrueupError } from "../../src/core/errors.js";
import { changeOf, type Finding } from "../../src/core/finding.js";
import { checkLists, listScope, trace } from "../../src/core/lists.js";
import { parsePointer } from "../../src/core/pointer.js";
import { same } from "../../src/core/same.js";
import { decodeDocument, encodeDocument, sealDocument } from "../../src/core/sealed.js";
import { type Document, emptyMap, isList, isMap, type Value } from "../../src/core/value.js";
import { documents, listRules, variants } from "../support/trees.js";

interface Case {
  readonly a: Document;
  readonly d: Document;
  readonly l: Document;
  readonly lists: ListRules;
  readonly prune: boolean;
  readonly exclusive: boolean;
}

const cases: fc.Arbitrary<Case> = documents
  .chain((base) => fc.tuple(variants(base), variants(base), variants(base)))
  .chain(([a, d, l]) => fc.tuple(fc.constantFrom(a, d), fc.constant(d), fc.constantFrom(l, a), listRules))
  .filter(([, d, , lists]) => fits(d, lists))
  .chain(([a, d, l, lists]) =>
    fc.tuple(fc.boolean(), fc.boolean()).map(([prune, exclusive]) => ({ a, d, l, lists, prune, exclusive })),
  );

function fits(document: Document, lists: ListRules): boolean {
  try {
    checkLists(document, listScope(lists), { path: [] });
    return true;
  } catch (error) {
    if (error instanceof TrueupError) return false;
    throw error;
  }
}

function run({ a, d, l, ...rest }: Case): Comparison {
  return compare({ lastApplied: a, desired: d, live: l, ...rest });
}

/** What a person who wants git everywhere would apply. */
function toApply({ findings }: Comparison, { exclusive }: Case): readonly Finding[] {
  return findings.filter(({ kind }) => exclusive || kind !== "unmanaged");
}

function at(document: Document, path: string, lists: ListRules): Value | undefined {
  const found = trace(document, parsePointer(path), listScope(lists));
  return typeof found === "string" ? undefined : found.value;
}

/** Whether live has all that git names: extra members of maps and keyed lists are neighbours. */
function holds(d: Value, l: Value | undefined, lists: ListRules): boolean {
  const { findings } = compare({
    lastApplied: undefined,
    desired: { d },
    live: l === undefined ? {} : { l: 0, d: l },
    lists: nested(lists),
    prune: false,
    exclusive: false,
  });
  return findings.every(({ kind }) => kind === "unmanaged");
}

function nested(lists: ListRules): ListRules {
  return Object.fromEntries(Object.entries(lists).map(([pointer, rule]) => [`/d${pointer}`, rule]));
}

const runs = { numRuns: 1000 };

describe("apply(plan(compare(A, D, L)))", () => {
  it("brings every managed setting to D: a second compare finds nothing but unmanaged neighbours", () => {
    fc.assert(
      fc.property(cases, (each) => {
        const first = run(each);
        const { document, steps, edits } = applyChanges(each.l, toApply(first, each).map(changeOf), each.lists);
        expect(steps.filter((step) => "moved" in step)).toEqual([]);
        expect(applyEdits(each.l, edits)).toEqual(document);
        expect(holds(each.d, document, each.lists)).toBe(true);
        const second = run({ ...each, a: first.lastApplied, l: document });
        expect(toApply(second, each)).toEqual([]);
        const third = run({ ...each, a: second.lastApplied, l: document });
        expect(third).toEqual(second);
      }),
      runs,
    );
  });

  it("leaves all else untouched: what was unmanaged is as it was", () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { findings } = run(each);
        const chosen = findings.filter(({ kind }) => kind !== "unmanaged");
        const { document } = applyChanges(each.l, chosen.map(changeOf), each.lists);
        for (const { path, live } of findings.filter(({ kind }) => kind === "unmanaged")) {
          expect(same(live, at(document, path, each.lists), { scope: listScope({}) })).toBe(true);
        }
      }),
      runs,
    );
  });

  it("heals one setting and no other, unless it is a position of a list", () => {
    fc.assert(
      fc.property(cases, fc.nat(), (each, choice) => {
        const { findings } = run(each);
        const chosen = findings[choice % Math.max(findings.length, 1)];
        if (chosen === undefined || inOrderedList(chosen.path, each)) return;
        const { document, steps } = applyChanges(each.l, [changeOf(chosen)], each.lists);
        expect(steps).toHaveLength(1);
        const left = run({ ...each, l: document }).findings;
        for (const other of findings) {
          if (other === chosen) continue;
          expect(at(document, other.path, each.lists)).toEqual(other.live);
        }
        if (chosen.kind !== "unmanaged") expect(left.map(({ path }) => path)).not.toContain(chosen.path);
      }),
      runs,
    );
  });

  it("finds nothing where live is desired, whatever was last applied", () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { findings, lastApplied } = run({ ...each, l: each.d });
        expect(findings).toEqual([]);
        expect(lastApplied).toEqual(each.d);
      }),
      runs,
    );
  });

  it("ignores what it is told to, and touches nothing there", () => {
    const ignored = (pointer: string) => /\/(b|0|__proto__)$/.test(pointer);
    fc.assert(
      fc.property(cases, (each) => {
        const { findings, lastApplied } = compare({
          ...each,
          lastApplied: each.a,
          desired: each.d,
          live: each.l,
          ignored,
        });
        expect(findings.filter(({ path }) => ignored(path))).toEqual([]);
        const again = compare({ ...each, lastApplied, desired: each.d, live: each.d, ignored });
        expect(again.findings).toEqual([]);
      }),
      runs,
    );
  });
});

describe("sealing", () => {
  it("changes nothing of what is found", () => {
    const hash = (text: string) => createHash("sha256").update(text).digest("hex");
    fc.assert(
      fc.property(cases, (each) => {
        const sealed = sealDocument(each.a, {
          sensitive: (pointer) => !pointer.endsWith("a"),
          lists: each.lists,
          hash,
        });
        const stored = decodeDocument(encodeDocument(sealed)) ?? emptyMap();
        const found = compare({ ...each, lastApplied: stored, desired: each.d, live: each.l, hash });
        const brief = ({ path, kind, action }: Finding) => `${kind} ${action} ${path}`;
        expect(found.findings.map(brief)).toEqual(run(each).findings.map(brief));
      }),
      runs,
    );
  });
});

/** Whether a list that is matched by position is on the way: healing one position may be moving another. */
function inOrderedList(path: string, { l, d, lists }: Case): boolean {
  const segments = parsePointer(path);
  return [l, d].some((document) =>
    segments.some((_, depth) => {
      const prefix = segments.slice(0, depth);
      const found = trace(document, prefix, listScope(lists));
      return typeof found !== "string" && isList(found.value) && !isMap(found.value);
    }),
  );
}
