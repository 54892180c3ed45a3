import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { status } from "../../src/operations/status.js";
import { sourceFacts } from "../../src/promotion/facts.js";
import { runController } from "../../src/reconcile/run.js";
import type { EnvironmentReport } from "../../src/reconcile/report.js";
import type { Session } from "../../src/reconcile/session.js";
import { runRollouts } from "../../src/server/rollouts.js";
import { startSink } from "../support/http-sink.js";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import {
  cycle,
  diffNow,
  eventList,
  findings,
  makeWorld,
  outcomes,
  syncNow,
  targetOf,
  until,
  type World,
  type WorldOptions,
} from "../support/world.js";

vi.setConfig({ testTimeout: 60_000 });

/** A store that is made in milliseconds; without a server, the embedded one. */
let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
beforeAll(async () => {
  if (postgresUnavailable === undefined) server = await startPostgres();
});
afterAll(() => server?.close());

const TARGETS = ["a", "b", "c"] as const;

/** What the application's health page answers, by the value of the canary's setting. */
let sick: ReadonlySet<string>;
let sink: Awaited<ReturnType<typeof startSink>>;
let world: World;
let session: Session;
let options: WorldOptions;

beforeEach(async () => {
  sick = new Set();
  sink = await startSink(() => ({ status: sick.has(live("a")) ? 503 : 200 }));
  const store = await server?.newDatabase();
  options = {
    ...(store === undefined ? {} : { store }),
    forge: { kind: "local" },
    interval: "200ms",
    probes: { prod: { api: { kind: "http", url: `http://127.0.0.1:${sink.port}/` } } },
  };
  world = await makeWorld(options);
  session = world.open();
});
afterEach(async () => {
  await world.close();
  await sink.close();
});

function environment(rest: string, dependsOn: Readonly<Record<string, string>> = {}): string {
  const targets = TARGETS.map((name) => {
    const needs = dependsOn[name] === undefined ? "" : `, dependsOn: [${dependsOn[name]}]`;
    return `  ${name}: { kind: files, connection: host, root: ${name}${needs} }\n`;
  });
  return `${rest}targets:\n${targets.join("")}`;
}

const CANARY = `rollout:
  groups: [ { name: canary, targets: [a], probes: [api] }, { name: rest, targets: ["*"] } ]
  probeTimeout: 1ms
`;

/** All targets get the value. */
function values(value: string): Record<string, string> {
  return Object.fromEntries(TARGETS.map((name) => [`environments/prod/${name}/app.yaml`, `value: ${value}\n`]));
}

function live(target: string): string {
  return /value: (\w+)/.exec(readFileSync(join(world.root(), target, "app.yaml"), "utf8"))?.[1] ?? "";
}
const allLive = (): string => TARGETS.map(live).join(" ");
const told = async (prefix: string): Promise<string[]> =>
  (await eventList(session, "prod")).flatMap(({ type, message }) =>
    type.startsWith(prefix) ? [`${type}: ${message}`] : [],
  );
const notes = (report: EnvironmentReport): (string | undefined)[] =>
  report.targets.map((target) => target.findings.find(({ kind }) => kind === "pending")?.note);
const short = (revision: string): string => revision.slice(0, 10);

describe("the order of targets", () => {
  it("is that of what they depend on, within one pass; a diff says what waits for what", async () => {
    await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment("", { b: "c", c: "a" }) });
    expect(notes(await diffNow(session))).toEqual([undefined, "waits for c", "waits for a"]);
    const report = await cycle(session);
    expect(report.state).toBe("Synced");
    expect(report.targets.flatMap(({ name }) => outcomes(report, name))).toHaveLength(3);
    expect(allLive()).toBe("one one one");
    const synced = (await eventList(session)).flatMap(({ type, target }) => (type === "synced" ? [target] : []));
    expect(synced).toEqual(["a", "c", "b"]);
  });

  it("holds back what is pending while the one before is away, and heals drift all the same", async () => {
    await world.commit({
      ...values("one"),
      "environments/prod/environment.yaml": environment("", { b: "a" }),
      "policies/drift.yaml": "rules: [ { name: all, severity: low } ]\n",
    });
    await cycle(session);
    const more = { "environments/prod/b/more.yaml": "more: 1\n" };
    await world.commit({ ...values("one"), ...more, "environments/prod/a/app.yaml": "value: two\n" });
    // A folder in place of the file: what git says cannot be written, and nothing else about it is known.
    renameSync(join(world.root(), "a"), join(world.root(), "away"));
    writeFileSync(join(world.root(), "a"), "no folder");
    writeFileSync(join(world.root(), "b", "app.yaml"), "value: drifted\n");
    const report = await cycle(session);
    expect(targetOf(report, "b").state).toBe("Pending");
    expect(findings(report, "b")).toEqual(["/more.yaml/more pending"]);
    expect(outcomes(report, "b")).toEqual(["/app.yaml/value healed"]);
    expect(targetOf(report, "b").findings[0]).toMatchObject({
      restrained: "waiting",
      note: "waits for a",
      actions: [],
    });
    expect(
      await status.run(session, { environments: [] }, { signal: session.stop, progress: () => undefined }),
    ).toMatchObject({
      environments: [
        { targets: expect.arrayContaining([expect.objectContaining({ name: "b", waits: "waits for a" })]) as unknown },
      ],
    });
    // Who asks for it waits in line, too.
    expect(findings(await syncNow(session), "b")).toEqual(["/more.yaml/more pending"]);
    rmSync(join(world.root(), "a"));
    renameSync(join(world.root(), "away"), join(world.root(), "a"));
    expect((await cycle(session)).state).toBe("Synced");
    expect(live("a")).toBe("two");
  });
});

describe("a rollout in groups", () => {
  it("goes on once the probes of a group are healthy", async () => {
    await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment(CANARY) });
    const first = await cycle(session);
    expect(first.state).toBe("Synced");
    const revision = await world.commit(values("two"));
    expect((await cycle(session)).state).toBe("Synced");
    expect(allLive()).toBe("two two two");
    expect(await told("roll")).toContain(`rolled-out: rolled out ${short(revision)}: canary, rest`);
    expect(sink.requests.length).toBe(2);
    const tested = await sourceFacts(session, { environment: "prod", revision }, session.stop);
    expect(tested).toMatchObject({ apart: [], since: expect.any(Number) as number });
    // A commit that changes nothing that runs asks nobody.
    await world.commit({ "README.md": "words\n" });
    await cycle(session);
    expect(sink.requests.length).toBe(2);
  });

  it("that fails restores what it changed, is not tried again, alerts, and proposes its revert", async () => {
    const good = await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment(CANARY) });
    await cycle(session);
    sick = new Set(["two"]);
    const bad = await world.commit(values("two"));
    // The time that a group has is over at the second look of the very pass.
    const restored = await cycle(session);
    expect(allLive()).toBe("one one one");
    const written = (await eventList(session)).flatMap(({ type, target, message }) =>
      type === "synced" ? [`${target} ${message}`] : [],
    );
    expect(written.slice(-2)).toEqual([
      'a synced /app.yaml/value: "one" → "two"',
      'a synced /app.yaml/value: "two" → "one"',
    ]);
    const reason = `the group canary is not healthy: api: 127.0.0.1:${sink.port} answered 503 instead of 2xx`;
    expect(restored).toMatchObject({ state: "Synced", revision: good, failedRevision: { revision: bad, reason } });
    const before = await eventList(session);
    for (let count = 0; count < 2; count += 1) expect((await cycle(session)).revision).toBe(good);
    expect(await eventList(session)).toEqual(before);
    expect(await told("rollout-")).toEqual([
      ...["rollout-healthy", "rollout-failed", "rollout-revert-proposed"].map(
        (type) => expect.stringContaining(type) as string,
      ),
    ]);
    expect(
      await status.run(session, { environments: [] }, { signal: session.stop, progress: () => undefined }),
    ).toMatchObject({
      environments: [{ failedRevision: { revision: bad, reason } }],
    });
    const { incidents, pullRequests } = await session.store();
    const [incident, ...others] = await incidents.open("prod", ["(rollout)"]);
    expect(others).toEqual([]);
    expect(JSON.parse(incident?.view ?? "")).toMatchObject({
      kind: "rollout",
      severity: "critical",
      note: `${short(bad)}: ${reason}`,
    });
    const pull = await pullRequests.find("trueup/revert/prod");
    expect(pull).toMatchObject({ state: "open", title: `Revert prod to ${short(good)}` });
    expect(await world.repository.git("rev-parse", "trueup/revert/prod^{tree}")).toBe(
      await world.repository.git("rev-parse", `${good}^{tree}`),
    );
    // Drift of what was restored is drift as ever.
    writeFileSync(join(world.root(), "b", "app.yaml"), "value: drifted\n");
    expect(findings(await cycle(session), "b")).toEqual(["/app.yaml/value modified"]);
    writeFileSync(join(world.root(), "b", "app.yaml"), "value: one\n");

    const mended = await world.commit(values("three"));
    expect(await cycle(session)).toMatchObject({ state: "Synced", revision: mended });
    expect(allLive()).toBe("three three three");
    expect(await incidents.open("prod", ["(rollout)"])).toEqual([]);
    expect(await pullRequests.find("trueup/revert/prod")).toMatchObject({ state: "closed" });
    expect(await world.repository.git("branch", "--list", "trueup/revert/prod")).toBe("");
    // Back to the one that failed: it is known.
    await world.repository.git("branch", "--force", "prod", bad);
    expect(await cycle(session)).toMatchObject({ revision: good, failedRevision: { revision: bad } });
    expect(allLive()).toBe("one one one");
  });

  it("is over when its revert is merged: the branch says what is live, and nothing is written", async () => {
    const good = await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment(CANARY) });
    await cycle(session);
    sick = new Set(["two"]);
    await world.commit(values("two"));
    for (let count = 0; count < 3; count += 1) await cycle(session);
    await world.repository.git("branch", "--force", "prod", "trueup/revert/prod");
    const report = await cycle(session);
    expect(report.revision).not.toBe(good);
    expect(report.failedRevision).toBeUndefined();
    expect(report.targets.map(({ state, outcomes: done }) => [state, done])).toEqual(
      TARGETS.map(() => ["Synced", undefined]),
    );
    const { pullRequests } = await session.store();
    expect(await pullRequests.find("trueup/revert/prod")).toMatchObject({ state: "merged" });
  });

  it("without an earlier good revision stays where it is, says so, and goes no further", async () => {
    sick = new Set(["one"]);
    const bad = await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment(CANARY) });
    for (let count = 0; count < 3; count += 1) await cycle(session);
    const report = await cycle(session);
    expect(report).toMatchObject({ revision: bad, state: "Pending", failedRevision: { revision: bad } });
    expect(targetOf(report, "a").state).toBe("Synced");
    const { apart } = await sourceFacts(session, { environment: "prod", revision: bad }, session.stop);
    expect(apart[0]).toMatchObject({
      target: "prod",
      why: expect.stringContaining("failed: the group canary") as string,
    });
    expect(targetOf(report, "b").findings[0]?.note).toContain(`the revision ${short(bad)} failed: the group canary`);
    expect(await (await session.store()).incidents.open("prod", ["(rollout)"])).toHaveLength(1);
    expect(await (await session.store()).pullRequests.find("trueup/revert/prod")).toBeUndefined();
  });

  it("fails where a target cannot apply it, and goes on after a restart in the middle, told once by two controllers", async () => {
    const groups = CANARY.replace(", probes: [api]", "").replace("1ms", "1s");
    const good = await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment(groups) });
    await cycle(session);
    const bad = await world.commit({ ...values("two"), "environments/prod/b/app.yaml": "value: [two\n" });
    expect(targetOf(await cycle(session), "b").state).toBe("Failed");
    expect(allLive()).toBe("two one two");
    const others = [world.open({ holder: "second@here:2" }), world.open({ holder: "third@here:3" })];
    await until(async () => {
      await Promise.all(others.map((other) => cycle(other)));
      return allLive() === "one one one";
    });
    expect(await cycle(session)).toMatchObject({ revision: good, failedRevision: { revision: bad } });
    const failed = await told("rollout-failed");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toContain("b, of the group rest, failed to apply it");
    expect(await told("rollout-revert-proposed")).toHaveLength(1);
  });

  it("in a running controller, wakes who waits, asks the probes until they are healthy, and restores by itself", async () => {
    const stop = new AbortController();
    const patient = CANARY.replace("1ms", "3s");
    await world.commit({ ...values("one"), "environments/prod/environment.yaml": environment(patient, { c: "b" }) });
    world.configure({ ...options, interval: "1h" });
    const running = world.open({ stop: stop.signal });
    const controller = runController(running);
    const tending = runRollouts(running);
    const rolledOut = (count: number) => until(async () => (await told("rolled-out")).length === count);
    await rolledOut(1);
    expect(allLive()).toBe("one one one");
    sick = new Set(["two"]);
    await world.commit(values("two"));
    controller.tick();
    await until(() => live("a") === "two" && sink.requests.length > 1);
    expect(allLive()).toBe("two one one");
    sick = new Set();
    await rolledOut(2);
    expect(allLive()).toBe("two two two");
    sick = new Set(["three"]);
    await world.commit(values("three"));
    controller.tick();
    await until(() => live("a") === "three");
    await until(() => allLive() === "two two two");
    await until(async () => (await told("rollout-revert-proposed")).length === 1);
    stop.abort();
    await Promise.all([controller.done, tending]);
  });
});
