import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { explain } from "../../src/operations/explain.js";
import { hold, type HoldReport } from "../../src/operations/hold.js";
import { status } from "../../src/operations/status.js";
import { suspend } from "../../src/operations/suspend.js";
import type { Session } from "../../src/reconcile/session.js";
import {
  cycle as cycleOf,
  diffNow,
  eventList,
  findings,
  makeWorld,
  outcomes,
  syncNow,
  targetOf,
  until,
  type World,
} from "../support/world.js";

/** Holds end to end, on real files with real git and the embedded store. */
let world: World;
let session: Session;
let name: string;
let next = 0;

beforeAll(async () => {
  world = await makeWorld({ environments: Array.from({ length: 14 }, (_, index) => `e${index}`) });
  session = world.open();
});
afterAll(() => world.close());
// Each test has an environment of its own: the repository, its mirror and the store are made once.
beforeEach(async () => {
  name = `e${next}`;
  next += 1;
  await commit({
    [`environments/${name}/environment.yaml`]: "targets: { app: { kind: files, connection: host } }\n",
    [`environments/${name}/app/app.env`]: "LEVEL=info\nWORKERS=4\n",
    "policies/drift.yaml": "rules: [{ name: all, match: { path: '/**' }, severity: low }]\n",
  });
  await cycle();
});

const commit = (files: Readonly<Record<string, string | null>>) => world.commit(files, { branch: name });
const holdsYaml = (text: string | null) => commit({ [`environments/${name}/holds.yaml`]: text });
const cycle = (by = session) => cycleOf(by, name);
const sync = (args: { adopt?: "desired" | "live" } = {}) => syncNow(session, { environments: [name], ...args });
const live = (): string => readFileSync(join(world.root(name), "app.env"), "utf8");
const drift = (text: string): void => {
  writeFileSync(join(world.root(name), "app.env"), text);
};
/** What the history says of holds, oldest first. */
const told = async (): Promise<string[]> =>
  (await eventList(session, name))
    .filter(({ type }) => type.startsWith("h"))
    .map(({ type, path }) => `${type} ${path ?? ""}`);

const LATER = "2999-01-01T00:00:00.000Z";
const context = { signal: new AbortController().signal, progress: () => undefined };
interface Given {
  readonly target?: string;
  readonly path?: string;
  readonly until?: string;
}
const setHold = ({ target = "app", path, until: end = LATER }: Given = {}): Promise<HoldReport> => {
  const set = { owner: "ada", reason: "INC-123", until: end };
  return hold.run(
    session,
    { word: `${name}/${target}`, by: "bob", set, ...(path === undefined ? {} : { path }) },
    context,
  );
};
const release = (path = "/app.env/LEVEL", word = `${name}/app`): Promise<HoldReport> =>
  hold.run(session, { word, path, by: "bob" }, context);
const soon = (): string => new Date(Date.now() + 400).toISOString();

const HELD = {
  path: "/app.env/LEVEL",
  kind: "modified",
  actions: [],
  restrained: "held",
  note: `held by ada until ${LATER}: INC-123`,
};

describe("a hold", () => {
  it("leaves the drift of its setting alone, shown and counted, and only that", async () => {
    await setHold({ path: "/app.env/LEVEL" });
    drift("LEVEL=debug\nWORKERS=1\n");
    const report = await cycle();
    expect(live()).toBe("LEVEL=debug\nWORKERS=4\n");
    expect(outcomes(report)).toEqual(["/app.env/WORKERS healed"]);
    expect(targetOf(report)).toMatchObject({ state: "Drifted", findings: [HELD] });
    expect(targetOf(await diffNow(session, name))).toMatchObject({ state: "Drifted", findings: [HELD] });
    const { environments } = await status.run(session, { environments: [name] }, context);
    expect(environments[0]?.targets[0]).toMatchObject({ state: "Drifted", findings: { modified: 1 }, held: 1 });
    const listed = await hold.run(session, { by: "bob" }, context);
    expect(listed.holds.filter(({ environment }) => environment === name)).toEqual([
      {
        ...{ environment: name, target: "app", path: "/app.env/LEVEL", source: "person" },
        ...{ owner: "ada", reason: "INC-123", until: LATER, findings: 1 },
      },
    ]);
  });

  it("of a target covers all of it; nothing is synced, neither by git nor by whoever adopts a side", async () => {
    await setHold();
    drift("LEVEL=debug\nWORKERS=4\n");
    await commit({ [`environments/${name}/app/app.env`]: "LEVEL=info\nWORKERS=8\n" });
    expect(findings(await cycle())).toEqual(["/app.env/LEVEL modified", "/app.env/WORKERS pending"]);
    for (const adopt of [undefined, "desired", "live"] as const) {
      const report = await sync(adopt === undefined ? {} : { adopt });
      expect(outcomes(report)).toEqual([]);
      expect(targetOf(report).findings.map(({ restrained }) => restrained)).toEqual(["held", "held"]);
    }
    expect(live()).toBe("LEVEL=debug\nWORKERS=4\n");
    expect((await release("")).did).toBe("released");
    expect(outcomes(await cycle()).sort()).toEqual(["/app.env/LEVEL healed", "/app.env/WORKERS synced"]);
  });

  it("that ends is told once, and the drift healed", async () => {
    await setHold({ path: "/app.env/LEVEL", until: soon() });
    drift("LEVEL=debug\nWORKERS=4\n");
    expect(outcomes(await cycle())).toEqual([]);
    await until(async () => {
      await cycle();
      return live() === "LEVEL=info\nWORKERS=4\n";
    });
    await cycle();
    expect(await told()).toEqual(["held /app.env/LEVEL", "hold-ended /app.env/LEVEL", "healed /app.env/LEVEL"]);
  });

  it("that ended while no controller ran is told by the next one, once", async () => {
    const end = soon();
    await setHold({ path: "/app.env/LEVEL", until: end });
    await until(() => new Date().toISOString() > end);
    await session.close();
    session = world.open();
    await Promise.all([cycle(), cycle()]);
    expect(await told()).toEqual(["held /app.env/LEVEL", "hold-ended /app.env/LEVEL"]);
  });

  it("that is released lets the next pass heal, and says by whom", async () => {
    await setHold({ path: "/app.env/LEVEL" });
    drift("LEVEL=debug\nWORKERS=4\n");
    await cycle();
    await release();
    expect(outcomes(await cycle())).toEqual(["/app.env/LEVEL healed"]);
    expect(await told()).toEqual(["held /app.env/LEVEL", "hold-released /app.env/LEVEL", "healed /app.env/LEVEL"]);
    expect((await eventList(session, name)).map(({ message }) => message)).toContain(
      "the hold of ada on /app.env/LEVEL is released: bob releases it; drift is judged anew",
    );
  });
});

describe("holds.yaml", () => {
  const REVIEWED = `holds: [{ target: app, path: /app.env/LEVEL, owner: ada, reason: INC-123, until: "${LATER}" }]\n`;

  it("holds, is told once, and lets go when git no longer names it", async () => {
    await holdsYaml(REVIEWED);
    drift("LEVEL=debug\nWORKERS=4\n");
    for (let pass = 0; pass < 3; pass += 1) expect(targetOf(await cycle()).findings).toMatchObject([HELD]);
    expect(await told()).toEqual(["held /app.env/LEVEL"]);
    await expect(release()).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("holds.yaml") as string,
    });
    await holdsYaml(null);
    expect(outcomes(await cycle())).toEqual(["/app.env/LEVEL healed"]);
    expect(await told()).toEqual(["held /app.env/LEVEL", "hold-released /app.env/LEVEL", "healed /app.env/LEVEL"]);
  });

  it("holds through the last day that it names, and its end is told once", async () => {
    const today = new Date().toISOString().slice(0, 10);
    await holdsYaml(`holds: [{ target: app, owner: ada, reason: INC-123, until: ${today} }]\n`);
    drift("LEVEL=debug\nWORKERS=4\n");
    expect(targetOf(await cycle()).findings).toMatchObject([
      { note: `held by ada until ${today}T23:59:59.999Z: INC-123` },
    ]);
    const end = soon();
    await holdsYaml(`holds: [{ target: app, owner: ada, reason: INC-123, until: "${end}" }]\n`);
    await until(async () => {
      await cycle();
      return live() === "LEVEL=info\nWORKERS=4\n";
    });
    await cycle();
    expect((await told()).filter((line) => line.startsWith("hold-"))).toEqual(["hold-ended "]);
  });

  it("whose end git brings forward into the past is over, told once", async () => {
    const holdUntil = (end: string) =>
      holdsYaml(`holds: [{ target: app, owner: ada, reason: INC-123, until: "${end}" }]\n`);
    await holdUntil(LATER);
    drift("LEVEL=debug\nWORKERS=4\n");
    await cycle();
    await holdUntil("2026-01-01T00:00:00Z");
    expect(outcomes(await cycle())).toEqual(["/app.env/LEVEL healed"]);
    await cycle();
    expect(await told()).toEqual(["held ", "hold-ended ", "healed /app.env/LEVEL"]);
  });

  it("is not forgotten where the environment does not load", async () => {
    await holdsYaml(REVIEWED);
    await cycle();
    await commit({ [`environments/${name}/app/app.env`]: "=nothing\n" });
    expect(targetOf(await cycle()).state).toBe("Failed");
    expect(await told()).toEqual(["held /app.env/LEVEL"]);
  });

  it("that cannot be read fails the environment with the place, and nothing is written", async () => {
    drift("LEVEL=debug\nWORKERS=4\n");
    await holdsYaml("holds: [{ target: ap, owner: o, reason: r, until: 2999-01-01 }]\n");
    const where = `environments/${name}/holds.yaml:1:19`;
    expect(await cycle()).toMatchObject({ state: "Failed", error: { code: "ENVIRONMENT_INVALID", where } });
    expect(live()).toBe("LEVEL=debug\nWORKERS=4\n");
  });
});

describe("policy explain", () => {
  const explained = async (path?: string) =>
    (await explain.run(session, { environment: name, ...(path === undefined ? {} : { path }) }, context)).explanations;

  it("says what the policy decides, and what a hold leaves of that, found or not", async () => {
    await setHold({ path: "/app.env/LEVEL" });
    const NOW = { restraints: [HELD.note], left: [] };
    expect(await explained("/app.env/LEVEL")).toMatchObject([{ found: false, actions: ["heal"], ...NOW }]);
    drift("LEVEL=debug\nWORKERS=1\n");
    expect(await explained()).toMatchObject([
      { path: "/app.env/LEVEL", found: true, severity: "low", actions: ["heal"], rule: "all", ...NOW },
      { path: "/app.env/WORKERS", found: true, actions: ["heal"] },
    ]);
    expect((await explained("/app.env/WORKERS"))[0]).not.toHaveProperty("restraints");
  });

  it("says that the environment is frozen, and suspended, and what a person adopted", async () => {
    await commit({
      "policies/drift.yaml": `rules: [{ name: all, match: { path: '/**' }, severity: low }]
guards: { freeze: [{ cron: '* * * * *', duration: 2m }] }\n`,
    });
    drift("LEVEL=debug\nWORKERS=4\n");
    expect(await explained()).toMatchObject([
      { restraints: [expect.stringContaining("the freeze window") as string], left: [] },
    ]);
    await sync({ adopt: "live" });
    await suspend.run(session, { environments: [name], by: "ada", reason: "INC-1" }, context);
    expect(await explained()).toMatchObject([
      {
        actions: ["sync"],
        restraints: [
          "the live value was adopted: commit it to git",
          `${name} is suspended: nothing is written or proposed`,
        ],
        left: [],
      },
    ]);
  });
});

describe("trueup hold", () => {
  it("refuses what it cannot hold, and says what was meant", async () => {
    const usage = (message: string, hint: string) => ({
      code: "USAGE",
      message: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    });
    await expect(setHold({ target: "ap" })).rejects.toMatchObject(usage("no target `ap`", 'did you mean "app"?'));
    await expect(setHold({ path: "LEVEL" })).rejects.toMatchObject(usage("`LEVEL` is not a setting", "/LEVEL"));
    await expect(setHold({ path: "/a~b" })).rejects.toMatchObject(usage("is not a setting", "/a~0b"));
    await expect(setHold({ until: "2020-01-01T00:00:00.000Z" })).rejects.toMatchObject(usage("would have ended", ""));
    await expect(release("/x", "nowhere/app")).rejects.toMatchObject(usage("no environment `nowhere`", "e0"));
    await expect(release("", name)).rejects.toMatchObject(usage("names no target", `trueup suspend ${name}`));
    await expect(release()).rejects.toMatchObject(usage("nothing holds", "there are no holds"));
    await setHold({ path: "/app.env/LEVEL" });
    await expect(release("/app.env/LEVLE")).rejects.toMatchObject(usage("nothing holds", `${name}/app /app.env/LEVEL`));
    expect((await told()).filter((line) => line.startsWith("held"))).toEqual(["held /app.env/LEVEL"]);
  });
});
