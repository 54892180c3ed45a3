import { describe, expect, it } from "vitest";
import type { GateVerdict } from "../../src/core/gate.js";
import type { Facts } from "../../src/promotion/gates/gate.js";
import { readPromotionPolicy } from "../../src/promotion/policy.js";
import { FACTS, HOUR, NOW, openGate } from "../support/promotion-facts.js";

const FILE = "policies/promotion.yaml";
const never = new AbortController().signal;

/** What a gate written as YAML says of these facts. */
async function says(gate: string, given: Partial<Facts> = {}): Promise<GateVerdict> {
  const { state, reason } = await (await openGate(gate)).check({ ...FACTS, ...given }, never);
  return { state, reason };
}

describe("policies/promotion.yaml", () => {
  it("is hops in order, with a pull request, by hand and in sync where it says nothing else", async () => {
    const { hops } = await readPromotionPolicy(
      "order: [dev, staging, prod]\ninto: { prod: { auto: true, merge: direct } }\n",
      FILE,
    );
    const [first, second] = hops.map(({ gates, ...hop }) => ({ ...hop, gates: gates.map(({ name }) => name) }));
    const places = [9, 14, 23].map((column) => ({ file: FILE, line: 1, column }));
    expect(first).toEqual({
      ...{ from: "dev", to: "staging", auto: false, merge: "pull-request", backport: "dev", gates: ["synced"] },
      places: { from: places[0], to: places[1] },
    });
    expect(second).toEqual({
      ...{ from: "staging", to: "prod", auto: true, merge: "direct", backport: "dev", gates: ["synced"] },
      places: { from: places[1], to: places[2] },
    });
  });

  it.each([
    ["order: [dev]\n", "1:1", /order/],
    ["order: [dev, dev]\n", "1:14", /`dev` stands twice/],
    ["order: [dev, prod]\ninto: { prdo: {} }\n", "2:9", /`prdo` is not in the order/],
    ["order: [dev, prod]\ninto: { dev: {} }\n", "2:9", /nothing is promoted into dev/],
    ["order: [dev, prod]\ninto: { prod: { gates: [ { soack: { for: 1h } } ] } }\n", "2:28", /no gate `soack`/],
    ["order: [dev, prod]\ninto: { prod: { gates: [ { soak: { for: 1h }, checks: [a] } ] } }\n", "2:47", /are two/],
    ["order: [dev, prod]\ninto: { prod: { gates: [ { soak: { for: soon } } ] } }\n", "2:41", /duration/],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { checks: [a] }, { checks: [b] } ] } }\n",
      "2:43",
      /`checks` is there twice/,
    ],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { checks: [a] }, { checks: [b], name: 'a b' } ] } }\n",
      "2:64",
      /letters, digits/,
    ],
    ["order: [dev, prod]\ninto: { prod: { gates: [ { name: a } ] } }\n", "2:26", /a gate says nothing/],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { checks: [a], name: synced } ] } }\n",
      "2:26",
      /`synced` is there twice/,
    ],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { when: 'promotion.commit > 5' } ] } }\n",
      "2:34",
      /CEL expression is not valid: No such key: commit/,
    ],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { when: promotion.commits } ] } }\n",
      "2:34",
      /is a int, not a bool/,
    ],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { freeze: [ { cron: 'x', duration: 1h } ] } ] } }\n",
      "2:46",
      /cron|`x`/,
    ],
    ["order: [dev, prod]\ninto: { prod: { outo: true } }\n", "2:23", /unknown key `outo`/],
    ["", "1:1", /`order` is missing: expected a list/],
    ["- dev\n", "1:1", /expected a map, found a list/],
    [
      "\uFEFForder: [dev, prod]\r\ninto:\r\n  prod: { merge: drect }\r\n",
      "3:18",
      /expected "direct" or "pull-request"/,
    ],
    ["order: [dev, prod]\ninto: { prod: { gates: [ { freeze: [] } ] } }\n", "2:28", /at least 1 element/],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { approvals: { count: 2, by: [ann, Ann] } } ] } }\n",
      "2:48",
      /2 cannot approve: `by` names 1/,
    ],
    [
      "order: [dev, prod]\ninto: { prod: { gates: [ { approvals: { by: ['@ops'] } } ] } }\n",
      "2:46",
      /expected a login, or a team as @org\/team/,
    ],
    [
      `order: [dev, prod]\ninto: { prod: { gates: [ ${"{ soak: { for: 1h } }, ".repeat(101)} ] } }\n`,
      "2:17",
      /at most 100 elements/,
    ],
  ])("refuses %j at %s", async (text, place, message) => {
    const fault = await readPromotionPolicy(text, FILE).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: "POLICY_INVALID", message: expect.stringMatching(message) as string });
    expect(fault).toHaveProperty("where.file", FILE);
    const { line, column } = (fault as { where: { line: number; column: number } }).where;
    expect(`${line}:${column}`).toBe(place);
    expect(fault).toHaveProperty("hint", expect.stringMatching(/./));
  });
});

it("takes names for names", async () => {
  const { hops } = await readPromotionPolicy("order: [dev, constructor]\n", FILE);
  expect(hops).toMatchObject([{ from: "dev", to: "constructor", auto: false }]);
});

describe("the name of a gate", () => {
  it("tells two of a kind apart", async () => {
    const { hops } = await readPromotionPolicy(
      "order: [dev, prod]\ninto: { prod: { gates: [ { soak: { for: 1h } }, { name: calm, soak: { for: 1d, severity: critical } } ] } }\n",
      FILE,
    );
    expect(hops[0]?.gates.map(({ name }) => name)).toEqual(["synced", "soak", "calm"]);
    expect(await hops[0]?.gates[2]?.check(FACTS, never)).toMatchObject({ state: "pending" });
  });
});

describe("the gate `health`", () => {
  it("names every probe that is ill, and why", async () => {
    const probe = (name: string) =>
      Promise.resolve({ healthy: name === "api", detail: `${name}.example answered ${name === "api" ? 200 : 503}` });
    expect(await says("health: [api]", { probe })).toEqual({ state: "passed", reason: "api of dev healthy" });
    expect(await says("health: [rows, api, bus]", { probe })).toEqual({
      state: "pending",
      reason: "rows: rows.example answered 503; bus: bus.example answered 503",
    });
  });
});

describe("the gate `when`", () => {
  const long = `promotion.to == '${"x".repeat(200)}'`;
  it.each([
    [
      "when: 'promotion.commits == 2 && promotion.changes <= 1'",
      "passed",
      "`promotion.commits == 2 && promotion.changes <= 1` holds",
    ],
    [`when: '"host" in promotion.targets'`, "passed", '`"host" in promotion.targets` holds'],
    [
      "when: \"promotion.from == 'dev' && promotion.to.startsWith('st') && promotion.revision.size() == 15\"",
      "failed",
      "`promotion.from == 'dev' && promotion.to.startsWith('st') && promotion.revision.size() == 15` does not hold",
    ],
    [
      "when: 'promotion.targets[7] == \"host\"'",
      "failed",
      '`promotion.targets[7] == "host"` cannot be told: a member is not there (ask with has() first)',
    ],
    [`when: "${long}"`, "failed", `\`${long.slice(0, 120)}…\` does not hold`],
  ])("%s: %s", async (gate, state, reason) => {
    expect(await says(gate)).toEqual({ state, reason });
  });

  it("says which words a condition has", async () => {
    await expect(openGate("when: promotion.commits + 1.0 == 2.0")).rejects.toMatchObject({
      hint: "`promotion` has from, to, revision, commits, changes, targets, drift; `promotion.drift`: low, medium, high, critical",
    });
  });
});

describe("the gate `synced`", () => {
  it("names the targets that are apart, and waits", async () => {
    const { hops } = await readPromotionPolicy("order: [dev, staging]\n", FILE);
    const apart = ["a", "b", "c", "d", "e"].map((target) => ({ target, why: "is Drifted" }));
    expect(await hops[0]?.gates[0]?.check({ ...FACTS, source: { ...FACTS.source, apart } }, never)).toMatchObject({
      state: "pending",
      reason: "dev is not in sync at 1a2b3c4d5e: a is Drifted, b is Drifted, c is Drifted, 2 more",
    });
    expect(await hops[0]?.gates[0]?.check(FACTS, never)).toMatchObject({ state: "passed" });
  });
});

describe("the gate `soak`", () => {
  const drift = (last: number | "open" | undefined) => ({ lastDrift: () => Promise.resolve(last) });
  it.each([
    ["soak: { for: 2h }", {}, "passed", "2 h since dev is in sync at 1a2b3c4d5e"],
    ["soak: { for: 3h }", {}, "pending", "60 min of 3 h left"],
    [
      "soak: { for: 2h }",
      { source: { ...FACTS.source, apart: [], since: undefined } },
      "pending",
      "dev was never in sync at 1a2b3c4d5e",
    ],
    ["soak: { for: 2h }", drift("open"), "pending", "dev has open drift of medium or worse"],
    ["soak: { for: 2h }", drift(NOW - HOUR), "pending", "60 min of 2 h left"],
    ["soak: { for: 1h }", drift(NOW - HOUR), "passed", "60 min since the last drift in dev ended"],
  ])("%s with %j: %s", async (gate, given, state, reason) => {
    expect(await says(gate, given)).toEqual({ state, reason });
  });
  it("asks for drift of its severity, since the revision runs", async () => {
    const asked: unknown[] = [];
    const lastDrift: Facts["lastDrift"] = (...question) => {
      asked.push(question);
      return Promise.resolve(undefined);
    };
    await says("soak: { for: 2h, severity: high }", { lastDrift });
    expect(asked).toEqual([["high", NOW - 2 * HOUR]]);
  });
});

describe("the gate `approvals`", () => {
  const by = (...logins: string[]) => ({
    approvals: (teams: readonly string[]) =>
      Promise.resolve({
        approvers: logins.map((login) => ({ login, teams: login === "bob" ? ["acme/ops"] : [] })),
        unknown: teams.includes("acme/hidden") ? ["nobody shows who is in @acme/hidden"] : [],
      }),
  });
  it.each([
    ["approvals: {}", by(), "pending", "approved by nobody yet; 1 more needed"],
    ["approvals: {}", by("ann"), "passed", "approved by ann"],
    ["approvals: { count: 2 }", by("ann", "ann"), "pending", "approved by ann; 1 more needed"],
    [
      "approvals: { by: [carl, '@acme/ops'] }",
      by("ann"),
      "pending",
      "approved by nobody yet; 1 more of carl, @acme/ops needed; ann cannot decide on it",
    ],
    ["approvals: { by: [carl, '@acme/ops'] }", by("ann", "bob"), "passed", "approved by bob"],
    ["approvals: { by: [Carl] }", by("carl"), "passed", "approved by carl"],
    ["approvals: { count: 2 }", by("ann", "Ann"), "pending", "approved by Ann; 1 more needed"],
    [
      "approvals: { by: ['@acme/hidden'] }",
      by("bob"),
      "pending",
      "approved by nobody yet; 1 more of @acme/hidden needed; nobody shows who is in @acme/hidden",
    ],
  ])("%s: %s", async (gate, given, state, reason) => {
    expect(await says(gate, given)).toEqual({ state, reason });
  });
});

describe("the gate `checks`", () => {
  const are = (states: Readonly<Record<string, "pending" | "passed" | "failed">>) => ({
    checks: () => Promise.resolve(new Map(Object.entries(states))),
  });
  it.each([
    ["checks: [build]", are({ build: "passed" }), "passed", "build passed"],
    ["checks: [build, lint]", are({ build: "passed" }), "pending", "waits for lint"],
    ["checks: [build, lint]", are({ build: "failed" }), "failed", "build failed"],
    [
      "checks: [build]",
      { checks: () => Promise.resolve(undefined) },
      "failed",
      "there is no forge that could tell of checks: set `forge` in trueup.yaml",
    ],
  ])("%s with %j: %s", async (gate, given, state, reason) => {
    expect(await says(gate, given)).toEqual({ state, reason });
  });
});

describe("the gate `freeze`", () => {
  const gate = "freeze: [ { cron: '0 18 * * 5', duration: 62h } ]";
  it("waits while a window is open, and says until when", async () => {
    expect(await says(gate)).toMatchObject({
      state: "pending",
      reason: expect.stringContaining("until 2026-11-23T08:00:00Z") as string,
    });
    expect(await says(gate, { now: NOW + 70 * HOUR })).toEqual({ state: "passed", reason: "no freeze window is open" });
    expect(await says("freeze: [ { cron: '0 18 * * 5', duration: 62h, environment: prod } ]")).toMatchObject({
      state: "passed",
    });
  });
});
