import { describe, expect, it } from "vitest";
import type { GateVerdict } from "../../src/core/gate.js";
import type { Facts, Gate } from "../../src/promotion/gates/gate.js";
import { FACTS } from "../support/promotion-facts.js";

export interface GateCase {
  /** As policies/promotion.yaml says it. */
  readonly open: () => Promise<Gate>;
  /** Beyond `FACTS`: with which it passes, and with which it does not. */
  readonly passing: Partial<Facts>;
  readonly other: Partial<Facts>;
  readonly state: Exclude<GateVerdict["state"], "passed">;
}

const SECRET = "hunter2";
const never = new AbortController().signal;

/** What holds of every gate, whatever it asks. */
export function gateContract(kind: string, { open, passing, other, state }: GateCase): void {
  describe(`the gate \`${kind}\` as every gate`, () => {
    it("passes or does not, by the facts alone, and says why on one line", async () => {
      const gate = await open();
      for (const [given, expected] of [
        [passing, "passed"],
        [other, state],
      ] as const) {
        const facts = { ...FACTS, ...given };
        const verdict = await gate.check(facts, never);
        expect(verdict).toMatchObject({ state: expected, reason: expect.stringMatching(/^\S.*\S$/) as string });
        expect(verdict.reason).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(await gate.check(facts, never)).toEqual(verdict);
        expect(await (await open()).check(facts, never)).toEqual(verdict);
      }
    });

    it("never passes for want of an answer: what it could not ask is the caller's to judge", async () => {
      const fault = new Error(`the password is ${SECRET}`);
      const facts = asking({ ...FACTS, ...other }, () => Promise.reject(fault));
      const [result] = await Promise.allSettled([(await open()).check(facts, never)]);
      if (result.status === "rejected") expect(result.reason).toBe(fault);
      else {
        expect(result.value.state).toBe(state);
        expect(result.value.reason).not.toContain(SECRET);
      }
    });

    it("is over when nobody wants to know any more", async () => {
      const stop = new AbortController();
      const reason = new Error("enough");
      const facts = asking(
        { ...FACTS, ...other },
        () =>
          new Promise<never>((_, reject) => {
            stop.signal.addEventListener("abort", () => {
              reject(reason);
            });
          }),
      );
      const checked = Promise.allSettled([(await open()).check(facts, stop.signal)]);
      stop.abort(reason);
      const [result] = await checked;
      if (result.status === "rejected") expect(result.reason).toBe(reason);
      else expect(result.value.state).toBe(state);
    });
  });
}

/** Facts that are had at once, and answers that are not. */
function asking(facts: Facts, answer: () => Promise<never>): Facts {
  return { ...facts, lastDrift: answer, approvals: answer, checks: answer, probe: answer, ask: answer };
}
