import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../src/core/finding.js";
import { blastRefusal, countLoss, lossRefusal } from "../../src/core/guards.js";
import { listScope } from "../../src/core/lists.js";
import { DEFAULT_GUARDS } from "../../src/core/policy.js";
import type { Value } from "../../src/core/value.js";

const planned = (creates: number, others: number): Finding[] =>
  Array.from({ length: creates + others }, (_, index) => ({
    ...{ path: `/${index}`, kind: "pending", action: index < creates ? "create" : "update" },
    ...{ desired: 1, live: 2, lastApplied: 2 },
  }));

describe("the blast radius", () => {
  it("counts updates and removals against the share and the number; creates never count", () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(200), (creates, others, more) => {
        const managed = others + more;
        const refused = blastRefusal(planned(creates, others), managed, { share: 0.3, atLeast: 10 }) !== undefined;
        expect(refused).toBe(others >= 10 && others > 0.3 * managed);
      }),
    );
  });
});

describe("a loss", () => {
  const loss = (known: number, lost: number, confirmed = 0) =>
    lossRefusal({ target: "t", known, lost, confirmed }, DEFAULT_GUARDS);

  it("of everything is refused, however little there was", () => {
    expect(loss(1, 1)).toContain("suddenly empty");
    expect(loss(3, 2)).toBeUndefined();
  });

  it("beyond the share is refused; as much as a person has confirmed is not", () => {
    expect(loss(20, 10)).toContain("lost 10 of 20");
    expect(loss(20, 10, 10)).toBeUndefined();
    expect(loss(20, 11, 10)).toBeDefined();
    expect(loss(1_000, 300)).toBeUndefined();
  });

  it("is accepted where the policy accepts it", () => {
    expect(
      lossRefusal({ target: "t", known: 1, lost: 1, confirmed: 0 }, { ...DEFAULT_GUARDS, acceptLoss: ["t"] }),
    ).toBeUndefined();
  });

  const rules = listScope({ "/rooms": { key: "id" }, "/tags": "set" });
  const count = (lastApplied: Value, live: Value | undefined) => countLoss(lastApplied, live, rules);

  it("counts settings as comparing does: members, keyed elements, sets and lists as one", () => {
    const document = {
      a: 1,
      rooms: [
        { id: "k", t: 1 },
        { id: "b", t: 2 },
      ],
      tags: ["x", "y"],
      empty: {},
    };
    expect(count(document, document)).toEqual({ known: 7, lost: 0 });
    expect(count(document, {})).toEqual({ known: 7, lost: 7 });
    expect(count(document, undefined)).toEqual({ known: 7, lost: 7 });
    expect(count(document, { ...document, rooms: [{ id: "b", t: 9 }] })).toEqual({ known: 7, lost: 2 });
  });

  it("is none where another kind of value stands now", () => {
    expect(count({ a: { b: 1, c: 2 } }, { a: 5 })).toEqual({ known: 2, lost: 0 });
    expect(count({ a: { b: 1, c: 2 } }, { a: {} })).toEqual({ known: 2, lost: 2 });
    expect(count({ rooms: [{ id: "k" }] }, { rooms: "none" })).toEqual({ known: 1, lost: 0 });
  });
});
