import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Session } from "../../src/reconcile/session.js";
import * as support from "../support/world.js";

/** Settings that something else keeps writing, on real files with real git and the embedded store; only the date is set. */
let world: support.World;
let session: Session;
let name: string;
let next = 0;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  world = await support.makeWorld({ environments: ["e0", "e1", "e2", "e3", "e4"] });
  session = world.open();
});
afterAll(async () => {
  await world.close();
  vi.useRealTimers();
});
beforeEach(async () => {
  name = `e${next}`;
  next += 1;
  at(0);
  await commit("A=1\nB=1\n");
  await cycle();
});

const at = (minutes: number): void => {
  vi.setSystemTime(Date.UTC(2026, 10, 21, 12, minutes));
};
const commit = (text: string, { file = "app.env", guards = "" } = {}) =>
  world.commit(
    {
      [`environments/${name}/environment.yaml`]: "targets: { app: { kind: files, connection: host } }",
      [`environments/${name}/app/${file}`]: text,
      "policies/drift.yaml": `rules: [{ name: all, match: { path: '/**' }, severity: low }]\n${guards}`,
    },
    { branch: name },
  );
const cycle = () => support.cycle(session, name);
const live = (): string => readFileSync(join(world.root(name), "app.env"), "utf8");
const drift = (text: string): void => {
  writeFileSync(join(world.root(name), "app.env"), text);
};
const alerts = async () => (await support.eventList(session, name)).filter(({ type }) => type === "flapping");

/** Something else writes A again and again; each pass heals it. */
async function spendHeals(): Promise<void> {
  for (const minutes of [1, 2, 3]) {
    at(minutes);
    drift("A=9\nB=1\n");
    expect(support.outcomes(await cycle())).toEqual(["/app.env/A healed"]);
  }
}

describe("a setting that something else keeps writing", () => {
  it("is healed three times; then it is left alone, with one alert of both values and the times", async () => {
    await spendHeals();
    expect(await alerts()).toEqual([]);
    at(4);
    drift("A=9\nB=9\n");
    const report = await cycle();
    // Its neighbour is healed as ever.
    expect(support.outcomes(report)).toEqual(["/app.env/B healed"]);
    expect(support.targetOf(report)).toMatchObject({
      state: "Drifted",
      findings: [{ path: "/app.env/A", live: "9", desired: "1", actions: ["alert"], restrained: "flapping" }],
    });
    const [{ note } = {}] = support.targetOf(report).findings;
    expect(note).toContain("3 times (2026-11-21T12:01:00Z, 2026-11-21T12:02:00Z, 2026-11-21T12:03:00Z)");
    expect(live()).toBe("A=9\nB=1\n");
    for (const minutes of [5, 6, 7]) {
      at(minutes);
      expect(support.outcomes(await cycle())).toEqual([]);
    }
    const [alert, ...more] = await alerts();
    expect(more).toEqual([]);
    expect(alert).toMatchObject({ path: "/app.env/A", detail: { desired: "1", live: "9", actions: ["alert"] } });
    expect(alert?.message).toContain('between "1" (desired) and "9" (live)');
    expect(support.targetOf(await support.diffNow(session, name)).findings).toMatchObject([{ restrained: "flapping" }]);
  });

  it("is healed again when it stood still; what moves does not stand still, nor does a restart forget", async () => {
    await spendHeals();
    at(10);
    drift("A=9\nB=1\n");
    await cycle();
    at(20);
    drift("A=1\nB=1\n");
    expect((await cycle()).state).toBe("Synced");
    at(35);
    drift("A=8\nB=1\n");
    expect(support.outcomes(await cycle())).toEqual([]);
    await session.close();
    session = world.open();
    at(64);
    expect(support.outcomes(await cycle())).toEqual([]);
    expect(await alerts()).toHaveLength(1);
    at(65);
    expect(support.outcomes(await cycle())).toEqual(["/app.env/A healed"]);
    expect(live()).toBe("A=1\nB=1\n");
    at(66);
    drift("A=8\nB=1\n");
    expect(support.outcomes(await cycle())).toEqual(["/app.env/A healed"]);
  });

  it("is synced, and healed again, when git says something else of it; another revision changes nothing", async () => {
    await spendHeals();
    at(4);
    drift("A=9\nB=1\n");
    await commit("A=1\nB=2\n");
    expect(support.outcomes(await cycle())).toEqual(["/app.env/B synced"]);
    await commit("A=2\nB=2\n");
    // Both sides moved.
    expect(support.targetOf(await cycle()).findings).toMatchObject([{ kind: "conflicted", desired: "2", live: "9" }]);
    expect(support.outcomes(await support.syncNow(session, { environments: [name], adopt: "desired" }))).toHaveLength(
      1,
    );
    at(5);
    drift("A=9\nB=2\n");
    expect(support.outcomes(await cycle())).toEqual(["/app.env/A healed"]);
    expect(live()).toBe("A=2\nB=2\n");
  });

  it("is written when a person says so, and is healed anew from there", async () => {
    await spendHeals();
    at(4);
    drift("A=9\nB=1\n");
    expect(support.outcomes(await support.syncNow(session, { environments: [name] }))).toEqual([]);
    expect(support.outcomes(await support.syncNow(session, { environments: [name], adopt: "desired" }))).toEqual([
      "/app.env/A healed",
    ]);
    at(5);
    drift("A=9\nB=1\n");
    expect(support.outcomes(await cycle())).toEqual(["/app.env/A healed"]);
  });

  it("costs the store nothing while it stands, and its values stay unseen where it is sensitive", async () => {
    await commit("PASSWORD=correct-horse\n", { guards: "guards: { flapping: { heals: 1, within: 10m } }" });
    await cycle();
    at(1);
    drift("PASSWORD=battery-staple\nA=1\n");
    expect(support.outcomes(await cycle())).toEqual(["/app.env/PASSWORD healed"]);
    at(2);
    drift("PASSWORD=battery-staple\nA=1\n");
    const report = support.targetOf(await cycle());
    expect(report.findings).toMatchObject([{ path: "/app.env/PASSWORD", sensitive: true, restrained: "flapping" }]);
    const { records } = await session.store();
    const before = await records.load(name);
    const said = JSON.stringify([report, [...before], await support.eventList(session, name), world.logged]);
    expect(said).toContain("flaps between");
    expect(said).not.toMatch(/battery-staple|correct-horse/);
    at(3);
    await cycle();
    expect(await records.load(name)).toEqual(before);
    expect(await alerts()).toHaveLength(1);
  });
});
