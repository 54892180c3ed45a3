import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Claimant, conflicts, nameOf } from "../../src/render/claims.js";

const path = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 3 });
const claimants = fc
  .array(fc.array(fc.record({ system: fc.constantFrom("s1", "s2"), path }), { minLength: 1, maxLength: 3 }), {
    maxLength: 6,
  })
  .map((all) => all.map((claims, index): Claimant => ({ environment: "e", target: `t${index}`, claims })));

const meets = (a: readonly string[], b: readonly string[]): boolean =>
  a.every((part, index) => index >= b.length || part === b[index]);

describe("claims", () => {
  it("conflict exactly where two targets claim the same or something above it", () => {
    fc.assert(
      fc.property(claimants, (all) => {
        const expected = all
          .filter((one) =>
            all.some(
              (other) =>
                other !== one &&
                one.claims.some((a) => other.claims.some((b) => a.system === b.system && meets(a.path, b.path))),
            ),
          )
          .map(nameOf);
        const found = conflicts(all);
        expect([...found.keys()].sort()).toEqual(expected.sort());
        for (const error of found.values()) expect(error.code).toBe("TARGET_CONFLICT");
      }),
    );
  });
});
