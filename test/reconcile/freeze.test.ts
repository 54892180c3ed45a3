import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Session } from "../../src/reconcile/session.js";
import {
  cycle,
  diffNow,
  events,
  findings,
  makeWorld,
  outcomes,
  syncNow,
  targetOf,
  type World,
} from "../support/world.js";

/** Freeze windows on real files with real git and the embedded store; only the date is set. */
let world: World;
let session: Session;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  world = await makeWorld();
  session = world.open();
});
afterAll(async () => {
  await world.close();
  vi.useRealTimers();
});

const FRIDAY = `rules: [{ name: all, match: { path: '/**' }, severity: low }]
guards: { freeze: [{ cron: '0 18 * * 5', duration: 62h, timezone: Europe/Berlin }] }`;
const commit = (text: string) =>
  world.commit({
    "environments/prod/environment.yaml": "targets: { app: { kind: files, connection: host } }",
    "environments/prod/app/app.env": text,
    "policies/drift.yaml": FRIDAY,
  });
const live = (): string => readFileSync(join(world.root(), "app.env"), "utf8");
const drift = (text: string): void => {
  writeFileSync(join(world.root(), "app.env"), text);
};

describe("in a freeze", () => {
  it("drift is found and reported, and nothing is written; it is healed when the freeze ends", async () => {
    vi.setSystemTime("2026-11-20T16:59:00Z");
    await commit("A=1\nB=2\n");
    expect(outcomes(await cycle(session))).toEqual(["/app.env/A synced", "/app.env/B synced"]);
    drift("A=9\nB=2\n");
    vi.setSystemTime("2026-11-20T17:00:00Z");
    const frozen = await cycle(session);
    expect(findings(frozen)).toEqual(["/app.env/A modified"]);
    expect(targetOf(frozen)).toMatchObject({ state: "Drifted", refused: { code: "GUARD_REFUSED" } });
    expect(targetOf(frozen).refused?.message).toContain("until 2026-11-23T07:00:00Z");
    expect(live()).toBe("A=9\nB=2\n");

    // What moves meanwhile is planned afresh: the plan of Friday is nobody's on Monday.
    vi.setSystemTime("2026-11-22T12:00:00Z");
    drift("A=8\nB=2\n");
    await cycle(session);
    await cycle(session);
    expect(live()).toBe("A=8\nB=2\n");
    vi.setSystemTime("2026-11-23T07:00:00Z");
    expect(outcomes(await cycle(session))).toEqual(["/app.env/A healed"]);
    expect(live()).toBe("A=1\nB=2\n");
    expect(await events(session)).toEqual([
      ...["synced /app.env/A", "synced /app.env/B"],
      ...["refused", "drifted /app.env/A", "drifted /app.env/A", "healed /app.env/A"],
    ]);
  });

  it("a pending revision waits, also for a plain `sync`; one with `--confirm` goes through", async () => {
    vi.setSystemTime("2026-11-28T12:00:00Z");
    await commit("A=1\nB=3\n");
    expect(targetOf(await cycle(session))).toMatchObject({ state: "Pending", refused: { code: "GUARD_REFUSED" } });
    expect(targetOf(await syncNow(session))).toMatchObject({ refused: { code: "GUARD_REFUSED" } });
    expect(targetOf(await syncNow(session, { adopt: "desired" }))).toMatchObject({
      refused: { code: "GUARD_REFUSED" },
    });
    expect(findings(await diffNow(session))).toEqual(["/app.env/B pending"]);
    expect(live()).toBe("A=1\nB=2\n");
    expect(outcomes(await syncNow(session, { confirm: true }))).toEqual(["/app.env/B synced"]);
    expect(live()).toBe("A=1\nB=3\n");
  });

  it("nothing that is in sync is refused, and the live value can be adopted: that writes nothing", async () => {
    expect(targetOf(await cycle(session)).refused).toBeUndefined();
    drift("A=7\nB=3\n");
    expect(outcomes(await syncNow(session, { adopt: "live" }))).toEqual(["/app.env/A adopted"]);
    expect(live()).toBe("A=7\nB=3\n");
  });
});
