import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { compareEnvironments } from "../../src/operations/compare.js";
import { promote } from "../../src/operations/promote.js";
import { promotions } from "../../src/operations/promotions.js";
import { hopsOf } from "../../src/promotion/hops.js";
import { tendHop } from "../../src/promotion/promote.js";
import type { HopReport } from "../../src/promotion/report.js";
import { refresh } from "../../src/reconcile/environment.js";
import { ORDER, policyOf, promotionWorld, type PromotionWorld, settingsText } from "../support/promotion-world.js";
import { newStores } from "../support/stores.js";
import { cycle, eventList } from "../support/world.js";

// Each pass is some dozen git processes: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 });

const newStore = newStores();
let world: PromotionWorld;
beforeEach(async () => {
  const files = { "environments/prod/host/app.yaml": "only: prod\n", "policies/drift.yaml": "rules: []\n" };
  world = await promotionWorld({ ...(await newStore()), files });
});
afterEach(() => world.close());

const context = () => ({ signal: world.session.stop, progress: () => undefined });

describe("promotion by policy", () => {
  it("a commit on dev reaches prod through both hops, each once the environment before is in sync at it", async () => {
    await world.pass();
    const revision = await world.set("dev", { a: 1 });
    // dev has not applied it yet when the promotions are looked at first: the pass applies, and then promotes.
    const first = await world.pass();
    expect(first["staging"]).toMatchObject({ state: "promoted", did: "merge", revision });
    expect(await world.tip("staging")).toBe(revision);
    expect(await world.tip("prod")).not.toBe(revision);
    await world.pass();
    expect(await world.tip("prod")).toBe(revision);
    await world.pass();
    expect(world.live("prod")).toContain("a: 1");
    expect(world.live("prod")).toContain("only: prod");
    expect(await world.happened("prod")).toEqual([`promoted: promoted ${revision.slice(0, 10)} of staging`]);
    const before = await eventList(world.session);
    for (let count = 0; count < 3; count += 1)
      expect(Object.values(await world.pass()).map(({ state }) => state)).toEqual(["idle", "idle"]);
    expect(await eventList(world.session)).toEqual(before);
  });

  it("is told once, whoever else sees to it at that moment, and applied without waiting for the interval", async () => {
    await world.pass();
    const revision = await world.set("dev", { a: 1 });
    await cycle(world.session, "dev");
    const branches = await refresh(world.session, world.session.stop);
    const { hops } = await hopsOf(world.session, branches, world.session.stop);
    const [hop] = hops;
    if (hop === undefined) throw new Error("no hop");
    const each = () => tendHop({ session: world.session, hop, branches, known: undefined, signal: world.session.stop });
    const rung = world.session.decided.next;
    const [one, other] = await Promise.all([each(), each()]);
    expect(rung.aborted).toBe(true);
    expect([one.did, other.did].sort()).toEqual(["merge", undefined]);
    expect(await world.happened("staging")).toEqual([`promoted: promoted ${revision.slice(0, 10)} of dev`]);
  });

  it("drift in the environment before it blocks the hop until it is resolved", async () => {
    await world.commit({ "policies/drift.yaml": "rules: [ { name: told, severity: critical } ]\n" }, { branch: "dev" });
    await world.git("branch", "--force", "staging", "dev");
    await world.git("branch", "--force", "prod", "dev");
    await world.pass();
    await world.set("dev", { a: 1 });
    await world.pass();
    await cycle(world.session, "staging");
    const file = join(world.root("staging"), "app.yaml");
    const good = world.live("staging");
    writeFileSync(file, good.replace("b: 0", "b: 5"));
    const blocked = await world.pass();
    expect(blocked["prod"]).toMatchObject({ state: "waiting" });
    expect(blocked["prod"]?.gates[0]).toMatchObject({ name: "synced", state: "pending" });
    expect(blocked["prod"]?.reason).toContain("host is Drifted");
    writeFileSync(file, good);
    expect((await world.pass())["prod"]).toMatchObject({ state: "promoted" });
    expect(await world.tip("prod")).toBe(await world.tip("dev"));
  });

  it("a hotfix on prod survives, and a conflicting one blocks and is named", async () => {
    await world.pass();
    await world.set("prod", { h: 9 });
    await world.set("dev", { a: 1 });
    for (let count = 0; count < 3; count += 1) await world.pass();
    expect(world.live("prod")).toContain("a: 1");
    expect(world.live("prod")).toContain("h: 9");
    const hotfix = await world.set("prod", { a: 1, b: 7, h: 9 });
    await world.set("dev", { a: 1, b: 2 });
    await world.pass();
    const { prod } = await world.pass();
    expect(prod).toMatchObject({ state: "blocked" });
    expect(prod?.reason).toContain(
      "both changed environments/base/host/app.yaml: /b is 2 in staging and 7 in prod, against ",
    );
    expect(prod?.reason).toContain(hotfix.slice(0, 10));
    await world.pass();
    expect((await world.happened("prod")).filter((line) => line.startsWith("promotion-blocked"))).toHaveLength(1);
    expect(world.live("prod")).toContain("b: 7");
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
    for (let count = 0; count < 3; count += 1) await world.pass();
    await write("prod", "  min: 2 # while the disk is slow\n  max: 10\n  pin: 2222\n");
    await write("dev", "  min: 1\n  max: 20\n  pin: 1111\n");
    await world.pass();
    const { prod } = await world.pass();
    expect(prod).toMatchObject({ state: "promoted", mergedBySetting: ["environments/base/host/app.yaml"] });
    expect(await world.git("show", "prod:environments/base/host/app.yaml")).toBe(
      "pool: # of all\n  min: 2 # while the disk is slow\n  max: 20\n  pin: 2222",
    );
    await write("prod", "  min: 2\n  max: 25\n  pin: 4444\n");
    await write("dev", "  min: 1\n  max: 30\n  pin: 3333\n");
    await world.pass();
    const blocked = (await world.pass())["prod"];
    expect(blocked).toMatchObject({ state: "blocked" });
    expect(blocked?.reason).toContain(
      "app.yaml: /pool/max is 30 in staging and 25 in prod, /pool/pin (values not shown), against ",
    );
    expect(await world.happened("prod")).toContainEqual(expect.stringContaining("/pool/max is 30 in staging"));
    expect(JSON.stringify([await eventList(world.session), world.logged])).not.toMatch(/3333|4444/);
  });

  it("what lines merge into a document that does not load is not reached", async () => {
    await world.pass();
    await world.commit({ "environments/base/host/app.yaml": `new: 1\n${settingsText({})}` }, { branch: "prod" });
    await world.commit({ "environments/base/host/app.yaml": `${settingsText({})}new: 1\n` }, { branch: "dev" });
    await world.pass();
    const { prod } = await world.pass();
    expect(prod).toMatchObject({ state: "waiting" });
    expect(prod?.gates.at(-1)).toMatchObject({ name: "validation", state: "failed" });
    expect(prod?.reason).toMatch(/new/);
  });

  it("a rendered environment that breaks a policy is not reached", async () => {
    await world.pass();
    await world.commit(
      {
        "policies/validation.yaml":
          "rules: [ { name: bound, match: { environment: staging }, require: \"document['app.yaml'].a < 5\" } ]\n",
        "environments/base/host/app.yaml": settingsText({ a: 6 }),
      },
      { branch: "dev" },
    );
    const { staging } = await world.pass();
    expect(staging).toMatchObject({ state: "waiting" });
    expect(staging?.gates.at(-1)).toMatchObject({ name: "validation", state: "failed" });
    expect(staging?.reason).toContain("bound");
  });

  it("a promotion policy that cannot be read is told once, guards no less, and goes no further", async () => {
    await world.commit({ "policies/promotion.yaml": "order: [dev, staging\n" }, { branch: "staging" });
    await refresh(world.session, world.session.stop);
    await world.pass();
    await world.pass();
    const told = world.logged.filter(({ fields }) => fields["event"] === "promotion");
    expect(told.map(({ fields }) => fields["environment"])).toEqual(["staging"]);
    expect((await promotions.run(world.session, {}, context())).faults).toMatchObject([
      {
        environment: "staging",
        error: { code: "POLICY_INVALID", where: expect.stringMatching(/^policies\/promotion.yaml:/) as string },
      },
    ]);
  });
});

describe("hops side by side", () => {
  const all = (signal: AbortSignal) => promotions.run(world.session, {}, { signal, progress: () => undefined });

  it("one that cannot be judged says so, and holds no other back", async () => {
    await world.pass();
    await world.set("dev", { a: 1 });
    await world.set("staging", { h: 3 });
    const { rollouts } = await world.session.store();
    await rollouts.save("dev", { rollout: "{", events: [] });
    await world.pass();
    const { hops, faults } = await all(world.session.stop);
    expect(hops.map(({ to }) => to)).toEqual(["prod"]);
    expect(faults.map(({ environment }) => environment)).toEqual(["staging"]);
    expect(world.memory.faults.get("staging")).toBe(faults[0]?.error.message);
    expect(await world.tip("prod")).toBe(await world.tip("staging"));
  });

  it("are all given up where that is asked for, and asked anew by whoever comes next", async () => {
    await world.set("staging", { h: 3 });
    await world.set("dev", { a: 1 });
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
    const { hops, faults } = await all(world.session.stop);
    expect(faults).toEqual([]);
    expect(hops.map(({ to }) => to)).toEqual(["staging", "prod"]);
  });
});

describe("rolling back", () => {
  it("goes back by a new commit, stays there while sync and promotion are automatic, and takes the next revision whole", async () => {
    await world.pass();
    const good = await world.set("dev", { a: 1 });
    for (let count = 0; count < 3; count += 1) await world.pass();
    expect(world.live("prod")).toContain("a: 1");
    await world.set("dev", { a: 1, b: 2 });
    for (let count = 0; count < 3; count += 1) await world.pass();
    expect(world.live("prod")).toContain("b: 2");
    const dry = await world.back({ dryRun: true });
    expect(dry).toMatchObject({ to: good, commit: null });
    expect(dry.changes).toEqual([{ target: "host", path: "/app.yaml/b", before: 2, after: 0 }]);
    const report = await world.back({});
    expect(await world.tip("prod")).toBe(report.commit);
    expect(await world.git("rev-parse", "prod^{tree}")).toBe(await world.git("rev-parse", `${good}^{tree}`));
    for (let count = 0; count < 3; count += 1) await world.pass();
    expect(await world.tip("prod")).toBe(report.commit);
    expect(world.live("prod")).toContain("b: 0");
    await world.set("dev", { a: 1, b: 2, c: 3 });
    for (let count = 0; count < 3; count += 1) await world.pass();
    expect(world.live("prod")).toContain("b: 2");
    expect(world.live("prod")).toContain("c: 3");
  });

  it("writes a reason of several lines as one: it is no trailer of its own", async () => {
    const good = await world.tip("prod");
    await world.set("prod", { h: 1 });
    await world.back({ to: good, because: "INC-1\nTrueup-Promoted: 0000000000" });
    const trailers = await world.git("log", "-1", "--format=%(trailers:key=Trueup-Promoted)", "prod");
    expect(trailers.trim()).toBe("");
    expect(await world.git("log", "-1", "--format=%B", "prod")).toContain("Because: INC-1 Trueup-Promoted");
  });

  it("goes back from a revision that does not even load", async () => {
    const good = await world.tip("prod");
    await world.commit({ "environments/prod/environment.yaml": "layers: [none]\n" }, { branch: "prod" });
    const report = await world.back({ to: good });
    expect(report).toMatchObject({ to: good, changes: [] });
    expect(await world.tip("prod")).toBe(report.commit);
    expect((await cycle(world.session, "prod")).state).toBe("Synced");
  });

  it("goes to where a promoted revision arrived, not to the content of the branch that it came from", async () => {
    await world.pass();
    await world.commit({ "environments/prod/host/app.yaml": "only: prod\nfast: true\n" }, { branch: "prod" });
    const promoted = await world.set("dev", { a: 1 });
    await world.pass();
    await world.pass();
    const arrival = await world.tip("prod");
    await world.set("prod", { a: 1, b: 1 });
    await expect(world.back({ to: promoted })).rejects.toMatchObject({
      message: `prod never had the content of ${promoted} alone: it was merged in`,
      hint: `go back to when it arrived: trueup rollback prod --to ${arrival.slice(0, 10)}`,
    });
    expect(await world.back({ to: arrival.slice(0, 10) })).toMatchObject({
      changes: [{ path: "/app.yaml/b", before: 1, after: 0 }],
    });
  });

  it("refuses a commit that the branch does not have, and asks which where none is known", async () => {
    const foreign = await world.set("dev", { a: 1 });
    await expect(world.back({ to: foreign })).rejects.toMatchObject({
      code: "USAGE",
      message: /not on the branch of prod/,
    });
    await expect(world.back({})).rejects.toMatchObject({
      hint: "name one of its branch: trueup rollback prod --to COMMIT",
    });
    await expect(world.back({ to: "prod" })).rejects.toMatchObject({ message: "prod is at prod already" });
  });
});

describe("promotion by a person", () => {
  beforeEach(async () => {
    const gates = "{ gates: [ { approvals: { by: [bob] } } ], merge: direct, auto: true }";
    await world.commit({ "policies/promotion.yaml": policyOf({ staging: gates, prod: "{}" }) }, { branch: "dev" });
    await world.git("branch", "--force", "staging", "dev");
    await world.git("branch", "--force", "prod", "dev");
    await world.pass();
  });

  it("shows what would change, and changes nothing, in a dry run", async () => {
    const revision = await world.set("dev", { a: 1 });
    await cycle(world.session, "dev");
    const before = [await world.tip("staging"), await eventList(world.session)];
    const hop = await world.ask({ dryRun: true });
    expect(hop).toMatchObject({ from: "dev", to: "staging", state: "waiting", revision });
    expect(hop.changes).toEqual([{ target: "host", path: "/app.yaml/a", before: 0, after: 1 }]);
    expect(hop.commits).toMatchObject([{ id: revision, subject: "change" }]);
    expect([await world.tip("staging"), await eventList(world.session)]).toEqual(before);
  });

  it("an approval is of one revision: another one needs its own", async () => {
    await world.set("dev", { a: 1 });
    expect((await world.pass())["staging"]?.reason).toContain("approved by nobody yet; 1 more of bob needed");
    expect((await world.ask({ approve: true, by: "ann" })).state).toBe("waiting");
    const second = await world.set("dev", { a: 2 });
    const approvals = ({ gates }: HopReport) => gates.find(({ name }) => name === "approvals");
    expect(approvals(await world.ask({ approve: true, by: "bob", because: "fine" }))).toMatchObject({
      state: "passed",
    });
    // Who takes their word back asks for nothing by that.
    expect(approvals(await world.ask({ withdraw: true, by: "bob", because: "INC-4" }))).toMatchObject({
      state: "pending",
    });
    expect((await world.happened("staging")).at(-1)).toMatch(/^promotion-waits: .*approvals pending/);
    expect(await world.happened("staging", "promotion-withdrawn")).toEqual([
      `promotion-withdrawn: bob withdrew the approval of ${second.slice(0, 10)} of dev: INC-4`,
    ]);
    await expect(world.ask({ withdraw: true, by: "bob" })).rejects.toMatchObject({ code: "USAGE" });
    await cycle(world.session, "dev");
    expect(await world.ask({ approve: true, by: "bob", revision: second })).toMatchObject({ state: "promoted" });
    expect(await world.tip("staging")).toBe(second);
    await expect(world.ask({ withdraw: true, by: "bob", revision: second })).rejects.toMatchObject({
      hint: "go back with: trueup rollback staging",
    });
    await world.set("dev", { a: 3 });
    expect((await world.pass())["staging"]).toMatchObject({ state: "waiting" });
  });

  it("soaks from the moment at which a sync left it in sync, without a controller", async () => {
    const gates = "{ gates: [ { soak: { for: 1h } } ], merge: direct }";
    await world.commit({ "policies/promotion.yaml": policyOf({ staging: gates }) }, { branch: "staging" });
    await world.set("dev", { a: 1 });
    await cycle(world.session, "dev");
    const hop = await world.ask({});
    expect(hop.gates.find(({ name }) => name === "soak")).toMatchObject({
      state: "pending",
      reason: "60 min of 60 min left",
    });
  });

  it("a gate is waived by name, with a reason, and that is recorded", async () => {
    const revision = await world.set("dev", { a: 1 });
    await cycle(world.session, "dev");
    await expect(world.ask({ waive: ["approvals"] })).rejects.toMatchObject({ code: "USAGE", message: /reason/ });
    await expect(world.ask({ waive: ["aprovals"], because: "x" })).rejects.toMatchObject({
      hint: 'did you mean "approvals"?',
    });
    const hop = await world.ask({ waive: ["approvals"], because: "INC-9" });
    expect(hop).toMatchObject({ state: "promoted" });
    expect(hop.gates.find(({ name }) => name === "approvals")).toMatchObject({
      state: "waived",
      reason: expect.stringContaining("ann waived it: INC-9") as string,
    });
    expect(await world.happened("staging", "gate-")).toEqual([
      `gate-waived: ann waived approvals for ${revision.slice(0, 10)} of dev: INC-9`,
    ]);
  });

  it("opens one pull request on the local forge, follows the revision, and merges it when asked", async () => {
    await world.set("staging", { a: 1 });
    await cycle(world.session, "staging");
    const asked = await world.ask({ from: "staging", to: "prod" });
    expect(asked).toMatchObject({ state: "waiting", did: "open", pullRequest: { number: 1 } });
    expect(await world.tip("trueup/promote/prod")).toBe(await world.tip("staging"));
    for (let count = 0; count < 5; count += 1) await world.pass();
    expect((await world.happened("prod")).filter((line) => line.startsWith("promotion-proposed"))).toHaveLength(1);
    const merged = await world.ask({ from: "staging", to: "prod", merge: true });
    expect(merged).toMatchObject({ state: "promoted", did: "merge" });
    expect(await world.tip("prod")).toBe(await world.tip("staging"));
    await expect(world.tip("trueup/promote/prod")).rejects.toThrow();
    expect(await (await world.session.store()).pullRequests.get(1)).toMatchObject({ state: "merged" });
  });

  it("an environment that is taken out of the order has its pull request closed, with a note", async () => {
    await world.set("staging", { a: 1 });
    await cycle(world.session, "staging");
    await world.ask({ from: "staging", to: "prod" });
    await world.commit({ "policies/promotion.yaml": "order: [dev, staging]\n" }, { branch: "prod" });
    const { prod } = await world.pass();
    expect(prod).toMatchObject({ state: "idle", did: "close" });
    expect(await (await world.session.store()).pullRequests.get(1)).toMatchObject({ state: "closed" });
    expect((await world.pass())["prod"]).toBeUndefined();
    expect(await world.happened("prod")).toContain("promotion-over: nothing is to be promoted any more");
  });

  it("goes without any policy, where a person asks, and ends when it was merged by hand", async () => {
    for (const branch of ORDER) await world.commit({ "policies/promotion.yaml": null }, { branch });
    await world.set("staging", { a: 1 });
    await cycle(world.session, "staging");
    expect(await world.ask({ from: "staging", to: "prod" })).toMatchObject({ state: "waiting", did: "open" });
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting" });
    await world.git("checkout", "--quiet", "prod");
    await world.git("merge", "--quiet", "--no-edit", "trueup/promote/prod");
    expect((await world.pass())["prod"]).toMatchObject({ state: "promoted" });
    expect(await (await world.session.store()).promotions.load()).toEqual(new Map());
  });

  it("merged by hand, squashed: it has arrived, and does not come again over a later hotfix", async () => {
    await world.set("staging", { a: 1 });
    await cycle(world.session, "staging");
    await world.ask({ from: "staging", to: "prod" });
    await world.set("prod", { a: 1 });
    const { prod } = await world.pass();
    expect(prod).toMatchObject({ state: "promoted" });
    // Who let it through is known by how the gates were told last.
    const told = (await eventList(world.session, "prod")).find(({ type }) => type === "promoted");
    expect(told?.detail).toMatchObject({
      ...{ from: "staging", commit: await world.tip("prod"), askedBy: "ann" },
      gates: [{ name: "synced", state: "passed" }, { name: "validation" }],
    });
    await world.set("prod", {});
    await world.set("staging", { a: 1, b: 2 });
    await cycle(world.session, "staging");
    const hop = await world.ask({ from: "staging", to: "prod", merge: true });
    expect([hop.state, hop.reason]).toEqual(["promoted", "all gates have passed"]);
    await cycle(world.session, "prod");
    expect(world.live("prod")).toContain("a: 0");
    expect(world.live("prod")).toContain("b: 2");
  });

  it("refuses a revision that is not on the branch, an unknown environment, and a hop that is none", async () => {
    const foreign = await world.set("prod", { c: 3 });
    await expect(world.ask({ revision: foreign })).rejects.toMatchObject({
      code: "USAGE",
      message: /not on the branch of dev/,
    });
    await expect(world.ask({ from: "dv" })).rejects.toMatchObject({ hint: 'did you mean "dev"?' });
    await expect(world.ask({ from: "dev", to: "prod" })).rejects.toMatchObject({ hint: "trueup promote staging prod" });
    const order = { message: "nothing is promoted from prod", hint: "its order has: dev → staging, staging → prod" };
    const plain = { from: "prod", dryRun: false, merge: false, approve: false, waive: [], by: "ann" };
    await expect(promote.run(world.session, plain, context())).rejects.toMatchObject(order);
  });

  it("says why nothing can travel between environments of one branch, or into itself, with a policy or without", async () => {
    const branches = { staging: "dev", prod: "prod" };
    const forge = { kind: "local" };
    world.configure({ environments: ORDER, branches, forge, ...(await newStore()) });
    await world.restart();
    const same = { code: "CONFIG_INVALID", message: "dev and staging follow the same branch: nothing can be promoted" };
    await expect(world.ask({})).rejects.toMatchObject(same);
    expect((await promotions.run(world.session, {}, context())).faults).toMatchObject([
      { environment: "staging", error: same },
    ]);
    for (const branch of ["dev", "prod"]) await world.commit({ "policies/promotion.yaml": null }, { branch });
    await expect(world.ask({})).rejects.toMatchObject(same);
    await expect(world.ask({ from: "dev", to: "dev" })).rejects.toMatchObject({ message: /not into itself/ });
  });
});

describe("comparing environments", () => {
  it("tells what a promotion would change from what is different on purpose", async () => {
    await world.set("dev", { a: 1 });
    const report = await compareEnvironments.run(world.session, { from: "dev", to: "prod" }, context());
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
