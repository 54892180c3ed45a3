import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attributionText, plainAttribution } from "../../src/core/attribution.js";

const certain = { how: "column updated_by", certainty: "certain" } as const;

describe("an attribution", () => {
  it("says who, when, how sure that is and why", () => {
    const at = "2026-11-21T03:12:00Z";
    expect(attributionText({ by: "alice", at, ...certain })).toBe(
      "alice, at 2026-11-21T03:12:00Z (certain: column updated_by)",
    );
    expect(attributionText({ by: "alice", ...certain })).toBe("alice (certain: column updated_by)");
    expect(attributionText({ at, ...certain })).toBe("unknown, at 2026-11-21T03:12:00Z (certain: column updated_by)");
  });

  it("is one short line, whatever the live system says", () => {
    expect(plainAttribution({ by: " al\u0000ice\r\n\u001b[31m\u202eevil ", ...certain })?.by).toBe("al ice [31m evil");
    expect(plainAttribution({ by: "x".repeat(500), ...certain })?.by).toBe(`${"x".repeat(79)}…`);
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.string({ maxLength: 40 }), (by, at) => {
        const plain = plainAttribution({ by, at, ...certain });
        if (plain === undefined) return;
        expect(plain.by ?? "").not.toMatch(/[\p{Cc}\p{Cs}\n\u2028\u202a-\u202e\u2066-\u2069]/u);
        expect(Array.from(plain.by ?? "", (one) => one).length).toBeLessThanOrEqual(80);
        expect(plain.at).toBeUndefined();
      }),
    );
  });

  it("is none where nothing is left of it, and has no time that is none", () => {
    expect(plainAttribution({ by: "\u0007", at: "yesterday", ...certain })).toBeUndefined();
    expect(plainAttribution({ by: "alice", at: "'; --", ...certain })).toEqual({ by: "alice", ...certain });
  });
});
