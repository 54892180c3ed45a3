import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { promotions } from "../../src/operations/promotions.js";
import { ORDER, policyOf, promotionWorld, type PromotionWorld } from "../support/promotion-world.js";
import { newStores } from "../support/stores.js";
import { eventList, type WorldOptions } from "../support/world.js";

const HEAD = "trueup/promote/prod";
const POLICY = policyOf({ prod: "{ auto: true, gates: [ { approvals: { by: [bob] } } ] }", more: "backport: false\n" });

vi.setConfig({ testTimeout: 120_000 });

const newStore = newStores();

let world: PromotionWorld;
let options: WorldOptions;
afterEach(() => world.close());

/** A revision of staging waits for bob to let it into prod, by a pull request. */
async function proposed(policy = POLICY): Promise<string> {
  options = { environments: ORDER, forge: { kind: "local" }, ...(await newStore()) };
  world = await promotionWorld({ ...options, policy });
  const revision = await world.set("staging", { a: 1 });
  await world.reconcile();
  if (policy !== POLICY) await world.ask({ from: "staging", to: "prod" });
  for (let count = 0; count < 2; count += 1) await world.tend();
  expect(await pull()).toMatchObject({ state: "open" });
  return revision;
}

const pull = async () => (await world.session.store()).pullRequests.find(HEAD);
const kept = async () => [...(await (await world.session.store()).promotions.load()).keys()];
const approve = () => world.ask({ from: "staging", to: "prod", approve: true, by: "bob" });
const shown = async () => {
  const report = await promotions.run(world.session, {}, { signal: world.session.stop, progress: () => undefined });
  return report.hops.find(({ to }) => to === "prod");
};

/** Two more passes say and do nothing more. */
async function expectRest(): Promise<void> {
  const refs = () => world.git("for-each-ref");
  const before = [await refs(), await eventList(world.session), world.faults()];
  for (let count = 0; count < 2; count += 1) await world.pass();
  expect([await refs(), await eventList(world.session), world.faults()]).toEqual(before);
}

describe("a promotion that waits", () => {
  it("whose branch a person pushed to is blocked, also as all gates pass, until that is merged or gone", async () => {
    const revision = await proposed();
    const theirs = await world.set(HEAD, { a: 1, b: 5 });
    const prod = await world.tip("prod");
    const blocked = {
      state: "blocked",
      reason: `somebody pushed ${theirs.slice(0, 10)} to ${HEAD}, which is not overwritten: merge branch ${HEAD} by hand, or remove ${HEAD}`,
    };
    expect((await world.pass())["prod"]).toMatchObject(blocked);
    expect(await approve()).toMatchObject(blocked);
    expect(await shown()).toMatchObject(blocked);
    await expectRest();
    expect([await world.tip(HEAD), await world.tip("prod")]).toEqual([theirs, prod]);
    expect((await world.happened("prod")).at(-1)).toBe(`promotion-blocked: ${blocked.reason}`);
    expect((await pull())?.body).toContain("somebody pushed");
    await world.merge("prod", HEAD, "--no-ff");
    expect((await world.pass())["prod"]).toMatchObject({ state: "promoted", revision });
    expect(await pull()).toMatchObject({ state: "merged" });
    // What they added is in prod: the next promotion begins its branch anew.
    await world.set("staging", { a: 1, c: 2 });
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting", did: "open" });
    expect(await world.settings(HEAD)).toEqual({ a: 1, b: 5, c: 2 });
    expect(world.faults()).toEqual([]);
  });

  it("whose branch is removed is declined, as where a forge closes its pull request, until the revision moves or a person asks", async () => {
    await proposed();
    await world.git("update-ref", "-d", `refs/heads/${HEAD}`);
    const declined = { state: "declined", reason: `somebody removed ${HEAD}` };
    expect((await world.pass())["prod"]).toMatchObject(declined);
    await expectRest();
    expect(await shown()).toMatchObject(declined);
    const next = await world.set("staging", { a: 1, c: 2 });
    await world.pass();
    expect(await world.tip(HEAD)).toBe(next);
    expect((await pull())?.title).toContain(next.slice(0, 10));
    await world.git("update-ref", "-d", `refs/heads/${HEAD}`);
    await world.pass();
    expect(await approve()).toMatchObject({ state: "waiting" });
    expect((await world.pass())["prod"]).toMatchObject({ state: "promoted", revision: next });
  });

  it.each<[string, (revision: string) => Promise<unknown>]>([
    ["as it is, or by a process that was killed then", () => world.git("branch", "--force", "prod", HEAD)],
    ["squashed", () => world.set("prod", { a: 1 })],
    ["without Trueup's branch", (revision) => world.merge("prod", revision)],
  ])("that was merged while its source went on has arrived before the next begins: %s", async (_, merge) => {
    const revision = await proposed();
    await merge(revision);
    const next = await world.set("staging", { a: 1, b: 1 });
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting", revision: next });
    const told = await world.happened("prod", "promoted");
    expect(told).toEqual([`promoted: promoted ${revision.slice(0, 10)} of staging`]);
    expect(await pull()).toMatchObject({ state: "open", title: `Promote staging to prod: ${next.slice(0, 10)}` });
    // A hotfix takes back what arrived: it stays taken back.
    await world.set("prod", {});
    await world.pass();
    expect(await approve()).toMatchObject({ state: "promoted" });
    expect(await world.settings("prod")).toEqual({ b: 1 });
    await world.pass();
    await expectRest();
  });

  it("that is closed is declined, until the revision moves", async () => {
    await proposed();
    const { pullRequests } = await world.session.store();
    const open = await pull();
    if (open !== undefined) await pullRequests.put({ ...open, state: "closed" });
    expect((await world.pass())["prod"]).toMatchObject({ state: "declined", reason: `somebody closed branch ${HEAD}` });
    await expectRest();
    const next = await world.set("staging", { a: 2 });
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting", did: "open", revision: next });
    expect(await pull()).toMatchObject({ number: 2, state: "open" });
  });

  it("whose text a person edited is written anew as something changes, and left alone till then", async () => {
    await proposed();
    const { pullRequests } = await world.session.store();
    const open = await pull();
    if (open !== undefined) await pullRequests.put({ ...open, title: "WIP", body: "by hand" });
    await expectRest();
    expect(await pull()).toMatchObject({ title: "WIP", body: "by hand" });
    const next = await world.set("staging", { a: 2 });
    await world.pass();
    expect(await pull()).toMatchObject({ number: 1, title: `Promote staging to prod: ${next.slice(0, 10)}` });
  });

  it("outlives a policy that cannot be read, and a branch that is gone for a while", async () => {
    const revision = await proposed();
    const prod = await world.tip("prod");
    for (const damage of [
      () => world.commit({ "policies/promotion.yaml": "order: [dev\n" }, { branch: "prod" }),
      () => world.git("update-ref", "-d", "refs/heads/prod"),
      () => world.git("update-ref", "-d", "refs/heads/staging"),
    ]) {
      await damage();
      await world.pass();
      await expectRest();
      expect(await pull()).toMatchObject({ state: "open" });
      expect(await kept()).toEqual(["prod"]);
      await world.git("update-ref", "refs/heads/prod", prod);
      await world.git("update-ref", "refs/heads/staging", revision);
    }
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting", revision });
    expect((await world.happened("prod")).filter((line) => line.startsWith("promotion-over"))).toEqual([]);
    const [unread, ...gone] = world.faults();
    expect(unread).toBe("the indentation does not fit what stands above");
    expect([...new Set(gone)]).toEqual([
      "environment prod follows the branch `prod`, which is not there",
      "environment staging follows the branch `staging`, which is not there",
    ]);
  });

  it("is left alone while nothing is known of git", async () => {
    await proposed();
    await world.session.close();
    rmSync(join(world.stateDirectory, "repository.git"), { recursive: true });
    await world.restart();
    const events = await eventList(world.session);
    expect(await world.tend()).toEqual({});
    expect(await kept()).toEqual(["prod"]);
    expect(await eventList(world.session)).toEqual(events);
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting" });
  });

  it("ends as its environment is taken out of trueup.yaml", async () => {
    await proposed();
    world.configure({ ...options, environments: ["dev", "staging"] });
    await world.restart();
    await world.tend();
    expect(await pull()).toMatchObject({ state: "closed" });
    expect(await kept()).toEqual([]);
    expect((await world.happened("prod")).at(-1)).toBe("promotion-over: nothing is to be promoted any more");
    await expect(world.tip(HEAD)).rejects.toThrow();
  });

  it("ends as the order is reversed: what was wanted of one environment is not wanted of another", async () => {
    await proposed();
    await world.ask({ from: "staging", to: "prod", by: "ann" });
    const turned = "order: [prod, staging, dev]\nbackport: false\n";
    for (const branch of ORDER) await world.commit({ "policies/promotion.yaml": turned }, { branch });
    await world.pass();
    expect(await pull()).toMatchObject({ state: "closed" });
    expect(await kept()).toEqual([]);
    expect((await world.happened("prod")).at(-1)).toBe("promotion-over: nothing is to be promoted any more");
    await expectRest();
    expect(world.faults()).toEqual([]);
  });

  it("is taken back with its revision: a policy goes on with what is there, and ends where nothing is", async () => {
    await proposed();
    await world.ask({ from: "staging", to: "prod", by: "ann" });
    const other = await world.commit(
      { "environments/base/host/app.yaml": "a: 7\n" },
      { branch: "staging", from: "dev" },
    );
    expect((await world.pass())["prod"]).toMatchObject({ state: "waiting", revision: other });
    await world.git("update-ref", "refs/heads/staging", await world.tip("dev"));
    expect((await world.pass())["prod"]).toMatchObject({ state: "idle" });
    expect(await pull()).toMatchObject({ state: "closed" });
    expect((await world.happened("prod")).at(-1)).toBe("promotion-over: nothing is to be promoted any more");
    await expectRest();
  });

  it("is taken back with its revision: what a person asked for is blocked until they ask for another", async () => {
    const revision = await proposed(POLICY.replace("prod: { auto: true", "prod: { auto: false"));
    const other = await world.commit(
      { "environments/base/host/app.yaml": "a: 7\n" },
      { branch: "staging", from: "dev" },
    );
    const blocked = {
      state: "blocked",
      reason: `${revision.slice(0, 10)} is not on the branch of staging any more: \`trueup promote staging prod\` asks for what is`,
    };
    expect((await world.pass())["prod"]).toMatchObject(blocked);
    await expectRest();
    expect(await world.ask({ from: "staging", to: "prod" })).toMatchObject({ state: "waiting", revision: other });
  });
});

describe("a roll-back", () => {
  it("is proposed on a branch of its own, which follows what is asked; what a person added to it is not overwritten", async () => {
    await proposed();
    const first = await world.tip("prod");
    const second = await world.set("prod", { a: 1 });
    await world.set("prod", { a: 1, b: 2 });
    const head = "trueup/rollback/prod";
    expect(await world.back({ pullRequest: true, to: first })).toMatchObject({
      branch: head,
      pullRequest: { number: 2 },
    });
    const { commit } = await world.back({ pullRequest: true, to: second });
    expect(await world.tip(head)).toBe(commit);
    const { pullRequests } = await world.session.store();
    expect(await pullRequests.get(2)).toMatchObject({
      state: "open",
      title: `Roll prod back to ${second.slice(0, 10)}`,
    });
    await world.git("checkout", "--quiet", head);
    await world.git("commit", "--quiet", "--amend", "--allow-empty", "--message", "mended by hand");
    await world.git("checkout", "--quiet", "--detach");
    const theirs = await world.tip(head);
    await expect(world.back({ pullRequest: true, to: first })).rejects.toMatchObject({
      code: "GIT_MOVED",
      message: `somebody pushed ${theirs.slice(0, 10)} to ${head}: it is not overwritten`,
      hint: `merge ${head} into prod, or remove it, and ask again`,
    });
    expect(await world.tip(head)).toBe(theirs);
    // Merged, it is nobody's any more.
    await world.merge("prod", head, "--no-ff");
    expect(await world.back({ pullRequest: true, to: first })).toMatchObject({ branch: head });
  });
});
