import { expect, it } from "vitest";
import { TrueupError } from "../../../src/core/errors.js";
import { gateKinds } from "../../../src/promotion/gates/registry.js";
import { gateContract, type GateCase } from "../../contract/gate.js";
import { FACTS, HOUR, NOW, openGate } from "../../support/promotion-facts.js";

const approved = (...logins: string[]) => ({
  approvals: () => Promise.resolve({ approvers: logins.map((login) => ({ login, teams: [] })), unknown: [] }),
});

const CASES: Readonly<Record<string, GateCase>> = {
  synced: {
    open: () => openGate(),
    passing: {},
    other: { source: { ...FACTS.source, apart: [{ target: "host", why: "is Drifted" }], since: undefined } },
    state: "pending",
  },
  soak: {
    open: () => openGate("soak: { for: 2h }"),
    passing: {},
    other: { lastDrift: () => Promise.resolve("open") },
    state: "pending",
  },
  approvals: {
    open: () => openGate("approvals: { count: 2 }"),
    passing: approved("ann", "bob"),
    other: approved("ann"),
    state: "pending",
  },
  checks: {
    open: () => openGate("checks: [build]"),
    passing: { checks: () => Promise.resolve(new Map([["build", "passed"]])) },
    other: { checks: () => Promise.resolve(new Map([["build", "failed"]])) },
    state: "failed",
  },
  freeze: {
    open: () => openGate("freeze: [ { cron: '0 18 * * 5', duration: 62h } ]"),
    passing: { now: NOW + 70 * HOUR },
    other: {},
    state: "pending",
  },
  health: {
    open: () => openGate("health: [api, rows]"),
    passing: {},
    other: { probe: () => Promise.resolve({ healthy: false, detail: "api.example answered 503 instead of 200" }) },
    state: "pending",
  },
  webhook: {
    open: () => openGate("webhook: change-board"),
    passing: {},
    other: { ask: () => Promise.resolve({ state: "failed", reason: "CHG-1 was refused" }) },
    state: "failed",
  },
  when: {
    open: () => openGate("when: 'promotion.changes < 5'"),
    passing: {},
    other: { candidate: { commits: 1, changes: 5, targets: ["host"] } },
    state: "failed",
  },
};

for (const [kind, one] of Object.entries(CASES)) gateContract(kind, one);

it("leaves no kind of gate out", () => {
  expect(Object.keys(CASES)).toEqual(["synced", ...gateKinds.map(({ kind }) => kind)]);
});

it.each(gateKinds.map(({ kind }) => kind))("calls a gate `%s` as the policy does", async (kind) => {
  const plain = await CASES[kind]?.open();
  expect(plain?.name).toBe(kind);
});

it("knows in a condition what drifts in the source now, by severity, and no other words", async () => {
  const calm = await openGate("when: 'promotion.drift.critical + promotion.drift.high == 0'");
  const never = new AbortController().signal;
  const drifting = { ...FACTS.source, drift: { low: 9, medium: 1, high: 1, critical: 0 } };
  expect(await calm.check(FACTS, never)).toMatchObject({ state: "passed" });
  expect(await calm.check({ ...FACTS, source: drifting }, never)).toMatchObject({
    ...{ state: "failed", reason: "`promotion.drift.critical + promotion.drift.high == 0` does not hold" },
  });
  await expect(openGate("when: 'promotion.drift.sever == 0'")).rejects.toMatchObject({
    ...{ code: "POLICY_INVALID", hint: expect.stringContaining("drift") as string },
  });
});

it("says what trueup.yaml has to give, where a probe or a webhook is not there", async () => {
  const missing = new TrueupError("CONFIG_INVALID", "trueup.yaml gives dev no probe `apy`", {
    hint: 'did you mean "api"?',
  });
  const expected = { state: "failed", reason: 'trueup.yaml gives dev no probe `apy` (did you mean "api"?)' };
  const never = new AbortController().signal;
  const facts = { ...FACTS, probe: () => Promise.reject(missing), ask: () => Promise.reject(missing) };
  expect(await (await openGate("health: [apy]")).check(facts, never)).toEqual(expected);
  expect(await (await openGate("webhook: apy")).check(facts, never)).toEqual(expected);
});
