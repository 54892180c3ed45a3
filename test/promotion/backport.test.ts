import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { promotions } from "../../src/operations/promotions.js";
import { tendPromotions } from "../../src/promotion/tend.js";
import { refresh } from "../../src/reconcile/environment.js";
import { ORDER, policyOf, promotionWorld, type PromotionWorld } from "../support/promotion-world.js";
import { newStores } from "../support/stores.js";
import { eventList } from "../support/world.js";

const HEAD = "trueup/backport/prod";

vi.setConfig({ testTimeout: 120_000 });

const newStore = newStores();
let world: PromotionWorld;
beforeEach(async () => {
  world = await promotionWorld(await newStore());
});
afterEach(() => world.close());

/** Promotions are tended with what git says now. */
async function tend(): Promise<void> {
  await refresh(world.session, world.session.stop);
  await world.tend();
}

async function told(): Promise<string[]> {
  return (await eventList(world.session)).flatMap(({ type, message }) =>
    type.startsWith("backport") ? [`${type}: ${message}`] : [],
  );
}

const pull = async () => (await world.session.store()).pullRequests.find(HEAD);
const shown = async () => {
  const { session } = world;
  const report = await promotions.run(session, {}, { signal: session.stop, progress: () => undefined });
  return report.backports.map(({ from, to, state, reason }) => ({ from, to, state, reason }));
};

describe("offering hotfixes to the first branch", () => {
  it("brings just them, a commit each with its author, in one pull request that follows both branches", async () => {
    await world.set("dev", { a: 1 });
    const one = await world.set("prod", { b: 7 });
    await tend();
    expect(await world.settings(HEAD)).toEqual({ a: 1, b: 7 });
    expect(
      await world.git("log", "--format=%an <%ae> %s %(trailers:key=Trueup-Backport,valueonly)", `dev..${HEAD}`),
    ).toBe(`Test <test@example.org> change ${one}`);
    expect(await pull()).toMatchObject({ number: 1, state: "open", title: "Bring a hotfix of prod back to dev" });
    expect(await shown()).toEqual([
      {
        ...{ from: "prod", to: "dev", state: "waiting" },
        reason: `dev lacks ${one.slice(0, 10)} change of prod: merge or close branch ${HEAD}`,
      },
    ]);
    const two = await world.set("prod", { b: 7, c: 8 });
    await world.set("dev", { a: 1, d: 4 });
    for (let count = 0; count < 3; count += 1) await tend();
    expect(await world.settings(HEAD)).toEqual({ a: 1, b: 7, c: 8, d: 4 });
    expect(
      (await world.git("log", "--format=%(trailers:key=Trueup-Backport,valueonly)", `dev..${HEAD}`)).split(/\s+/),
    ).toEqual([two, one]);
    expect(await pull()).toMatchObject({ number: 1, state: "open", title: "Bring 2 hotfixes of prod back to dev" });
    expect(await told()).toHaveLength(1);
    expect(world.faults()).toEqual([]);
  });

  it.each(["--no-ff", "--squash"])("merged (%s), it comes round by promotion and ends there", async (how) => {
    await world.pass();
    await world.set("prod", { b: 7 });
    await world.pass();
    await world.merge("dev", HEAD, how);
    for (let count = 0; count < 4; count += 1) await world.pass();
    expect(await pull()).toMatchObject({ state: "merged" });
    await expect(world.git("rev-parse", "--verify", HEAD)).rejects.toThrow();
    for (const branch of ORDER) expect(await world.settings(branch)).toEqual({ b: 7 });
    // What becomes of it in dev from now on is dev's own, and travels.
    await world.set("dev", { b: 9 });
    for (let count = 0; count < 4; count += 1) await world.pass();
    for (const branch of ORDER) expect(await world.settings(branch)).toEqual({ b: 9 });
    expect((await told()).map((line) => line.split(":")[0])).toEqual(["backport-proposed", "backport-over"]);
    expect(await shown()).toEqual([]);
    expect(world.faults()).toEqual([]);
  });

  it("is closed with a note when the same arrives another way, or goes from its own branch", async () => {
    await world.set("prod", { b: 7 });
    await tend();
    await world.set("dev", { b: 7 });
    await tend();
    expect(await pull()).toMatchObject({ number: 1, state: "merged" });
    const before = await world.git("rev-parse", "prod");
    await world.set("prod", { b: 7, c: 8 });
    await tend();
    expect(await pull()).toMatchObject({ number: 2, state: "open" });
    await world.git("checkout", "--quiet", "prod");
    await world.git("reset", "--quiet", "--hard");
    await world.git("read-tree", "-u", "--reset", before);
    await world.git("commit", "--quiet", "--message", `back\n\nTrueup-Rolled-Back-To: ${before}`);
    await tend();
    expect(await pull()).toMatchObject({ number: 2, state: "closed" });
    expect((await told()).slice(1)).toEqual([
      "backport-over: nothing is left to bring back: dev has all of it",
      expect.stringContaining("backport-proposed: ") as string,
      "backport-over: nothing is left to bring back: prod has it no more",
    ]);
  });

  it("is merged where the first branch took the hotfix's own commit", async () => {
    await world.set("prod", { b: 7 });
    await tend();
    await world.git("branch", "--force", "dev", "prod");
    await tend();
    expect(await pull()).toMatchObject({ number: 1, state: "merged" });
    expect((await told()).slice(1)).toEqual(["backport-over: nothing is left to bring back: dev has all of it"]);
  });

  it("closed by a person, it is not offered again until there is another hotfix", async () => {
    await world.set("prod", { b: 7 });
    await tend();
    const { pullRequests } = await world.session.store();
    const open = await pullRequests.get(1);
    if (open !== undefined) await pullRequests.put({ ...open, state: "closed" });
    for (let count = 0; count < 3; count += 1) await tend();
    await world.set("dev", { a: 1 });
    await tend();
    expect(await pull()).toMatchObject({ number: 1, state: "closed" });
    expect(await shown()).toMatchObject([{ state: "declined", reason: `somebody closed branch ${HEAD}` }]);
    expect((await told()).at(-1)).toBe(`backport-declined: somebody closed branch ${HEAD}`);
    await world.set("prod", { b: 7, c: 8 });
    await tend();
    expect(await pull()).toMatchObject({ number: 2, state: "open" });
    expect(await world.settings(HEAD)).toEqual({ a: 1, b: 7, c: 8 });
  });

  it("says which cannot be brought, once, and offers the others", async () => {
    await world.set("dev", { b: 2 });
    const hotfix = await world.set("prod", { b: 7 });
    for (let count = 0; count < 3; count += 1) await tend();
    const said = `${hotfix.slice(0, 10)} change cannot be brought to dev, which changed the same: environments/base/host/app.yaml: /b is 7 in prod and 2 in dev`;
    expect(await told()).toEqual([`backport-blocked: ${said}`]);
    expect(await shown()).toMatchObject([{ state: "blocked", reason: said }]);
    expect(await pull()).toBeUndefined();
    await world.set("prod", { b: 7, f: 6 });
    await tend();
    expect(await world.settings(HEAD)).toEqual({ b: 2, f: 6 });
    expect((await pull())?.body).toContain("has changed the same");
    // A person settles it on the branch itself.
    await world.set("prod", { b: 2, f: 6 });
    await tend();
    expect((await pull())?.body).not.toContain("has changed the same");
  });

  it("takes the merge of a hotfix's branch for one, and promotions of any make for none", async () => {
    await world.pass();
    await world.set("dev", { a: 1 });
    await world.merge("prod", "dev", "--no-ff");
    await world.git("branch", "fix", "prod");
    await world.set("fix", { a: 1, h: 3 });
    await world.merge("prod", "fix", "--no-ff");
    const merged = await world.git("rev-parse", "prod");
    await tend();
    expect(await world.settings(HEAD)).toEqual({ a: 1, h: 3 });
    expect(await world.git("log", "--format=%(trailers:key=Trueup-Backport,valueonly)", `dev..${HEAD}`)).toBe(merged);
  });

  it("says that there are more of them than it brings back", async () => {
    for (let count = 1; count <= 51; count += 1) await world.set("prod", { b: count });
    await tend();
    expect(await pull()).toBeUndefined();
    expect(await shown()).toEqual([
      {
        ...{ from: "prod", to: "dev", state: "blocked" },
        reason:
          "prod has 51 hotfixes of its own, of which no more than 50 are brought back: merge them into dev by hand",
      },
    ]);
  });

  it("leaves alone what somebody pushed to its branch, and ends where the policy turns it off", async () => {
    await world.set("prod", { b: 7 });
    await tend();
    const theirs = await world.set(HEAD, { b: 8 });
    await world.set("prod", { b: 7, c: 8 });
    for (let count = 0; count < 2; count += 1) await tend();
    expect(await world.git("rev-parse", HEAD)).toBe(theirs);
    expect(world.faults()).toEqual([`somebody pushed to ${HEAD}: it is not overwritten`]);
    await world.commit({ "policies/promotion.yaml": policyOf({ more: "backport: false\n" }) }, { branch: "prod" });
    await tend();
    expect(await pull()).toMatchObject({ state: "closed" });
    expect((await told()).at(-1)).toBe(
      "backport-over: nothing is left to bring back: the environment is out of the order, or the policy offers nothing back",
    );
    expect(await world.git("rev-parse", HEAD)).toBe(theirs);
    expect(await shown()).toEqual([]);
  });
});

describe("an idle pass", () => {
  it("starts no process while hops wait and hotfixes are offered", async () => {
    const gates = "gates: [ { approvals: { by: [bob] } } ]";
    const into = `{ staging: { auto: true, merge: direct, ${gates} }, prod: { auto: true, ${gates} } }`;
    for (const branch of ORDER) {
      await world.commit({ "policies/promotion.yaml": `order: [dev, staging, prod]\ninto: ${into}\n` }, { branch });
    }
    await world.set("dev", { a: 1 });
    await world.set("staging", { c: 3 });
    await world.set("prod", { b: 7 });
    for (let count = 0; count < 2; count += 1) await world.pass();
    expect(await shown()).toHaveLength(2);
    const before = await eventList(world.session);
    let started = 0;
    const count = () => (started += 1);
    subscribe("child_process", count);
    try {
      await tendPromotions(world.session, world.memory, world.session.stop);
      expect(started).toBe(0);
      await refresh(world.session, world.session.stop);
      // That the counter counts.
      expect(started).toBe(1);
    } finally {
      unsubscribe("child_process", count);
    }
    expect(await eventList(world.session)).toEqual(before);
  });
});
