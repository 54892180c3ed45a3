import { setMaxListeners } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { approve, type ApproveReport } from "../../src/operations/approve.js";
import { revert } from "../../src/operations/revert.js";
import { status } from "../../src/operations/status.js";
import { reconcileEnvironment, refresh } from "../../src/reconcile/environment.js";
import type { TargetReport } from "../../src/reconcile/report.js";
import { runController } from "../../src/reconcile/run.js";
import type { Session } from "../../src/reconcile/session.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import * as support from "../support/world.js";

/** Plans that wait for a person's approval, on real files with real git and the embedded store. */
let world: support.World;
let session: Session;
let name: string;
let next = 0;

beforeAll(async () => {
  world = await support.makeWorld({ environments: Array.from({ length: 16 }, (_, index) => `e${index}`) });
  session = world.open();
});
afterAll(() => world.close());
// Each test has an environment of its own: the repository, its mirror and the store are made once.
beforeEach(async () => {
  name = `e${next}`;
  next += 1;
  mkdirSync(world.root(name), { recursive: true });
  await commit("A=1\nB=1\n", { guards: "" });
  await support.syncNow(session, { environments: [name] });
  await commit("A=1\nB=1\n", { guards: GUARDED });
});

const GUARDED = "guards: { approval: [{ target: app }] }";
const commit = (text: string, { guards = GUARDED, environment = "" } = {}) =>
  world.commit(
    {
      [`environments/${name}/environment.yaml`]: `${environment}targets: { app: { kind: files, connection: host } }\n`,
      [`environments/${name}/app/app.env`]: text,
      "policies/drift.yaml": `rules: [{ name: all, match: { path: '/**' }, severity: low }]\n${guards}\n`,
    },
    { branch: name },
  );
const cycle = async (by = session): Promise<TargetReport> => support.targetOf(await support.cycle(by, name));
const done = ({ outcomes = [] }: TargetReport): string[] => outcomes.map(({ path, result }) => `${path} ${result}`);
const live = (): string => readFileSync(join(world.root(name), "app.env"), "utf8");
const drift = (text: string): void => {
  writeFileSync(join(world.root(name), "app.env"), text);
};
const context = { signal: new AbortController().signal, progress: () => undefined };
const ask = (
  plan?: string,
  { by = "ada", because, on = session }: { by?: string; because?: string; on?: Session } = {},
) =>
  approve.run(
    on,
    {
      ...{ word: `${name}/app`, by },
      ...(plan === undefined ? {} : { plan }),
      ...(because === undefined ? {} : { because }),
    },
    context,
  );
const list = async (): Promise<ApproveReport["plans"]> =>
  (await approve.run(session, { by: "ada" }, context)).plans.filter(({ environment }) => environment === name);
/** The hash of the one plan that waits. */
const waiting = async (): Promise<string> => {
  const { plans } = await ask();
  expect(plans).toHaveLength(1);
  return plans[0]?.plan ?? "";
};
/** What the history says of approvals, oldest first. */
const told = async (): Promise<string[]> =>
  (await support.eventList(session, name)).map(({ type }) => type).filter((type) => type.startsWith("appro"));

describe("a plan that needs an approval", () => {
  it("waits, and is told once; drift is reported all the same", async () => {
    drift("A=9\nB=1\n");
    const refused = await cycle();
    expect(refused).toMatchObject({
      ...{ state: "Drifted", findings: [{ path: "/app.env/A" }], plans: [{ verb: "pass", changes: 1 }] },
      refused: { code: "APPROVAL_REQUIRED" },
    });
    const short = refused.plans?.[0]?.plan.slice(0, 12) ?? "";
    expect(refused.refused?.message).toBe(`the plan ${short} (1 change) waits for an approval`);
    expect(refused.refused?.hint).toContain(`\`trueup approve ${name}/app ${short}\``);
    const { records } = await session.store();
    const before = await records.load(name);
    for (let more = 0; more < 3; more += 1) await cycle();
    expect(await records.load(name)).toEqual(before);
    expect(live()).toBe("A=9\nB=1\n");
    expect(await told()).toEqual(["approval-wanted"]);
    // It is the same wherever one looks.
    expect(support.targetOf(await support.diffNow(session, name)).plans).toEqual(refused.plans);
    expect(support.targetOf(await support.syncNow(session, { environments: [name], dryRun: true })).plans).toEqual(
      refused.plans,
    );
    const { environments } = await status.run(session, { environments: [name] }, context);
    expect(environments[0]?.targets[0]).toMatchObject({ plans: refused.plans, refused: { code: "APPROVAL_REQUIRED" } });
    expect(await list()).toMatchObject([{ plan: refused.plans?.[0]?.plan, verb: "pass", changes: 1 }]);
  });

  it("of the controller is an incident, until it is approved or is another", async () => {
    const open = async () => (await (await session.store()).incidents.open(name, ["app"])).map(({ view }) => view);
    drift("A=9\nB=1\n");
    await cycle();
    const short = (await waiting()).slice(0, 12);
    const [told = "", ...more] = await open();
    expect(more).toEqual([]);
    expect(JSON.parse(told)).toMatchObject({
      ...{
        environment: name,
        target: "app",
        kind: "approval",
        severity: "low",
        desired: `the plan ${short} (1 change)`,
      },
      note: expect.stringContaining(`trueup approve ${name}/app ${short}`) as string,
    });
    expect(JSON.parse(told)).not.toHaveProperty("path");
    drift("A=8\nB=1\n");
    await cycle();
    const [changed = ""] = await open();
    expect(JSON.parse(changed)).not.toMatchObject({ desired: `the plan ${short} (1 change)` });
    await ask(await waiting());
    await cycle();
    expect(await open()).toEqual([]);
  });

  it("is shown, approved by the beginning of its hash, written, and then the approval is used", async () => {
    drift("A=9\nB=1\n");
    await cycle();
    const { did, plans } = await ask();
    expect(did).toBe("shown");
    expect(plans).toMatchObject([
      {
        ...{ verb: "pass", changes: 1 },
        settings: [{ path: "/app.env/A", action: "update", live: "9", desired: "1", severity: "low" }],
      },
    ]);
    const [{ plan } = { plan: "" }] = plans;
    const approved = await ask(plan.slice(0, 8), { because: "CHG-7" });
    expect(approved).toMatchObject({ did: "approved", plans: [{ plan, approved: { by: "ada", reason: "CHG-7" } }] });
    expect(await list()).toMatchObject([{ plan, verb: "pass", changes: 1, approved: { by: "ada" } }]);
    const written = await cycle();
    expect(done(written)).toEqual(["/app.env/A healed"]);
    expect(await list()).toEqual([]);
    const [, event, used] = (await support.eventList(session, name)).filter(({ type }) => type.startsWith("appro"));
    expect(event).toMatchObject({ type: "approved", detail: { plan, by: "ada", reason: "CHG-7" } });
    expect(used).toMatchObject({ type: "approval-used", detail: { plan } });

    // The same drift once more is the same plan, and needs a new one.
    drift("A=9\nB=1\n");
    expect((await cycle()).refused?.code).toBe("APPROVAL_REQUIRED");
    expect(await waiting()).toBe(plan);
  });

  it("makes an approval void when live or git moves, when a hold takes a part away, and when the drift is gone", async () => {
    const again = async (text: string): Promise<void> => {
      drift(text);
      await cycle();
      await ask(await waiting());
    };
    await again("A=9\nB=1\n");
    drift("A=8\nB=1\n");
    const moved = await cycle();
    expect(moved).toMatchObject({ refused: { code: "APPROVAL_REQUIRED" }, plans: [{ changes: 1 }] });
    expect(moved.plans?.[0]).not.toHaveProperty("approved");
    expect(live()).toBe("A=8\nB=1\n");
    // The first plan is current again: that does not bring its approval back.
    drift("A=9\nB=1\n");
    expect((await cycle()).refused?.code).toBe("APPROVAL_REQUIRED");

    await again("A=9\nB=1\n");
    await commit("A=1\nB=2\n");
    expect(await cycle()).toMatchObject({ refused: { code: "APPROVAL_REQUIRED" }, plans: [{ changes: 2 }] });

    await again("A=9\nB=1\n");
    const held = { environment: name, target: "app", path: "/app.env/B", source: "person" } as const;
    const hold = { ...held, owner: "bob", reason: "INC-1", until: "2999-01-01T00:00:00.000Z" };
    const event = { environment: name, target: "app", type: "held", message: "held" };
    await (await session.store()).holds.set(hold, event);
    expect(await cycle()).toMatchObject({ refused: { code: "APPROVAL_REQUIRED" }, plans: [{ changes: 1 }] });
    await (await session.store()).holds.remove(hold, event);

    await again("A=7\nB=1\n");
    drift("A=1\nB=2\n");
    expect((await cycle()).state).toBe("Synced");
    expect(await list()).toEqual([]);
    expect((await told()).filter((type) => type !== "approval-wanted")).toEqual(
      Array.from({ length: 4 }, () => ["approved", "approval-void"]).flat(),
    );
  });

  it("has the same hash after a restart and at another revision that changes nothing of it, and another one elsewhere", async () => {
    drift("A=9\nB=1\n");
    const plan = await waiting();
    await commit("B=1\nA=1\n");
    await session.close();
    session = world.open();
    expect(await waiting()).toBe(plan);
    await ask(plan);
    await session.close();
    session = world.open();
    await commit("A=1\nB=1\n# a word\n");
    expect(done(await cycle())).toEqual(["/app.env/A healed"]);
    drift("A=\nB=1\n");
    expect(await waiting()).not.toBe(plan);
    drift("B=1\n");
    expect(await waiting()).not.toBe(plan);
  });

  it("is not the plan that is approved: that is said, and nothing is stored", async () => {
    await expect(ask("1a2b3c4d")).rejects.toMatchObject({
      code: "USAGE",
      message: `no plan of ${name}/app waits for an approval`,
    });
    drift("A=9\nB=1\n");
    const old = await waiting();
    drift("A=8\nB=1\n");
    const now = await waiting();
    await expect(ask(old)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining(`or no more: it is now ${now.slice(0, 12)}`) as string,
    });
    await expect(ask("1a2b3c")).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining("8 digits") as string,
    });
    await expect(ask("drop table")).rejects.toMatchObject({ code: "USAGE" });
    const asked = (word: string) => approve.run(session, { word, by: "ada" }, context);
    await expect(asked(name)).rejects.toMatchObject({
      code: "USAGE",
      hint: expect.stringContaining(`${name}/TARGET`) as string,
    });
    await expect(asked(`${name}/ap`)).rejects.toMatchObject({ code: "USAGE", hint: 'did you mean "app"?' });
    expect(await list()).toEqual([]);
  });

  it("is let through by neither --confirm nor a person's word; adopting the live value writes nothing", async () => {
    drift("A=9\nB=9\n");
    const environments = [name];
    const reverted = async (path: string) => {
      const args = { environment: name, path, by: "bob", confirm: true };
      const [report] = (await revert.run(session, args, context)).environments;
      return report?.targets[0];
    };
    for (const args of [{}, { confirm: true }, { confirm: true, adopt: "desired" as const }]) {
      const report = support.targetOf(await support.syncNow(session, { environments, ...args }));
      expect(report.refused?.code).toBe("APPROVAL_REQUIRED");
    }
    const [short = ""] = /[0-9a-f]{12}/.exec((await reverted("/app.env/B"))?.refused?.message ?? "") ?? [];
    expect(live()).toBe("A=9\nB=9\n");
    // What a person asks for has a hash of its own.
    expect((await ask(short)).plans).toMatchObject([{ verb: "revert", path: "/app.env/B", changes: 1 }]);
    expect((await cycle()).refused?.code).toBe("APPROVAL_REQUIRED");
    expect((await reverted("/app.env/B"))?.outcomes).toMatchObject([{ path: "/app.env/B", result: "healed" }]);
    expect(live()).toBe("A=9\nB=1\n");
    expect((await reverted("/app.env/A"))?.refused?.code).toBe("APPROVAL_REQUIRED");
    expect(done(support.targetOf(await support.syncNow(session, { environments, adopt: "live" })))).toEqual([
      "/app.env/A adopted",
    ]);
  });

  it("is not asked for where a person decided with these values in view, on the forge", async () => {
    drift("A=9\nB=9\n");
    const pass = { environment: name, branches: await refresh(session, session.stop), signal: session.stop };
    const heal = ({ path }: { path: string }) => path === "/app.env/A";
    const closed = { sync: false, confirm: false, heal, decided: true } as const;
    expect(support.outcomes(await reconcileEnvironment(session, pass, closed))).toEqual(["/app.env/A healed"]);
    expect(live()).toBe("A=1\nB=9\n");
  });

  it("is of `sync` where git waits for a person: no pass of the controller voids or writes it", async () => {
    await commit("A=2\nB=1\n", { environment: "sync: manual\n" });
    const first = await cycle();
    expect(first).toMatchObject({ state: "Pending", plans: [{ verb: "sync", changes: 1 }] });
    expect(first.refused).toBeUndefined();
    await ask(await waiting());
    drift("A=1\nB=9\n");
    // Now a pass has a plan, too, and `sync` another than what was approved.
    expect((await cycle()).plans).toMatchObject([
      { verb: "pass", changes: 1 },
      { verb: "sync", changes: 2 },
    ]);
    expect(await told()).toContain("approval-void");
    drift("A=1\nB=1\n");
    const { plan = "" } = (await ask()).plans[0] ?? {};
    await ask(plan);
    await cycle();
    expect(live()).toBe("A=1\nB=1\n");
    expect(await list()).toMatchObject([{ plan, verb: "sync", approved: { by: "ada" } }]);
    expect(done(support.targetOf(await support.syncNow(session, { environments: [name] })))).toEqual([
      "/app.env/A synced",
    ]);
  });

  it("that is approved is written over the blast radius, but not in a freeze", async () => {
    const others = "blastRadius: { share: 0.1, atLeast: 1 }";
    await commit("A=1\nB=1\n", { guards: `guards: { approval: [{}], ${others} }` });
    drift("A=9\nB=9\n");
    expect((await cycle()).refused?.message).toMatch(/waits for an approval; and .* blast radius/);
    await ask(await waiting());
    await commit("A=1\nB=1\n", {
      guards: `guards: { approval: [{}], ${others}, freeze: [{ cron: "* * * * *", duration: 1h }] }`,
    });
    const frozen = await cycle();
    expect(frozen).toMatchObject({ refused: { code: "GUARD_REFUSED" }, plans: [{ approved: { by: "ada" } }] });
    expect(frozen.refused?.message).not.toContain("blast");
    await commit("A=1\nB=1\n", { guards: `guards: { approval: [{}], ${others} }` });
    expect(done(await cycle())).toEqual(["/app.env/A healed", "/app.env/B healed"]);
  });

  it("is asked for only where the policy says so", async () => {
    await commit("A=1\nB=1\n", { guards: "guards: { approval: [{ when: 'plan.removals + plan.creates > 0' }] }" });
    drift("A=9\nB=1\n");
    expect(done(await cycle())).toEqual(["/app.env/A healed"]);
    drift("B=1\n");
    expect((await cycle()).refused?.code).toBe("APPROVAL_REQUIRED");
    await commit("A=1\nB=1\n", { guards: "guards: { approval: [{ environment: other }] }" });
    expect(done(await cycle())).toEqual(["/app.env/A healed"]);
  });

  it("shows nothing of a secret, and is another plan with another secret", async () => {
    await commit("PASSWORD=correct-horse\nB=1\n");
    await ask(await waiting());
    await cycle();
    drift("PASSWORD=battery-staple\nB=1\n");
    const shown = [await cycle(), await ask()];
    const plan = await waiting();
    drift("PASSWORD=paper-clip\nB=1\n");
    expect(await waiting()).not.toBe(plan);
    drift("PASSWORD=battery-staple\nB=1\n");
    expect(await waiting()).toBe(plan);
    const store = await session.store();
    const said = [
      ...shown,
      await ask(plan),
      await list(),
      await store.approvals.list(),
      await store.records.load(name),
    ];
    const all = JSON.stringify([
      said.map((one) => (one instanceof Map ? [...one] : one)),
      await support.eventList(session, name),
    ]);
    expect(all).toContain("(sensitive ");
    expect(all).not.toMatch(/correct-horse|battery-staple|paper-clip/);
    expect(done(await cycle())).toEqual(["/app.env/PASSWORD healed"]);
  });
});

describe("the controller", () => {
  it("writes an approved plan at once, long before its next interval", async () => {
    drift("A=9\nB=1\n");
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const controlled = world.open({ stop: stop.signal });
    // One process has the embedded store.
    await session.close();
    const controller = runController(controlled);
    await support.until(() =>
      world.logged.some(({ fields }) => fields["event"] === "approval-wanted" && fields["environment"] === name),
    );
    const { plans } = await ask(undefined, { on: controlled });
    await ask(plans[0]?.plan, { on: controlled });
    await support.until(() => live() === "A=1\nB=1\n");
    stop.abort();
    await controller.done;
    await controlled.close();
    session = world.open();
    expect((await told()).slice(-2)).toEqual(["approved", "approval-used"]);
  });
});

describe.skipIf(postgresUnavailable !== undefined)("on one store of a server", () => {
  let server: TestPostgres;
  let shared: support.World;
  let database: string;
  let store: string;
  beforeAll(async () => {
    server = await startPostgres();
    database = await server.newDatabase();
    await server.sql(
      "CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb CONSTRAINT unlucky CHECK (value <> '13'))",
      {
        url: database,
      },
    );
    store = await server.newDatabase();
    shared = await support.makeWorld({ store, connections: { database: { url: database } } });
  });
  afterAll(async () => {
    await shared.close();
    await server.close();
  });

  it("controllers agree on the plan, one of them uses the approval, and it stands while nothing can be written", async () => {
    await shared.commit({
      "environments/prod/environment.yaml":
        "targets: { settings: { kind: postgres-table, connection: database, table: app_settings } }\n",
      "environments/prod/settings.yaml": "a: 1\nb: 13\n",
      "policies/drift.yaml": "guards: { approval: [{}] }\n",
    });
    // Each has a seal key of its own: without a secret in it, a plan is the same for both.
    const [one, two] = [
      shared.open(),
      shared.open({ stateDirectory: join(shared.folder, "second"), holder: "second" }),
    ];
    const [first, second] = [await support.cycle(one), await support.cycle(two)].map((report) =>
      support.targetOf(report),
    );
    expect(first?.plans).toEqual(second?.plans);
    expect(first?.plans).toMatchObject([{ changes: 2 }]);
    const asked = { word: "prod/settings", by: "ada" };
    await approve.run(one, { ...asked, plan: first?.plans?.[0]?.plan ?? "" }, context);
    const both = await Promise.all([support.cycle(one), support.cycle(two)]);
    // The second may come while the first holds the target, or right after it, and tries in its turn.
    const tried = new Set(both.flatMap((report) => support.outcomes(report)));
    expect([...tried].toSorted()).toEqual(["/a failed", "/b failed"]);
    // Nothing was written: it is the same plan still, and written as soon as it can be.
    await server.sql("ALTER TABLE app_settings DROP CONSTRAINT unlucky", { url: database });
    const later = await Promise.all([support.cycle(one), support.cycle(two)]);
    expect(later.flatMap((report) => support.outcomes(report)).toSorted()).toEqual(["/a synced", "/b synced"]);
    expect((await support.eventList(one)).filter(({ type }) => type === "approval-used")).toHaveLength(1);
  });

  it("what is written in part needs another approval for the rest", async () => {
    const url = await server.newRole({ url: database });
    const role = new URL(url).username;
    await server.sql(
      `GRANT ALTER SYSTEM ON PARAMETER work_mem TO ${role};
      GRANT EXECUTE ON FUNCTION pg_reload_conf(), pg_show_all_file_settings() TO ${role};
      GRANT pg_read_all_settings TO ${role};
      GRANT SELECT ON pg_file_settings TO ${role}`,
      { url: database },
    );
    shared.configure({ store, connections: { database: { url, settings: ["*"] } } });
    const target = "{ kind: postgres-settings, connection: database }";
    await shared.commit({
      "environments/prod/environment.yaml": `targets: { server: ${target} }\n`,
      "environments/prod/server.yaml": "work_mem: 9MB\ntemp_buffers: 17MB\n",
      "policies/drift.yaml": "guards: { approval: [{}] }\n",
    });
    const one = shared.open();
    const sync = () => support.syncNow(one);
    const [, short = ""] = /plan ([0-9a-f]{12})/.exec(support.targetOf(await sync()).refused?.message ?? "") ?? [];
    await approve.run(one, { word: "prod/server", by: "ada", plan: short }, context);
    expect(support.outcomes(await sync()).toSorted()).toEqual(["/temp_buffers failed", "/work_mem synced"]);
    expect(support.targetOf(await sync()).refused?.message).toContain("(1 change) waits for an approval");
    expect(await (await one.store()).approvals.list()).toEqual([]);
  });
});
