import type { Gate, Facts } from "../../src/promotion/gates/gate.js";
import { readPromotionPolicy } from "../../src/promotion/policy.js";

export const HOUR = 3_600_000;
/** A Friday evening. */
export const NOW = Date.parse("2026-11-20T20:00:00Z");

/** Of a revision that is in sync in dev for two hours, brings two commits and changes one setting of staging. */
export const FACTS: Facts = {
  ...{ from: "dev", to: "staging", revision: "1a2b3c4d5e6f7a8b", now: NOW },
  source: { apart: [], since: NOW - 2 * HOUR, drift: { low: 0, medium: 0, high: 0, critical: 0 } },
  candidate: { commits: 2, changes: 1, targets: ["host"] },
  lastDrift: () => Promise.resolve(undefined),
  approvals: () => Promise.resolve({ approvers: [], unknown: [] }),
  checks: () => Promise.resolve(new Map()),
  probe: () => Promise.resolve({ healthy: true, detail: "it answered" }),
  ask: () => Promise.resolve({ state: "passed", reason: "the board says so" }),
};

/** The gate that policies/promotion.yaml asks for by this line of YAML; without one, what stands in front of every hop. */
export async function openGate(line?: string): Promise<Gate> {
  const gates = line === undefined ? "" : `into:\n  staging:\n    gates:\n      - ${line}\n`;
  const { hops } = await readPromotionPolicy(`order: [dev, staging]\n${gates}`, "policies/promotion.yaml");
  const gate = hops[0]?.gates.at(-1);
  if (gate === undefined) throw new Error("the hop has no gate");
  return gate;
}
