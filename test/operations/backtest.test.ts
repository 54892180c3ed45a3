import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { askController } from "../../src/cli/remote.js";
import { backtest } from "../../src/operations/backtest.js";
import type { Session } from "../../src/reconcile/session.js";
import { serveControl } from "../../src/server/control.js";
import { lockDirectory } from "../../src/store/directory-lock.js";
import { type Ran, trueup } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";
import { cycle, makeWorld, syncNow, type World } from "../support/world.js";

vi.setConfig({ testTimeout: 120_000 });

const RULES = `rules:
  - { name: workers, match: { path: /app.env/WORKERS }, severity: low }
  - { name: rooms, match: { path: "/rooms/**" }, severity: low }
`;
const CHANGED = `rules:
  - { name: workers halved, when: 'double(finding.live) < 0.5 * double(finding.desired)', match: { path: /app.env/* }, severity: critical }
  - { name: workers, match: { path: /app.env/WORKERS }, severity: low }
  - { name: rooms, match: { path: "/rooms/**" }, severity: low }
`;
const SINCE = new Date(0).toISOString();

let world: World;
let session: Session;
const live = (text: string): void => {
  writeFileSync(join(world.root(), "app.env"), text);
};
const run = (args: Partial<Parameters<typeof backtest.run>[1]>) =>
  backtest.run(
    session,
    { environments: [], since: SINCE, ...args },
    { signal: session.stop, progress: () => undefined },
  );

/** A history as passes make it, one after the other. */
beforeAll(async () => {
  world = await makeWorld();
  await world.commit({
    "environments/prod/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
    "environments/prod/host/app.env": "WORKERS=8\nPORT=8080\nAPI_TOKEN=t0p-s3cret\n",
    "policies/drift.yaml": RULES,
  });
  session = world.open();
  await cycle(session);
  live("WORKERS=3\nPORT=8080\nAPI_TOKEN=t0p-s3cret\n");
  await cycle(session);
  live("WORKERS=7\nPORT=1\nAPI_TOKEN=stolen\n");
  await cycle(session);
  // What a person settles now was found, and decided, before: that is one decision, not two.
  await syncNow(session, { adopt: "desired" });
});
afterAll(() => world.close());

describe("a backtest", () => {
  it("under the policies as they stand says that nothing would be otherwise, and which rule never matched", async () => {
    const report = await run({});
    // Three that git brought, WORKERS twice, PORT and API_TOKEN.
    expect(report).toMatchObject({ complete: true, replayed: 7, unchanged: 7, changes: [], unclear: [] });
    expect(report.rules.map(({ name, matched }) => [name, matched])).toEqual([
      ["workers", 3],
      ["rooms", 0],
    ]);
  });

  it("under others says what would have been decided otherwise, and what it cannot tell", async () => {
    const report = await run({ policy: { file: "policies/drift.yaml", text: CHANGED } });
    expect(report.changes).toHaveLength(2);
    expect(report.changes).toMatchObject([
      {
        ...{ environment: "prod", target: "host", path: "/app.env/PORT", kind: "modified", desired: "8080", live: "1" },
        was: { severity: "medium", actions: ["propose"], rule: "default" },
        wouldBe: { severity: "critical", actions: ["alert"], rule: "workers halved" },
      },
      {
        ...{ path: "/app.env/WORKERS", live: "3", was: { severity: "low", actions: ["heal"], rule: "workers" } },
        wouldBe: { severity: "critical", actions: ["alert"], rule: "workers halved" },
      },
    ]);
    // Not so when git brought it: whatever desired is, an absent live value is no number.
    expect(report.unclear).toMatchObject([{ path: "/app.env/API_TOKEN", rule: "workers halved", missing: "live" }]);
    expect(report.rules.find(({ name }) => name === "workers halved")).toMatchObject({ matched: 2, unclear: 1 });
    expect(report.replayed).toBe(report.unchanged + report.changes.length + report.unclear.length);
    expect(JSON.stringify(report)).not.toMatch(/t0p-s3cret|stolen/);
  });

  it("takes policies from a commit, one period, and one target", async () => {
    const revision = await world.commit(
      { "policies/drift.yaml": CHANGED },
      { branch: "next", from: "refs/heads/prod^0" },
    );
    const named = await run({ revision: "next" });
    expect(named).toEqual(await run({ revision }));
    expect(named.changes).toHaveLength(2);
    expect((await run({ environments: ["prod/other"] })).replayed).toBe(0);
    expect((await run({ since: new Date(Date.now() + 60_000).toISOString() })).replayed).toBe(0);
    await expect(run({ revision: "nowhere" })).rejects.toMatchObject({ code: "GIT_REVISION_MISSING" });
    await expect(run({ environments: ["prdo"] })).rejects.toMatchObject({
      code: "USAGE",
      hint: 'did you mean "prod"?',
    });
    await expect(run({ policy: { file: "p/drift.yaml", text: "rules: [{ nmae: a }]" } })).rejects.toMatchObject({
      code: "POLICY_INVALID",
      where: { file: "p/drift.yaml", line: 1 },
    });
  });
});

describe("asked of a running controller", () => {
  it("answers as a process of its own does, the working folder's policies among the words", async () => {
    const lock = await lockDirectory(join(world.folder, "controller"));
    if (lock.kind === "held") throw new Error("nobody else is here");
    const control = serveControl(session, lock);
    const ask = async (args: Partial<Parameters<typeof backtest.run>[1]>): Promise<unknown> => {
      const context = { signal: session.stop, progress: () => undefined };
      const given = { environments: [], since: SINCE, ...args };
      return (await askController(lock.socketPath, { operation: backtest.name, args: given, context }))?.result;
    };
    try {
      for (const args of [
        {},
        { environments: ["prod/host"], policy: { file: "policies/drift.yaml", text: CHANGED } },
      ]) {
        expect(await ask(args)).toEqual(await run(args));
      }
      await expect(ask({ environments: ["prdo"] })).rejects.toMatchObject({
        code: "USAGE",
        hint: 'did you mean "prod"?',
      });
      await expect(ask({ policy: { file: "p/drift.yaml", text: "rules: [{ nmae: a }]" } })).rejects.toMatchObject({
        code: "POLICY_INVALID",
        where: { file: "p/drift.yaml:1:17" },
      });
    } finally {
      await control.close();
      await lock.release();
    }
  });
});

describe("trueup policy backtest", () => {
  const cli = (...args: string[]): Promise<Ran> => trueup(["policy", "backtest", ...args], { cwd: world.folder });

  it("reads policies from the working folder, before a commit", async () => {
    await session.close();
    mkdirSync(join(world.folder, "policies"));
    writeFileSync(join(world.folder, "policies/drift.yaml"), CHANGED);
    const json = await cli("--policies", "policies", "-o", "json");
    expect(json).toMatchObject({ code: 0, stderr: "" });
    expect(answer("policy backtest", json.stdout)).toMatchObject({
      replayed: 7,
      rules: [{ where: "policies/drift.yaml:2:5" }, {}, {}],
    });
    const table = await cli("--policies", ".", "--since", "1d", "prod");
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(
      /^7 findings since .*Z: 4 decided alike, 2 otherwise, 1 cannot be told\nWHEN +ENVIRONMENT /,
    );
    expect(table.stdout).toMatch(
      / prod +host +\/app\.env\/WORKERS +modified +"3" +low: heal \(workers\) +critical: alert \(workers halved\)\n/,
    );
    expect(table.stdout).toContain(
      'note: what the rule "workers halved" says of prod/host /app.env/API_TOKEN cannot be told: it reads `live`',
    );
    expect(table.stdout).toContain('note: the rule "rooms" (policies/drift.yaml:4:5) never matched\n');
  });

  it("says what is wrong with its words", async () => {
    expect((await cli("--policies", "a", "--revision", "b")).stderr).toContain("both name the policies (USAGE)");
    expect((await cli("--policies", "host")).stderr).toContain("host is no folder of policies (USAGE)");
    expect((await cli("--since", "often")).stderr).toContain("`often` is not a duration (USAGE)");
    expect((await cli("--since", "99999999d")).stderr).toContain("reaches back before 1970 (USAGE)");
  });
});
