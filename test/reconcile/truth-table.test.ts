import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../src/reconcile/session.js";
import {
  cycle as cycleOf,
  diffNow as diffOf,
  events as eventsOf,
  findings,
  makeWorld,
  outcomes,
  syncNow as syncOf,
  targetOf,
  type World,
} from "../support/world.js";

/** The truth table end to end, on real files with real git and the embedded store. */
let world: World;
let session: Session;

let name: string;
let next = 0;

beforeAll(async () => {
  world = await makeWorld({ environments: Array.from({ length: 32 }, (_, index) => `e${index}`) });
  session = world.open();
});
afterAll(() => world.close());
// Each test has an environment of its own: the repository, its mirror and the store are made once.
beforeEach(() => {
  name = `e${next}`;
  next += 1;
});

const cycle = () => cycleOf(session, name);
const diffNow = () => diffOf(session, name);
const syncNow = (args: { adopt?: "desired" | "live"; confirm?: boolean } = {}) =>
  syncOf(session, { environments: [name], ...args });
const events = () => eventsOf(session, name);

const HEAL = "rules: [{ name: all, match: { path: '/**' }, severity: low }]";
const live = (): string => readFileSync(join(world.root(name), "app.env"), "utf8");
const drift = (text: string): void => {
  writeFileSync(join(world.root(name), "app.env"), text);
};

interface Say {
  readonly documents?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly target?: string;
  readonly policy?: string;
}

function commit({ documents = {}, environment = "", target = "", policy }: Say): Promise<string> {
  return world.commit(
    {
      [`environments/${name}/environment.yaml`]: `${environment}
targets: { app: { kind: files, connection: host ${target} } }
`,
      ...Object.fromEntries(
        Object.entries(documents).map(([file, text]) => [`environments/${name}/app/${file}`, text] as const),
      ),
      ...(policy === undefined ? {} : { "policies/drift.yaml": policy }),
    },
    { branch: name },
  );
}

describe("git moved", () => {
  it("creates what is new, updates what changed, and says in sync after that", async () => {
    await commit({ documents: { "app.env": "A=1\nB=2\n" } });
    const first = await cycle();
    expect(outcomes(first)).toEqual(["/app.env/A synced", "/app.env/B synced"]);
    expect(first.state).toBe("Synced");
    const revision = await commit({ documents: { "app.env": "A=1\nB=3\n" } });
    expect(findings(await diffNow())).toEqual(["/app.env/B pending"]);
    expect(live()).toBe("A=1\nB=2\n");
    const second = await cycle();
    expect(second).toMatchObject({ state: "Synced", revision });
    expect(outcomes(second)).toEqual(["/app.env/B synced"]);
    expect(live()).toBe("A=1\nB=3\n");
    expect(await cycle()).toMatchObject({ state: "Synced", targets: [{ findings: [] }] });
    expect(await events()).toEqual(["synced /app.env/A", "synced /app.env/B", "synced /app.env/B"]);
  });

  it("waits for a person where `sync: manual` says so; drift is healed all the same", async () => {
    await commit({ environment: "sync: manual", documents: { "app.env": "A=1\nB=2\n" }, policy: HEAL });
    expect((await cycle()).state).toBe("Pending");
    expect(existsSync(join(world.root(name), "app.env"))).toBe(false);
    expect((await syncNow()).state).toBe("Synced");
    drift("A=9\nB=2\n");
    await commit({ environment: "sync: manual", documents: { "app.env": "A=1\nB=3\n" } });
    const report = await cycle();
    expect(outcomes(report)).toEqual(["/app.env/A healed"]);
    expect(findings(report)).toEqual(["/app.env/B pending"]);
    expect(live()).toBe("A=1\nB=2\n");
  });

  it("without `prune`, what git no longer names stays and is forgotten", async () => {
    await commit({ documents: { "app.env": "A=1\nB=2\n" } });
    await cycle();
    await commit({ documents: { "app.env": "A=1\n" } });
    expect(await cycle()).toMatchObject({ state: "Synced", targets: [{ findings: [] }] });
    expect(live()).toBe("A=1\nB=2\n");
    // It was forgotten: named again with another value, it is first contact.
    await commit({ documents: { "app.env": "A=1\nB=5\n" } });
    expect(findings(await cycle())).toEqual(["/app.env/B conflicted"]);
    expect(live()).toBe("A=1\nB=2\n");
  });

  it("with `prune`, it is removed, unless live moved as well", async () => {
    await commit({ environment: "prune: true", documents: { "app.env": "A=1\nB=2\nC=3\n" } });
    await cycle();
    drift("A=1\nB=2\nC=9\nX=mine\n");
    await commit({ environment: "prune: true", documents: { "app.env": "A=1\n" } });
    const report = await cycle();
    expect(outcomes(report)).toEqual(["/app.env/B synced"]);
    expect(findings(report)).toEqual(["/app.env/C conflicted"]);
    expect(live()).toBe("A=1\nC=9\nX=mine\n");
  });
});

describe("live moved", () => {
  it("is healed, proposed or alerted of as the severity says, and only once in the history", async () => {
    await commit({
      documents: { "app.env": "LOW=1\nMEDIUM=1\nHIGH=1\nCRITICAL=1\nHEALED=1\n" },
      policy: `rules:
  - { name: low, match: { path: /app.env/LOW }, severity: low }
  - { name: high, match: { path: /app.env/HIGH }, severity: high }
  - { name: healed, match: { path: /app.env/HEALED }, severity: critical, actions: [heal, alert] }
  - { name: critical, match: { path: /app.env/CRITICAL }, severity: critical }
`,
    });
    await cycle();
    drift("LOW=2\nMEDIUM=2\nHIGH=2\nCRITICAL=2\nHEALED=2\n");
    const report = await cycle();
    expect(outcomes(report)).toEqual(["/app.env/LOW healed", "/app.env/HEALED healed"]);
    expect(
      targetOf(report).findings.map(({ path, severity, actions, rule }) => [path, severity, actions, rule]),
    ).toEqual([
      ["/app.env/MEDIUM", "medium", ["propose"], "default"],
      ["/app.env/HIGH", "high", ["propose", "alert"], "high"],
      ["/app.env/CRITICAL", "critical", ["alert"], "critical"],
    ]);
    expect(live()).toBe("LOW=1\nMEDIUM=2\nHIGH=2\nCRITICAL=2\nHEALED=1\n");
    const once = await events();
    expect(once.slice(5)).toEqual([
      "healed /app.env/LOW",
      "healed /app.env/HEALED",
      "drifted /app.env/MEDIUM",
      "drifted /app.env/HIGH",
      "drifted /app.env/CRITICAL",
    ]);
    await cycle();
    expect(await events()).toEqual(once);
    drift("LOW=1\nMEDIUM=1\nHIGH=3\nCRITICAL=2\nHEALED=1\n");
    await cycle();
    expect((await events()).slice(once.length)).toEqual(["drifted /app.env/HIGH", "resolved /app.env/MEDIUM"]);
  });

  it("is missing where somebody removed it, and healed where the policy says so", async () => {
    await commit({ documents: { "app.env": "A=1\nB=2\n" } });
    await cycle();
    drift("A=1\n");
    expect(findings(await cycle())).toEqual(["/app.env/B missing"]);
    await commit({ policy: HEAL });
    expect(outcomes(await cycle())).toEqual(["/app.env/B healed"]);
    expect(live()).toBe("A=1\nB=2\n");
  });

  it("together with git is conflicted, and neither side wins by itself", async () => {
    await commit({ documents: { "app.env": "A=1\n" }, policy: HEAL });
    await cycle();
    drift("A=2\n");
    await commit({ documents: { "app.env": "A=3\n" } });
    const report = await cycle();
    expect(targetOf(report).findings).toMatchObject([{ path: "/app.env/A", kind: "conflicted", actions: ["propose"] }]);
    expect(findings(await syncNow())).toEqual(["/app.env/A conflicted"]);
    expect(live()).toBe("A=2\n");
    expect(outcomes(await syncNow({ adopt: "desired" }))).toEqual(["/app.env/A healed"]);
    expect(live()).toBe("A=3\n");
  });
});

describe("first contact", () => {
  it("never overwrites; what is equal is remembered, what is new is created", async () => {
    drift("A=old\nSAME=1\n");
    await commit({ documents: { "app.env": "A=1\nSAME=1\nNEW=1\n" }, policy: HEAL });
    const report = await cycle();
    expect(findings(report)).toEqual(["/app.env/A conflicted"]);
    expect(live()).toBe("A=old\nSAME=1\nNEW=1\n");
    drift("A=old\nSAME=2\nNEW=1\n");
    expect(outcomes(await cycle())).toEqual(["/app.env/SAME healed"]);
    await syncNow();
    expect(live()).toBe("A=old\nSAME=1\nNEW=1\n");
  });

  it("`--adopt live` takes the live value for right until git changes it", async () => {
    drift("A=old\nB=old\n");
    await commit({ documents: { "app.env": "A=1\nB=1\nC=1\n" }, policy: HEAL });
    expect(findings(await syncNow({ adopt: "live" }))).toEqual([
      "/app.env/A pending",
      "/app.env/B pending",
      "/app.env/C pending",
    ]);
    for (let round = 0; round < 3; round += 1) {
      expect(outcomes(await cycle())).toEqual([]);
      expect(outcomes(await syncNow())).toEqual([]);
    }
    expect(live()).toBe("A=old\nB=old\n");
    const report = await diffNow();
    expect(targetOf(report).findings[0]).toMatchObject({
      actions: [],
      note: expect.stringContaining("adopted") as string,
    });
    expect((await events()).filter((event) => event.startsWith("adopted"))).toHaveLength(3);
    // Git says what live holds: done. Git says something new: that is applied.
    await commit({ documents: { "app.env": "A=old\nB=2\nC=1\n" } });
    expect(outcomes(await cycle())).toEqual(["/app.env/B synced"]);
    expect(live()).toBe("A=old\nB=2\n");
  });
});

describe("what git does not name", () => {
  it("is reported only where the policy asks, and never removed from a shared target", async () => {
    drift("A=1\nX=mine\n");
    await commit({ documents: { "app.env": "A=1\n" } });
    expect(findings(await cycle())).toEqual([]);
    await commit({ policy: "rules: [{ name: strangers, match: { kind: unmanaged }, severity: low }]" });
    const report = await cycle();
    expect(targetOf(report).findings).toMatchObject([{ path: "/app.env/X", kind: "unmanaged", actions: [] }]);
    await syncNow({ adopt: "desired" });
    expect(live()).toBe("A=1\nX=mine\n");
  });

  it("is drift in an exclusive target: removed as the policy says, or by `--adopt desired`", async () => {
    drift("A=1\nX=mine\n");
    await commit({ documents: { "app.env": "A=1\n" }, target: ", exclusive: true" });
    expect(findings(await cycle())).toEqual(["/app.env/X unmanaged"]);
    expect(live()).toBe("A=1\nX=mine\n");
    expect(outcomes(await syncNow({ adopt: "desired" }))).toEqual(["/app.env/X healed"]);
    expect(live()).toBe("A=1\n");
    await commit({ target: ", exclusive: true", policy: HEAL });
    drift("A=1\nY=mine\n");
    expect(outcomes(await cycle())).toEqual(["/app.env/Y healed"]);
    expect(live()).toBe("A=1\n");
  });
});

describe("ignored settings", () => {
  const ignoring = (end: string) =>
    commit({
      documents: { "app.env": "A=1\nB=1\n" },
      target: `, ignore: [{ path: /app.env/B, reason: app, owner: ops ${end} }]`,
      policy: HEAL,
    });

  it("are left alone, also on the last day", async () => {
    const today = new Date().toISOString().slice(0, 10);
    await ignoring("");
    await cycle();
    expect(live()).toBe("A=1\n");
    drift("A=1\nB=9\n");
    expect(findings(await cycle())).toEqual([]);
    await ignoring(`, until: ${today}`);
    expect(findings(await cycle())).toEqual([]);
    expect(live()).toBe("A=1\nB=9\n");
  });

  it("are managed again when the exception has ended", async () => {
    drift("A=1\nB=9\n");
    await ignoring(", until: 2020-01-31");
    expect(findings(await cycle())).toEqual(["/app.env/B conflicted"]);
  });
});

describe("what is not there to be read", () => {
  beforeEach(async () => {
    await commit({ environment: "prune: true", documents: { "app.env": "A=1\n", "b.yaml": "x: 1\n" }, policy: HEAL });
    await cycle();
  });

  it("an environment without its folder is an error, and nothing is pruned", async () => {
    await world.commit({ environments: null }, { branch: name });
    expect(await cycle()).toMatchObject({
      state: "Failed",
      error: { code: "ENVIRONMENT_INVALID" },
      targets: [],
    });
    expect(await syncNow({ confirm: true })).toMatchObject({ state: "Failed" });
    expect(live()).toBe("A=1\n");
  });

  it("nor where its branch is gone", async () => {
    await world.repository.git("branch", "-D", name);
    expect(await cycle()).toMatchObject({ state: "Failed", error: { code: "GIT_REVISION_MISSING" } });
    expect(live()).toBe("A=1\n");
  });

  it("a document that does not load fails its target alone, with the place, and touches nothing", async () => {
    await commit({ environment: "prune: true", documents: { "b.yaml": "x: [1\n" } });
    const report = await cycle();
    expect(targetOf(report)).toMatchObject({
      state: "Failed",
      error: { code: "DOCUMENT_INVALID", where: expect.stringMatching(/app\/b\.yaml:\d+:\d+$/) as string },
    });
    drift("A=2\n");
    await cycle();
    expect(live()).toBe("A=2\n");
    // Mended: the last good state was kept, so that what happened meanwhile is drift and no first contact.
    await commit({ environment: "prune: true", documents: { "b.yaml": "x: 1\n" } });
    expect(outcomes(await cycle())).toEqual(["/app.env/A healed"]);
    expect((await events()).slice(-3)).toEqual(["failed", "healed /app.env/A", "recovered"]);
  });

  it("a force-pushed branch is followed, and the history says so", async () => {
    const first = await world.commit({ "environments/x": "" }, { branch: name });
    await cycle();
    await world.commit({ [`environments/${name}/app/app.env`]: "A=5\n" }, { branch: name, from: `${first}~1` });
    await cycle();
    expect(live()).toBe("A=5\n");
    expect((await events()).filter((event) => event === "branch-rewritten")).toHaveLength(1);
  });
});
