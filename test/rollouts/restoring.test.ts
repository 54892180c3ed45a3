import { once } from "node:events";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hold } from "../../src/operations/hold.js";
import { runController } from "../../src/reconcile/run.js";
import { encodeRollout, loadRollout } from "../../src/reconcile/rollout.js";
import type { Session } from "../../src/reconcile/session.js";
import { runRollouts } from "../../src/server/rollouts.js";
import { MAIN } from "../support/cli.js";
import { type HttpSink, type SinkRequest, startSink } from "../support/http-sink.js";
import { newStores } from "../support/stores.js";
import {
  cycle,
  eventList,
  findings,
  makeWorld,
  outcomes,
  targetOf,
  until,
  type World,
  type WorldOptions,
} from "../support/world.js";

vi.setConfig({ testTimeout: 60_000 });

const newStore = newStores();

/** What the services answer, by what was asked; each asks live files. */
let answers: (request: SinkRequest) => boolean;
let sink: HttpSink;
let world: World;
let session: Session;
let options: WorldOptions;

beforeEach(async () => {
  answers = () => true;
  sink = await startSink((request) => ({ status: answers(request) ? 200 : 503 }));
  const probe = (name: string) => ({ kind: "http", url: `http://127.0.0.1:${sink.port}/${name}` });
  options = {
    ...(await newStore()),
    forge: { kind: "local" },
    interval: "1h",
    probes: { prod: Object.fromEntries(["green", "blue", "live"].map((name) => [name, probe(name)])) },
  };
  world = await makeWorld(options);
  session = world.open();
});
afterEach(async () => {
  vi.useRealTimers();
  await world.close();
  await sink.close();
});

const fileOf = (target: string): string => join(world.root(), target, "app.yaml");
function live(target: string, key = "value"): string {
  return new RegExp(`^${key}: (\\w+)`, "m").exec(readFileSync(fileOf(target), "utf8"))?.[1] ?? "";
}
/** Every write of what git moved, oldest first. */
const written = async (): Promise<string[]> =>
  (await eventList(session, "prod")).flatMap(({ type, target, message }) =>
    type === "synced" ? [`${target ?? ""} ${message.replace("synced /app.yaml/", "").replaceAll('"', "")}`] : [],
  );
const file = (target: string, text: string) => ({ [`environments/prod/${target}/app.yaml`]: text });

/** Two slots, of which the switch names the one that serves. */
const slots = (idle: "green" | "blue", other: "green" | "blue", probeTimeout = "1ms") => ({
  "environments/prod/environment.yaml": `rollout:
  groups:
    - { name: idle, targets: [${idle}], probes: [${idle}] }
    - { name: switch, targets: [switch], probes: [live] }
    - { name: other, targets: [${other}] }
  probeTimeout: ${probeTimeout}
targets:
  green: { kind: files, connection: host, root: green }
  blue: { kind: files, connection: host, root: blue }
  switch: { kind: files, connection: host, root: switch }
`,
});
const both = (value: string) => ({ ...file("green", `value: ${value}\n`), ...file("blue", `value: ${value}\n`) });
const serving = (slot: string) => file("switch", `slot: ${slot}\n`);

describe("blue/green: the idle slot, the switch, the other slot", () => {
  /** Blue serves, and both have `one`. */
  beforeEach(async () => {
    await world.commit({ ...slots("green", "blue"), ...both("one"), ...serving("blue") });
    expect((await cycle(session)).state).toBe("Synced");
  });

  it("brings a revision to the slot that serves nobody, then switches, then brings it to the other", async () => {
    const servedBy: string[] = [];
    answers = ({ path }) => {
      if (path === "/live") servedBy.push(`${live("switch", "slot")} ${live("green")} ${live("blue")}`);
      return path !== "/green" || live("switch", "slot") === "blue";
    };
    const first = (await written()).length;
    await world.commit({ ...both("two"), ...serving("green") });
    expect((await cycle(session)).state).toBe("Synced");
    expect((await written()).slice(first)).toEqual([
      "green value: one → two",
      "switch slot: blue → green",
      "blue value: one → two",
    ]);
    expect(servedBy).toEqual(["green two one"]);
  });

  it("never touches the switch where the idle slot is not healthy", async () => {
    const before = statSync(fileOf("switch"));
    answers = ({ path }) => path !== "/green" || live("green") !== "two";
    const first = (await written()).length;
    const bad = await world.commit({ ...both("two"), ...serving("green") });
    expect(await cycle(session)).toMatchObject({ state: "Synced", failedRevision: { revision: bad } });
    expect((await written()).slice(first)).toEqual(["green value: one → two", "green value: two → one"]);
    const { ino, mtimeMs } = statSync(fileOf("switch"));
    expect({ ino, mtimeMs }).toEqual({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(sink.requests.filter(({ path }) => path === "/live")).toHaveLength(1);
  });

  it("puts the switch back before the slot that it led to, by the order of the revision that failed", async () => {
    await world.commit({ ...both("two"), ...serving("green") });
    await cycle(session);
    const first = (await written()).length;
    // Green serves now: the next revision names the slots the other way round.
    answers = ({ path }) => path !== "/live" || live(live("switch", "slot")) !== "three";
    const bad = await world.commit({ ...slots("blue", "green"), ...both("three"), ...serving("blue") });
    expect(await cycle(session)).toMatchObject({ state: "Synced", failedRevision: { revision: bad } });
    expect((await written()).slice(first)).toEqual([
      "blue value: two → three",
      "switch slot: green → blue",
      "switch slot: blue → green",
      "blue value: three → two",
    ]);
    expect(live("green")).toBe("two");
  });

  it("does so in a running controller, too, at once", async () => {
    const stop = new AbortController();
    const running = world.open({ stop: stop.signal });
    const controller = runController(running);
    const tending = runRollouts(running);
    await controller.settled;
    const first = (await written()).length;
    answers = ({ path }) => path !== "/live" || live("switch", "slot") === "blue";
    await world.commit({ ...both("two"), ...serving("green") });
    controller.tick();
    await until(async () => (await written()).length >= first + 4, { within: 30_000 });
    expect((await written()).slice(first)).toEqual([
      "green value: one → two",
      "switch slot: blue → green",
      "switch slot: green → blue",
      "green value: two → one",
    ]);
    expect(live("blue")).toBe("one");
    stop.abort();
    await Promise.all([controller.done, tending]);
  });

  it("restores what can be, where the switch is away", async () => {
    answers = ({ path }) => {
      if (path !== "/live" || existsSync(join(world.root(), "away"))) return path !== "/live";
      renameSync(join(world.root(), "switch"), join(world.root(), "away"));
      // A file in place of the folder: it can be neither read nor written.
      writeFileSync(join(world.root(), "switch"), "no folder");
      return false;
    };
    const first = (await written()).length;
    await world.commit({ ...both("two"), ...serving("green") });
    await cycle(session);
    expect((await written()).slice(first)).toEqual([
      "green value: one → two",
      "switch slot: blue → green",
      "green value: two → one",
    ]);
    rmSync(join(world.root(), "switch"));
    renameSync(join(world.root(), "away"), join(world.root(), "switch"));
    expect((await cycle(session)).state).toBe("Synced");
    expect(live("switch", "slot")).toBe("blue");
  });
});

describe("what a failed revision changed", () => {
  const canary = (probeTimeout: string) => ({
    "environments/prod/environment.yaml": `rollout:
  groups: [ { name: canary, targets: [green], probes: [green] }, { name: rest, targets: [blue] } ]
  probeTimeout: ${probeTimeout}
targets:
  green: { kind: files, connection: host, root: green }
  blue: { kind: files, connection: host, root: blue }
`,
  });

  it("goes, where it was created, and what git had left behind before stays", async () => {
    await world.commit({ ...canary("1ms"), ...both("one"), ...file("green", "value: one\nold: 1\n") });
    await cycle(session);
    await world.commit(both("one"));
    expect((await cycle(session)).state).toBe("Synced");
    answers = () => !readFileSync(fileOf("green"), "utf8").includes("feature");
    const bad = await world.commit({
      ...both("one"),
      ...file("green", "value: one\nfeature: true\n"),
      "environments/prod/green/more.yaml": "more: 1\n",
    });
    // Nobody waits, so that the probes are asked once a pass.
    await cycle(session);
    expect(await cycle(session)).toMatchObject({ state: "Synced", failedRevision: { revision: bad } });
    expect(readFileSync(fileOf("green"), "utf8")).toBe("value: one\nold: 1\n");
    expect(existsSync(join(world.root(), "green", "more.yaml"))).toBe(false);
  });

  const GUARDS = `rules: [ { name: all, severity: low } ]
guards:
  freeze: [ { cron: "* * * * *", duration: 2m, timezone: UTC } ]
  blastRadius: { share: 0, atLeast: 1 }
  approval: [ { environment: prod } ]
`;

  it("is restored past a freeze, the blast radius and an approval; drift beside it is not, and holds stand", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000);
    const text = (value: string, other = 1) => `value: ${value}\nother: ${other}\n`;
    await world.commit({ ...canary("1m"), ...both("one"), ...file("green", text("one")) });
    await cycle(session);
    const good = await world.commit({ "policies/drift.yaml": GUARDS });
    expect((await cycle(session)).state).toBe("Synced");
    // What it says of guards is in force while it is rolled out; then that of the good one is.
    answers = () => live("green") !== "two";
    const bad = await world.commit({ "policies/drift.yaml": null, ...both("two"), ...file("green", text("two")) });
    await cycle(session);
    expect([live("green"), live("blue")]).toEqual(["two", "one"]);
    const context = { signal: session.stop, progress: () => undefined };
    const held = { word: "prod/green", path: "/app.yaml/value", by: "ann" };
    const end = new Date(Date.now() + 3_600_000).toISOString();
    await hold.run(session, { ...held, set: { owner: "ann", reason: "I look at it", until: end } }, context);
    later(2);
    expect(await cycle(session)).toMatchObject({ revision: good, failedRevision: { revision: bad } });
    expect(live("green")).toBe("two");
    writeFileSync(fileOf("green"), text("two", 9));
    expect(findings(await cycle(session), "green")).toEqual(["/app.yaml/value pending", "/app.yaml/other modified"]);

    await hold.run(session, held, context);
    const restored = await cycle(session);
    expect(outcomes(restored, "green")).toEqual(["/app.yaml/value synced"]);
    expect(targetOf(restored, "green").plans).toBeUndefined();
    expect([live("green"), live("green", "other"), live("blue")]).toEqual(["one", "9", "one"]);
    // The drift has to wait for all of them.
    const next = targetOf(await cycle(session), "green");
    expect(next).toMatchObject({ state: "Drifted", refused: { code: "APPROVAL_REQUIRED" } });
    expect(next.refused?.message).toContain("freeze window");
    expect(live("green", "other")).toBe("9");
  });

  it("is restored where a target had drifted before, beside the drift", async () => {
    const text = (value: string, other = 1) => `value: ${value}\nother: ${other}\n`;
    await world.commit({ ...canary("1ms"), ...both("one"), ...file("green", text("one")) });
    await cycle(session);
    writeFileSync(fileOf("green"), text("one", 9));
    await cycle(session);
    answers = () => live("green") !== "two";
    const bad = await world.commit({ ...both("two"), ...file("green", text("two")) });
    const report = await cycle(session);
    expect(report).toMatchObject({ state: "Drifted", failedRevision: { revision: bad } });
    expect(report.failedRevision?.reason).toContain("503 instead of 2xx; green has drifted");
    expect([live("green"), live("green", "other"), live("blue")]).toEqual(["one", "9", "one"]);
    // A good one gets no further than it before somebody has decided on the drift.
    await world.commit({ ...both("three"), ...file("green", text("three")) });
    await cycle(session);
    expect([live("green"), live("blue")]).toEqual(["three", "one"]);
    writeFileSync(fileOf("green"), text("three"));
    expect((await cycle(session)).state).toBe("Synced");
    expect(live("blue")).toBe("three");
  });

  it("is proposed to be reverted, but not the revert, which fails where something else is ill", async () => {
    await world.commit({ ...canary("1ms"), ...both("one") });
    await cycle(session);
    answers = () => false;
    await world.commit(both("two"));
    for (let count = 0; count < 2; count += 1) await cycle(session);
    const { pullRequests } = await session.store();
    expect(await pullRequests.find("trueup/revert/prod")).toMatchObject({ state: "open" });
    await world.repository.git("branch", "--force", "prod", "trueup/revert/prod");
    const merged = await world.repository.git("rev-parse", "prod");
    const writes = await written();
    for (let count = 0; count < 3; count += 1) await cycle(session);
    expect(await cycle(session)).toMatchObject({ state: "Synced", failedRevision: { revision: merged } });
    expect(await pullRequests.find("trueup/revert/prod")).toMatchObject({ state: "merged" });
    expect(await written()).toEqual(writes);
  });

  it("is left to whoever wrote over it", async () => {
    await world.commit({ ...canary("1ms"), ...both("one") });
    await cycle(session);
    answers = () => {
      writeFileSync(fileOf("green"), "value: mended\n");
      return false;
    };
    await world.commit(both("two"));
    const report = await cycle(session);
    expect(findings(report, "green")).toEqual(["/app.yaml/value conflicted"]);
    expect([live("green"), live("blue")]).toEqual(["mended", "one"]);
  });
});

describe("a controller that ends in the middle", () => {
  const canary = slots("green", "blue", "1m");

  it.skipIf(!existsSync(MAIN))(
    "of a rollout, by a kill, leaves the rest to the next one, which asks and goes on",
    async () => {
      await world.commit({ ...canary, ...both("one"), ...serving("blue") });
      await cycle(session);
      await world.commit({ ...both("two"), ...serving("blue") });
      const run = () => {
        const child = spawn(process.execPath, [MAIN, "--config", world.configFile, "run"]);
        let said = "";
        for (const stream of [child.stdout, child.stderr])
          stream.on("data", (text: Buffer) => (said += text.toString()));
        return { child, exited: once(child, "exit"), said: () => said };
      };
      const asked = sink.requests.length;
      answers = () => false;
      const first = run();
      await until(
        () => {
          expect(sink.requests.length, first.said()).toBeGreaterThan(asked);
        },
        { within: 30_000 },
      );
      first.child.kill("SIGKILL");
      expect((await first.exited)[1]).toBe("SIGKILL");
      expect([live("green"), live("blue")]).toEqual(["two", "one"]);
      answers = () => true;
      const second = run();
      await until(
        () => {
          expect(live("blue"), second.said()).toBe("two");
        },
        { within: 30_000 },
      );
      second.child.kill("SIGTERM");
      await second.exited;
      expect((await eventList(session)).filter(({ type }) => type === "rollout-failed")).toEqual([]);
    },
  );

  it("between the failure and what is restored, is followed by one that restores, and tells nobody twice", async () => {
    const good = await world.commit({ ...slots("green", "blue"), ...both("one"), ...serving("blue") });
    await cycle(session);
    answers = ({ path }) => path !== "/live" || live("switch", "slot") === "blue";
    const bad = await world.commit({ ...both("two"), ...serving("green") });
    // It has the switch, and is gone as its failure is saved: nothing of what comes after is done.
    const { rollouts } = await session.store();
    const save = rollouts.save.bind(rollouts);
    const gone = new Error("gone");
    vi.spyOn(rollouts, "save").mockImplementation(async (environment, kept) => {
      await save(environment, kept);
      if (kept.failed !== undefined) throw gone;
    });
    await cycle(session);
    expect([live("switch", "slot"), live("green"), live("blue")]).toEqual(["green", "two", "one"]);
    const next = world.open({ holder: "next@here:2" });
    expect(await cycle(next)).toMatchObject({ state: "Synced", revision: good, failedRevision: { revision: bad } });
    expect((await written()).slice(-2)).toEqual(["switch slot: green → blue", "green value: two → one"]);
    expect([live("switch", "slot"), live("green"), live("blue")]).toEqual(["blue", "one", "one"]);

    // Or it was gone when the pull request was open, and before it said so.
    const known = await loadRollout(next, "prod");
    expect(known?.pull).toBeDefined();
    const { pull, ...unsaid } = known ?? { revision: bad, state: "failed", healthy: [] };
    await (await next.store()).rollouts.save("prod", { rollout: encodeRollout(unsaid), events: [] });
    const last = world.open({ holder: "last@here:3" });
    await cycle(last);
    expect((await loadRollout(last, "prod"))?.pull?.number).toBe(pull?.number);
    const told = (await eventList(last, "prod")).filter(({ type }) => type === "rollout-failed");
    expect(told).toHaveLength(1);
  });
});
