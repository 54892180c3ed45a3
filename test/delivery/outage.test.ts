import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deliverDue, type Delivering } from "../../src/delivery/deliver.js";
import { cleanEnv, MAIN } from "../support/cli.js";
import { type HttpSink, type SinkAnswer, startSink } from "../support/http-sink.js";
import { reconcileEnvironment } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { type MovableSession, openMovable } from "../support/store-clock.js";
import { makeWorld, syncNow, until, type World } from "../support/world.js";

const MINUTE = 60_000;
const SETTINGS = Array.from({ length: 36 }, (_, index) => `SETTING_${index}`);
/** As long as a lane of the controller waits at most before it looks again. */
const POLL = MINUTE;

interface Told {
  readonly id: string;
  readonly kind: string;
  readonly incidents: readonly { readonly fingerprint: string; readonly live: unknown }[];
}

let world: World;
let revision: string;
let sink: HttpSink;
/** What the failing receiver answers now; undefined: it takes the message, and the answer never arrives. */
let answer: SinkAnswer | undefined;
/** What the failing receiver has taken, answered or not, in order. */
let taken: Told[];
let child: ChildProcess | undefined;

beforeEach(async () => {
  taken = [];
  answer = { status: 503 };
  sink = await startSink(({ path, body }) => {
    if (path !== "/failing") return { status: 204 };
    if (answer === undefined || answer.status < 300) taken.push(JSON.parse(body) as Told);
    return answer;
  });
  world = await makeWorld();
  revision = await world.commit({
    "environments/prod/environment.yaml": "targets: { app: { kind: files, connection: host } }\n",
    "environments/prod/app/app.env": SETTINGS.map((name) => `${name}=0\n`).join(""),
    "policies/drift.yaml": "rules: [{ name: all, match: { path: '/**' }, severity: high, actions: [alert] }]\n",
  });
  const config = JSON.parse(readFileSync(world.configFile, "utf8")) as object;
  const notifiers = ["failing", "steady"].map((name) => ({
    ...{ kind: "webhook", name, url: `http://127.0.0.1:${sink.port}/${name}` },
  }));
  writeFileSync(world.configFile, JSON.stringify({ ...config, notifiers }));
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await world.close();
  await sink.close();
});

const values = new Map<string, number>();
/** Somebody changes settings on the host. */
const drift = (names: readonly string[], value: number): void => {
  for (const name of names) values.set(name, value);
  writeFileSync(join(world.root(), "app.env"), SETTINGS.map((name) => `${name}=${values.get(name) ?? 0}\n`).join(""));
};
const steady = (): Told[] =>
  sink.requests.filter(({ path }) => path === "/steady").map(({ body }) => JSON.parse(body) as Told);
const failures = (): Told[] =>
  sink.requests.filter(({ path }) => path === "/failing").map(({ body }) => JSON.parse(body) as Told);
/** What a receiver heard of each incident, in order; a message that came again counts once. */
const stories = (told: readonly Told[]) => {
  const seen = new Set<string>();
  const result: Record<string, string[]> = {};
  for (const { id, kind, incidents } of told) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const { fingerprint, live } of incidents) (result[fingerprint] ??= []).push(`${kind} ${String(live)}`);
  }
  return result;
};

/** One pass of the controller; git did not move. */
async function pass(session: Session): Promise<void> {
  const branches = new Map([["prod", revision]]);
  await reconcileEnvironment(
    session,
    { environment: "prod", branches, signal: session.stop },
    { sync: false, confirm: false },
  );
}

/** The lane of one notifier, as the controller runs it, but with the store's clock moved in place of waiting. */
async function lane(open: MovableSession, name: string, until: (elapsed: number) => Promise<boolean>) {
  const { session } = open;
  const route = (await session.routes()).find((one) => one.name === name);
  if (route === undefined) throw new Error(`no route ${name}`);
  const { outbox } = await session.store();
  const notifier = await session.notifier(route);
  const delivering: Delivering = { outbox, route, notifier, holder: session.holder, log: session.log };
  const pauses: number[] = [];
  for (let elapsed = 0; !(await until(elapsed));) {
    const failed = await deliverDue(delivering, session.stop);
    const pause = Math.min(failed ?? (await outbox.nextDue(name)) ?? POLL, POLL);
    pauses.push(pause);
    await open.pass(pause);
    elapsed += pause;
  }
  return pauses;
}

describe.skipIf(!existsSync(MAIN))("a receiver that fails for an hour", () => {
  it(
    "loses no message and gets none twice but the one whose answer was lost, in order, over a restart and a kill",
    { timeout: 120_000 },
    async () => {
      let changes = 0;
      let looks = 0;
      /** Every few minutes of the outage something drifts, or drifts further. */
      const restless = (open: MovableSession, minutes: number) => async (elapsed: number) => {
        if (elapsed >= minutes * MINUTE) return true;
        looks += 1;
        if (looks % 3 > 0) return false;
        changes += 1;
        const first = (changes * 3) % SETTINGS.length;
        drift(SETTINGS.slice(first, first + 3), changes);
        await pass(open.session);
        return false;
      };
      const before = await openMovable(world);
      await syncNow(before.session);
      const pauses = await lane(before, "failing", restless(before, 30));
      await lane(before, "steady", (elapsed) => Promise.resolve(elapsed > 0));
      await before.close();
      // It is asked less and less often, not once for every message that waits.
      expect(Math.min(...pauses)).toBeGreaterThan(3_000);
      expect(failures().length).toBeLessThanOrEqual(pauses.length);

      // A controller of its own goes on, is told of more, and is killed while the receiver has a message and has not answered.
      child = spawn(process.execPath, [MAIN, "run", "--config", world.configFile], { env: cleanEnv(world.folder) });
      const heard = steady().length;
      await until(() => child?.exitCode === null && steady().length >= heard, { within: 30_000 });
      answer = undefined;
      await until(
        () => {
          changes += 1;
          drift(["SETTING_35"], changes);
          return taken.length > 0 && steady().length > heard;
        },
        { within: 30_000 },
      );
      child.kill("SIGKILL");
      await once(child, "exit");
      const [lost] = taken;
      answer = { status: 503 };

      const after = await openMovable(world);
      await lane(after, "failing", restless(after, 30));
      expect(taken).toHaveLength(1);
      answer = { status: 204 };
      drift(SETTINGS, 0);
      await pass(after.session);
      const { outbox } = await after.session.store();
      const isEmpty = async () => (await outbox.summary()).length === 0;
      await lane(after, "steady", (elapsed) => Promise.resolve(elapsed > 0));
      await lane(after, "failing", isEmpty);
      await after.close();

      expect(stories(taken)).toEqual(stories(steady()));
      expect(Object.keys(stories(taken))).toHaveLength(SETTINGS.length);
      for (const story of Object.values(stories(taken))) {
        expect(story[0]).toMatch(/^opened /);
        expect(story.at(-1)).toMatch(/^resolved /);
      }
      const ids = taken.map(({ id }) => id);
      const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
      expect(twice).toEqual([lost?.id]);
      expect(ids.length).toBeGreaterThan(24);
    },
  );
});
