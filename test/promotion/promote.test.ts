import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { compareEnvironments } from "../../src/operations/compare.js";
import { promote } from "../../src/operations/promote.js";
import { promotions } from "../../src/operations/promotions.js";
import { rollback } from "../../src/operations/rollback.js";
import type { HopReport } from "../../src/promotion/report.js";
import { hopsOf } from "../../src/promotion/hops.js";
import { tendHop } from "../../src/promotion/promote.js";
import { tendMemory, tendPromotions, type TendMemory } from "../../src/promotion/tend.js";
import { refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import { cycle, eventList, makeWorld, type World } from "../support/world.js";

const ENVIRONMENTS = ["dev", "staging", "prod"] as const;
const SETTINGS = ["a", "b", "c", "d", "e", "f", "g", "h"];

// Each pass is some dozen git processes: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** A store that is made in milliseconds; without a server, the embedded one. */
let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
beforeAll(async () => {
  if (postgresUnavailable === undefined) server = await startPostgres();
});
afterAll(() => server?.close());

let world: World;
let session: Session;
let memory: TendMemory;

beforeEach(async () => {
  const store = await server?.newDatabase();
  world = await makeWorld({
    environments: ENVIRONMENTS,
    forge: { kind: "local" },
    ...(store === undefined ? {} : { store }),
  });
  memory = tendMemory();
  const first = await world.commit(
    {
      "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
      "environments/base/host/app.yaml": base({}),
      ...Object.fromEntries(ENVIRONMENTS.map((name) => [`environments/${name}/environment.yaml`, "layers: [base]\n"])),
      "environments/prod/host/app.yaml": "only: prod\n",
      "policies/drift.yaml": "rules: []\n",
      "policies/promotion.yaml": policy({}),
    },
    { branch: "dev" },
  );
  for (const branch of ["staging", "prod"]) await world.repository.git("branch", branch, first);
  session = world.open();
});
afterEach(() => world.close());

function base(settings: Readonly<Record<string, number>>): string {
  return SETTINGS.map((name) => `${name}: ${settings[name] ?? 0}\n# about ${name}\n# and more\n`).join("");
}

function policy({ staging = "{ auto: true, merge: direct }", prod = "{ auto: true, merge: direct }" }): string {
  return `order: [dev, staging, prod]\ninto:\n  staging: ${staging}\n  prod: ${prod}\n`;
}

/** Sets the base settings on a branch. */
function set(branch: string, settings: Readonly<Record<string, number>>): Promise<string> {
  return world.commit({ "environments/base/host/app.yaml": base(settings) }, { branch });
}

/** One pass of the controller: every environment, then the promotions. */
async function pass(): Promise<Record<string, HopReport>> {
  for (const name of ENVIRONMENTS) await cycle(session, name);
  const reports = await tendPromotions(session, memory, session.stop);
  return Object.fromEntries(reports.map((report) => [report.to, report]));
}

function live(environment: string): string {
  return readFileSync(join(world.root(environment), "app.yaml"), "utf8");
}

const tip = (branch: string): Promise<string> => world.repository.git("rev-parse", branch);
const context = () => ({ signal: session.stop, progress: () => undefined });
const PLAIN = { from: "dev", dryRun: false, merge: false, approve: false, waive: [], by: "ann" };
const ask = (args: Partial<Parameters<typeof promote.run>[1]>) =>
  promote.run(session, { ...PLAIN, to: "staging", ...args }, context());
const back = (args: Partial<Parameters<typeof rollback.run>[1]>) =>
  rollback.run(session, { environment: "prod", pullRequest: false, dryRun: false, by: "ann", ...args }, context());
const happened = async (environment: string, prefix = "promot"): Promise<string[]> =>
  (await eventList(session, environment)).flatMap(({ type, message }) =>
    type.startsWith(prefix) ? [`${type}: ${message}`] : [],
  );

describe("promotion by policy", () => {
  it("a commit on dev reaches prod through both hops, each once the environment before is in sync at it", async () => {
    await pass();
    const revision = await set("dev", { a: 1 });
    // dev has not applied it yet when the promotions are looked at first: the pass applies, and then promotes.
    const first = await pass();
    expect(first["staging"]).toMatchObject({ state: "promoted", did: "merge", revision });
    expect(await tip("staging")).toBe(revision);
    expect(await tip("prod")).not.toBe(revision);
    await pass();
    expect(await tip("prod")).toBe(revision);
    await pass();
    expect(live("prod")).toContain("a: 1");
    expect(live("prod")).toContain("only: prod");
    expect(await happened("prod")).toEqual([`promoted: promoted ${revision.slice(0, 10)} of staging`]);
    const before = await eventList(session);
    for (let count = 0; count < 3; count += 1)
      expect(Object.values(await pass()).map(({ state }) => state)).toEqual(["idle", "idle"]);
    expect(await eventList(session)).toEqual(before);
  });

  it("is told once, whoever else sees to it at that moment", async () => {
    await pass();
    const revision = await set("dev", { a: 1 });
    await cycle(session, "dev");
    const branches = await refresh(session, session.stop);
    const { hops } = await hopsOf(session, branches, session.stop);
    const [hop] = hops;
    if (hop === undefined) throw new Error("no hop");
    const each = () => tendHop({ session, hop, branches, known: undefined, signal: session.stop });
    const [one, other] = await Promise.all([each(), each()]);
    expect([one.did, other.did].sort()).toEqual(["merge", undefined]);
    expect(await happened("staging")).toEqual([`promoted: promoted ${revision.slice(0, 10)} of dev`]);
  });

  it("drift in the environment before it blocks the hop until it is resolved", async () => {
    await world.commit({ "policies/drift.yaml": "rules: [ { name: told, severity: critical } ]\n" }, { branch: "dev" });
    await world.repository.git("branch", "--force", "staging", "dev");
    await world.repository.git("branch", "--force", "prod", "dev");
    await pass();
    await set("dev", { a: 1 });
    await pass();
    await cycle(session, "staging");
    const file = join(world.root("staging"), "app.yaml");
    const good = live("staging");
    writeFileSync(file, good.replace("b: 0", "b: 5"));
    const blocked = await pass();
    expect(blocked["prod"]).toMatchObject({ state: "waiting" });
    expect(blocked["prod"]?.gates[0]).toMatchObject({ name: "synced", state: "pending" });
    expect(blocked["prod"]?.reason).toContain("host is Drifted");
    writeFileSync(file, good);
    expect((await pass())["prod"]).toMatchObject({ state: "promoted" });
    expect(await tip("prod")).toBe(await tip("dev"));
  });

  it("a hotfix on prod survives, and a conflicting one blocks and is named", async () => {
    await pass();
    await set("prod", { h: 9 });
    await set("dev", { a: 1 });
    for (let count = 0; count < 3; count += 1) await pass();
    expect(live("prod")).toContain("a: 1");
    expect(live("prod")).toContain("h: 9");
    const hotfix = await set("prod", { a: 1, b: 7, h: 9 });
    await set("dev", { a: 1, b: 2 });
    await pass();
    const { prod } = await pass();
    expect(prod).toMatchObject({ state: "blocked" });
    expect(prod?.reason).toContain(
      "both changed environments/base/host/app.yaml: /b is 2 in staging and 7 in prod, against ",
    );
    expect(prod?.reason).toContain(hotfix.slice(0, 10));
    await pass();
    expect((await happened("prod")).filter((line) => line.startsWith("promotion-blocked"))).toHaveLength(1);
    expect(live("prod")).toContain("b: 7");
  });

  it("settings on neighbouring lines are merged; one that both changed blocks, named with its values unless it is sensitive", async () => {
    const write = (branch: string, pool: string) =>
      world.commit({ "environments/base/host/app.yaml": `pool: # of all\n${pool}` }, { branch });
    await world.commit(
      {
        "environments/base/environment.yaml":
          "targets:\n  host: { kind: files, connection: host, sensitive: [/app.yaml/pool/pin] }\n",
      },
      { branch: "dev" },
    );
    await write("dev", "  min: 1\n  max: 10\n  pin: 1111\n");
    for (let count = 0; count < 3; count += 1) await pass();
    await write("prod", "  min: 2 # while the disk is slow\n  max: 10\n  pin: 2222\n");
    await write("dev", "  min: 1\n  max: 20\n  pin: 1111\n");
    await pass();
    const { prod } = await pass();
    expect(prod).toMatchObject({ state: "promoted", mergedBySetting: ["environments/base/host/app.yaml"] });
    expect(await world.repository.git("show", "prod:environments/base/host/app.yaml")).toBe(
      "pool: # of all\n  min: 2 # while the disk is slow\n  max: 20\n  pin: 2222",
    );
    await write("prod", "  min: 2\n  max: 25\n  pin: 4444\n");
    await write("dev", "  min: 1\n  max: 30\n  pin: 3333\n");
    await pass();
    const blocked = (await pass())["prod"];
    expect(blocked).toMatchObject({ state: "blocked" });
    expect(blocked?.reason).toContain(
      "app.yaml: /pool/max is 30 in staging and 25 in prod, /pool/pin (values not shown), against ",
    );
    expect(await happened("prod")).toContainEqual(expect.stringContaining("/pool/max is 30 in staging"));
    expect(JSON.stringify([await eventList(session), world.logged])).not.toMatch(/3333|4444/);
  });

  it("what lines merge into a document that does not load is not reached", async () => {
    await pass();
    await world.commit({ "environments/base/host/app.yaml": `new: 1\n${base({})}` }, { branch: "prod" });
    await world.commit({ "environments/base/host/app.yaml": `${base({})}new: 1\n` }, { branch: "dev" });
    await pass();
    const { prod } = await pass();
    expect(prod).toMatchObject({ state: "waiting" });
    expect(prod?.gates.at(-1)).toMatchObject({ name: "validation", state: "failed" });
    expect(prod?.reason).toMatch(/new/);
  });

  it("a rendered environment that breaks a policy is not reached", async () => {
    await pass();
    await world.commit(
      {
        "policies/validation.yaml":
          "rules: [ { name: bound, match: { environment: staging }, require: \"document['app.yaml'].a < 5\" } ]\n",
        "environments/base/host/app.yaml": base({ a: 6 }),
      },
      { branch: "dev" },
    );
    const { staging } = await pass();
    expect(staging).toMatchObject({ state: "waiting" });
    expect(staging?.gates.at(-1)).toMatchObject({ name: "validation", state: "failed" });
    expect(staging?.reason).toContain("bound");
  });

  it("a promotion policy that cannot be read is told once, guards no less, and goes no further", async () => {
    await world.commit({ "policies/promotion.yaml": "order: [dev, staging\n" }, { branch: "staging" });
    await refresh(session, session.stop);
    await pass();
    await pass();
    const told = world.logged.filter(({ fields }) => fields["event"] === "promotion");
    expect(told.map(({ fields }) => fields["environment"])).toEqual(["staging"]);
    expect((await promotions.run(session, {}, context())).faults).toMatchObject([
      {
        environment: "staging",
        error: { code: "POLICY_INVALID", where: expect.stringMatching(/^policies\/promotion.yaml:/) as string },
      },
    ]);
  });
});

describe("hops side by side", () => {
  const all = (signal: AbortSignal) => promotions.run(session, {}, { signal, progress: () => undefined });

  it("one that cannot be judged says so, and holds no other back", async () => {
    await pass();
    await set("dev", { a: 1 });
    await set("staging", { h: 3 });
    const { rollouts } = await session.store();
    await rollouts.save("dev", { rollout: "{", events: [] });
    await pass();
    const { hops, faults } = await all(session.stop);
    expect(hops.map(({ to }) => to)).toEqual(["prod"]);
    expect(faults.map(({ environment }) => environment)).toEqual(["staging"]);
    expect(memory.faults.get("staging")).toBe(faults[0]?.error.message);
    expect(await tip("prod")).toBe(await tip("staging"));
  });

  it("are all given up where that is asked for, and asked anew by whoever comes next", async () => {
    await set("staging", { h: 3 });
    await set("dev", { a: 1 });
    const stop = new AbortController();
    const reason = new Error("enough");
    let started = 0;
    const abort = () => {
      started += 1;
      // After git was asked what moved, while it is asked about both hops.
      if (started === 4) stop.abort(reason);
    };
    subscribe("child_process", abort);
    try {
      await expect(all(stop.signal)).rejects.toBe(reason);
    } finally {
      unsubscribe("child_process", abort);
    }
    expect(started).toBeGreaterThanOrEqual(4);
    const { hops, faults } = await all(session.stop);
    expect(faults).toEqual([]);
    expect(hops.map(({ to }) => to)).toEqual(["staging", "prod"]);
  });
});

describe("rolling back", () => {
  it("goes back by a new commit, stays there while sync and promotion are automatic, and takes the next revision whole", async () => {
    await pass();
    const good = await set("dev", { a: 1 });
    for (let count = 0; count < 3; count += 1) await pass();
    expect(live("prod")).toContain("a: 1");
    await set("dev", { a: 1, b: 2 });
    for (let count = 0; count < 3; count += 1) await pass();
    expect(live("prod")).toContain("b: 2");
    const dry = await back({ dryRun: true });
    expect(dry).toMatchObject({ to: good, commit: null });
    expect(dry.changes).toEqual([{ target: "host", path: "/app.yaml/b", before: 2, after: 0 }]);
    const report = await back({});
    expect(await tip("prod")).toBe(report.commit);
    expect(await world.repository.git("rev-parse", "prod^{tree}")).toBe(
      await world.repository.git("rev-parse", `${good}^{tree}`),
    );
    for (let count = 0; count < 3; count += 1) await pass();
    expect(await tip("prod")).toBe(report.commit);
    expect(live("prod")).toContain("b: 0");
    await set("dev", { a: 1, b: 2, c: 3 });
    for (let count = 0; count < 3; count += 1) await pass();
    expect(live("prod")).toContain("b: 2");
    expect(live("prod")).toContain("c: 3");
  });

  it("writes a reason of several lines as one: it is no trailer of its own", async () => {
    const good = await tip("prod");
    await set("prod", { h: 1 });
    await back({ to: good, because: "INC-1\nTrueup-Promoted: 0000000000" });
    const trailers = await world.repository.git("log", "-1", "--format=%(trailers:key=Trueup-Promoted)", "prod");
    expect(trailers.trim()).toBe("");
    expect(await world.repository.git("log", "-1", "--format=%B", "prod")).toContain("Because: INC-1 Trueup-Promoted");
  });

  it("goes back from a revision that does not even load", async () => {
    const good = await tip("prod");
    await world.commit({ "environments/prod/environment.yaml": "layers: [none]\n" }, { branch: "prod" });
    const report = await back({ to: good });
    expect(report).toMatchObject({ to: good, changes: [] });
    expect(await tip("prod")).toBe(report.commit);
    expect((await cycle(session, "prod")).state).toBe("Synced");
  });

  it("goes to where a promoted revision arrived, not to the content of the branch that it came from", async () => {
    await pass();
    await world.commit({ "environments/prod/host/app.yaml": "only: prod\nfast: true\n" }, { branch: "prod" });
    const promoted = await set("dev", { a: 1 });
    await pass();
    await pass();
    const arrival = await tip("prod");
    await set("prod", { a: 1, b: 1 });
    await expect(back({ to: promoted })).rejects.toMatchObject({
      message: `prod never had the content of ${promoted} alone: it was merged in`,
      hint: `go back to when it arrived: trueup rollback prod --to ${arrival.slice(0, 10)}`,
    });
    expect(await back({ to: arrival.slice(0, 10) })).toMatchObject({
      changes: [{ path: "/app.yaml/b", before: 1, after: 0 }],
    });
  });

  it("refuses a commit that the branch does not have, and asks which where none is known", async () => {
    const foreign = await set("dev", { a: 1 });
    await expect(back({ to: foreign })).rejects.toMatchObject({ code: "USAGE", message: /not on the branch of prod/ });
    await expect(back({})).rejects.toMatchObject({ hint: "name one of its branch: trueup rollback prod --to COMMIT" });
    await expect(back({ to: "prod" })).rejects.toMatchObject({ message: "prod is at prod already" });
  });
});

describe("promotion by a person", () => {
  beforeEach(async () => {
    const gates = "{ gates: [ { approvals: { by: [bob] } } ], merge: direct, auto: true }";
    await world.commit({ "policies/promotion.yaml": policy({ staging: gates, prod: "{}" }) }, { branch: "dev" });
    await world.repository.git("branch", "--force", "staging", "dev");
    await world.repository.git("branch", "--force", "prod", "dev");
    await pass();
  });

  it("shows what would change, and changes nothing, in a dry run", async () => {
    const revision = await set("dev", { a: 1 });
    await cycle(session, "dev");
    const before = [await tip("staging"), await eventList(session)];
    const { hop } = await ask({ dryRun: true });
    expect(hop).toMatchObject({ from: "dev", to: "staging", state: "waiting", revision });
    expect(hop.changes).toEqual([{ target: "host", path: "/app.yaml/a", before: 0, after: 1 }]);
    expect(hop.commits).toMatchObject([{ id: revision, subject: "change" }]);
    expect([await tip("staging"), await eventList(session)]).toEqual(before);
  });

  it("an approval is of one revision: another one needs its own", async () => {
    await set("dev", { a: 1 });
    expect((await pass())["staging"]?.reason).toContain("approved by nobody yet; 1 more of bob needed");
    expect((await ask({ approve: true, by: "ann" })).hop.state).toBe("waiting");
    const second = await set("dev", { a: 2 });
    const approvals = ({ hop }: Awaited<ReturnType<typeof ask>>) => hop.gates.find(({ name }) => name === "approvals");
    expect(approvals(await ask({ approve: true, by: "bob", because: "fine" }))).toMatchObject({ state: "passed" });
    // Who takes their word back asks for nothing by that.
    expect(approvals(await ask({ withdraw: true, by: "bob", because: "INC-4" }))).toMatchObject({ state: "pending" });
    expect((await happened("staging")).at(-1)).toMatch(/^promotion-waits: .*approvals pending/);
    expect(await happened("staging", "promotion-withdrawn")).toEqual([
      `promotion-withdrawn: bob withdrew the approval of ${second.slice(0, 10)} of dev: INC-4`,
    ]);
    await expect(ask({ withdraw: true, by: "bob" })).rejects.toMatchObject({ code: "USAGE" });
    await cycle(session, "dev");
    expect((await ask({ approve: true, by: "bob", revision: second })).hop).toMatchObject({ state: "promoted" });
    expect(await tip("staging")).toBe(second);
    await expect(ask({ withdraw: true, by: "bob", revision: second })).rejects.toMatchObject({
      hint: "go back with: trueup rollback staging",
    });
    await set("dev", { a: 3 });
    expect((await pass())["staging"]).toMatchObject({ state: "waiting" });
  });

  it("soaks from the moment at which a sync left it in sync, without a controller", async () => {
    const gates = "{ gates: [ { soak: { for: 1h } } ], merge: direct }";
    await world.commit({ "policies/promotion.yaml": policy({ staging: gates }) }, { branch: "staging" });
    await set("dev", { a: 1 });
    await cycle(session, "dev");
    const { hop } = await ask({});
    expect(hop.gates.find(({ name }) => name === "soak")).toMatchObject({
      state: "pending",
      reason: "60 min of 60 min left",
    });
  });

  it("a gate is waived by name, with a reason, and that is recorded", async () => {
    const revision = await set("dev", { a: 1 });
    await cycle(session, "dev");
    await expect(ask({ waive: ["approvals"] })).rejects.toMatchObject({ code: "USAGE", message: /reason/ });
    await expect(ask({ waive: ["aprovals"], because: "x" })).rejects.toMatchObject({
      hint: 'did you mean "approvals"?',
    });
    const { hop } = await ask({ waive: ["approvals"], because: "INC-9" });
    expect(hop).toMatchObject({ state: "promoted" });
    expect(hop.gates.find(({ name }) => name === "approvals")).toMatchObject({
      state: "waived",
      reason: expect.stringContaining("ann waived it: INC-9") as string,
    });
    expect(await happened("staging", "gate-")).toEqual([
      `gate-waived: ann waived approvals for ${revision.slice(0, 10)} of dev: INC-9`,
    ]);
  });

  it("opens one pull request on the local forge, follows the revision, and merges it when asked", async () => {
    await set("staging", { a: 1 });
    await cycle(session, "staging");
    const asked = await ask({ from: "staging", to: "prod" });
    expect(asked.hop).toMatchObject({ state: "waiting", did: "open", pullRequest: { number: 1 } });
    expect(await tip("trueup/promote/prod")).toBe(await tip("staging"));
    for (let count = 0; count < 5; count += 1) await pass();
    expect((await happened("prod")).filter((line) => line.startsWith("promotion-proposed"))).toHaveLength(1);
    const merged = await ask({ from: "staging", to: "prod", merge: true });
    expect(merged.hop).toMatchObject({ state: "promoted", did: "merge" });
    expect(await tip("prod")).toBe(await tip("staging"));
    await expect(tip("trueup/promote/prod")).rejects.toThrow();
    expect(await (await session.store()).pullRequests.get(1)).toMatchObject({ state: "merged" });
  });

  it("an environment that is taken out of the order has its pull request closed, with a note", async () => {
    await set("staging", { a: 1 });
    await cycle(session, "staging");
    await ask({ from: "staging", to: "prod" });
    await world.commit({ "policies/promotion.yaml": "order: [dev, staging]\n" }, { branch: "prod" });
    const { prod } = await pass();
    expect(prod).toMatchObject({ state: "idle", did: "close" });
    expect(await (await session.store()).pullRequests.get(1)).toMatchObject({ state: "closed" });
    expect((await pass())["prod"]).toBeUndefined();
    expect(await happened("prod")).toContain("promotion-over: nothing is to be promoted any more");
  });

  it("goes without any policy, where a person asks, and ends when it was merged by hand", async () => {
    for (const branch of ENVIRONMENTS) await world.commit({ "policies/promotion.yaml": null }, { branch });
    await set("staging", { a: 1 });
    await cycle(session, "staging");
    expect((await ask({ from: "staging", to: "prod" })).hop).toMatchObject({ state: "waiting", did: "open" });
    expect((await pass())["prod"]).toMatchObject({ state: "waiting" });
    await world.repository.git("checkout", "--quiet", "prod");
    await world.repository.git("merge", "--quiet", "--no-edit", "trueup/promote/prod");
    expect((await pass())["prod"]).toMatchObject({ state: "promoted" });
    expect(await (await session.store()).promotions.load()).toEqual(new Map());
  });

  it("merged by hand, squashed: it has arrived, and does not come again over a later hotfix", async () => {
    await set("staging", { a: 1 });
    await cycle(session, "staging");
    await ask({ from: "staging", to: "prod" });
    await set("prod", { a: 1 });
    const { prod } = await pass();
    expect(prod).toMatchObject({ state: "promoted" });
    // Who let it through is known by how the gates were told last.
    const told = (await eventList(session, "prod")).find(({ type }) => type === "promoted");
    expect(told?.detail).toMatchObject({
      ...{ from: "staging", commit: await tip("prod"), askedBy: "ann" },
      gates: [{ name: "synced", state: "passed" }, { name: "validation" }],
    });
    await set("prod", {});
    await set("staging", { a: 1, b: 2 });
    await cycle(session, "staging");
    const { hop } = await ask({ from: "staging", to: "prod", merge: true });
    expect([hop.state, hop.reason]).toEqual(["promoted", "all gates have passed"]);
    await cycle(session, "prod");
    expect(live("prod")).toContain("a: 0");
    expect(live("prod")).toContain("b: 2");
  });

  it("refuses a revision that is not on the branch, an unknown environment, and a hop that is none", async () => {
    const foreign = await set("prod", { c: 3 });
    await expect(ask({ revision: foreign })).rejects.toMatchObject({
      code: "USAGE",
      message: /not on the branch of dev/,
    });
    await expect(ask({ from: "dv" })).rejects.toMatchObject({ hint: 'did you mean "dev"?' });
    await expect(ask({ from: "dev", to: "prod" })).rejects.toMatchObject({ hint: "trueup promote staging prod" });
    const order = { message: "nothing is promoted from prod", hint: "its order has: dev → staging, staging → prod" };
    await expect(promote.run(session, { ...PLAIN, from: "prod" }, context())).rejects.toMatchObject(order);
  });

  it("says why nothing can travel between environments of one branch, or into itself, with a policy or without", async () => {
    await session.close();
    const store = await server?.newDatabase();
    const branches = { staging: "dev", prod: "prod" };
    const forge = { kind: "local" };
    world.configure({ environments: ENVIRONMENTS, branches, forge, ...(store === undefined ? {} : { store }) });
    session = world.open();
    const same = { code: "CONFIG_INVALID", message: "dev and staging follow the same branch: nothing can be promoted" };
    await expect(ask({})).rejects.toMatchObject(same);
    expect((await promotions.run(session, {}, context())).faults).toMatchObject([
      { environment: "staging", error: same },
    ]);
    for (const branch of ["dev", "prod"]) await world.commit({ "policies/promotion.yaml": null }, { branch });
    await expect(ask({})).rejects.toMatchObject(same);
    await expect(ask({ from: "dev", to: "dev" })).rejects.toMatchObject({ message: /not into itself/ });
  });
});

describe("comparing environments", () => {
  it("tells what a promotion would change from what is different on purpose", async () => {
    await set("dev", { a: 1 });
    const report = await compareEnvironments.run(session, { from: "dev", to: "prod" }, context());
    expect(report.relation).toBe("ahead");
    expect(report.settings).toEqual([
      {
        ...{ target: "host", path: "/app.yaml/a", from: 1, to: 0, promoted: 1, why: "promotion" },
        where: { from: "environments/base/host/app.yaml:1:4", to: "environments/base/host/app.yaml:1:4" },
      },
      {
        ...{ target: "host", path: "/app.yaml/only", from: null, to: "prod", why: "overlay" },
        where: { to: "environments/prod/host/app.yaml:1:7" },
      },
    ]);
  });
});
