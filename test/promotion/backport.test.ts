import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { promotions } from "../../src/operations/promotions.js";
import { tendMemory, tendPromotions, type TendMemory } from "../../src/promotion/tend.js";
import { refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import { cycle, eventList, makeWorld, type World } from "../support/world.js";

const ENVIRONMENTS = ["dev", "staging", "prod"] as const;
const SETTINGS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const HEAD = "trueup/backport/prod";

vi.setConfig({ testTimeout: 120_000 });

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
      "policies/promotion.yaml": policy(""),
    },
    { branch: "dev" },
  );
  for (const branch of ["staging", "prod"]) await world.repository.git("branch", branch, first);
  session = world.open();
});
afterEach(() => world.close());

function policy(more: string): string {
  const auto = "{ auto: true, merge: direct }";
  return `order: [dev, staging, prod]\n${more}into: { staging: ${auto}, prod: ${auto} }\n`;
}

/** Neighbours in one file: by lines, any two changes of both sides would be a conflict. */
function base(settings: Readonly<Record<string, number>>): string {
  return SETTINGS.map((name) => `${name}: ${settings[name] ?? 0}\n`).join("");
}

function set(branch: string, settings: Readonly<Record<string, number>>): Promise<string> {
  return world.commit({ "environments/base/host/app.yaml": base(settings) }, { branch });
}

/** The settings of a branch that differ from 0. */
async function settings(revision: string): Promise<Record<string, number>> {
  const lines = (await git("show", `${revision}:environments/base/host/app.yaml`)).split("\n");
  const pairs = lines.filter((line) => /^\w: /.test(line)).map((line) => line.split(": "));
  return Object.fromEntries(pairs.flatMap(([name = "", value]) => (value === "0" ? [] : [[name, Number(value)]])));
}

const git = (...args: string[]): Promise<string> => world.repository.git(...args);

/** Promotions are tended with what git says now. */
async function tend(): Promise<void> {
  await refresh(session, session.stop);
  await tendPromotions(session, memory, session.stop);
}

/** One pass of the controller: every environment, then the promotions. */
async function pass(): Promise<void> {
  for (const name of ENVIRONMENTS) await cycle(session, name);
  await tendPromotions(session, memory, session.stop);
}

async function told(): Promise<string[]> {
  return (await eventList(session)).flatMap(({ type, message }) =>
    type.startsWith("backport") ? [`${type}: ${message}`] : [],
  );
}

const pull = async () => (await session.store()).pullRequests.find(HEAD);
const faults = () => world.logged.filter(({ level }) => level === "error").map(({ message }) => message);
const shown = async () => {
  const report = await promotions.run(session, {}, { signal: session.stop, progress: () => undefined });
  return report.backports.map(({ from, to, state, reason }) => ({ from, to, state, reason }));
};

/** A merge as a person makes it on the command line. */
async function merge(into: string, branch: string, ...flags: string[]): Promise<void> {
  await git("checkout", "--quiet", into);
  await git("merge", "--quiet", "--no-edit", ...flags, branch);
  if (flags.includes("--squash")) await git("commit", "--quiet", "--message", "squashed");
}

describe("offering hotfixes to the first branch", () => {
  it("brings just them, a commit each with its author, in one pull request that follows both branches", async () => {
    await set("dev", { a: 1 });
    const one = await set("prod", { b: 7 });
    await tend();
    expect(await settings(HEAD)).toEqual({ a: 1, b: 7 });
    expect(await git("log", "--format=%an <%ae> %s %(trailers:key=Trueup-Backport,valueonly)", `dev..${HEAD}`)).toBe(
      `Test <test@example.org> change ${one}`,
    );
    expect(await pull()).toMatchObject({ number: 1, state: "open", title: "Bring a hotfix of prod back to dev" });
    expect(await shown()).toEqual([
      {
        ...{ from: "prod", to: "dev", state: "waiting" },
        reason: `dev lacks ${one.slice(0, 10)} change of prod: merge or close branch ${HEAD}`,
      },
    ]);
    const two = await set("prod", { b: 7, c: 8 });
    await set("dev", { a: 1, d: 4 });
    for (let count = 0; count < 3; count += 1) await tend();
    expect(await settings(HEAD)).toEqual({ a: 1, b: 7, c: 8, d: 4 });
    expect(
      (await git("log", "--format=%(trailers:key=Trueup-Backport,valueonly)", `dev..${HEAD}`)).split(/\s+/),
    ).toEqual([two, one]);
    expect(await pull()).toMatchObject({ number: 1, state: "open", title: "Bring 2 hotfixes of prod back to dev" });
    expect(await told()).toHaveLength(1);
    expect(faults()).toEqual([]);
  });

  it.each(["--no-ff", "--squash"])("merged (%s), it comes round by promotion and ends there", async (how) => {
    await pass();
    await set("prod", { b: 7 });
    await pass();
    await merge("dev", HEAD, how);
    for (let count = 0; count < 4; count += 1) await pass();
    expect(await pull()).toMatchObject({ state: "merged" });
    await expect(git("rev-parse", "--verify", HEAD)).rejects.toThrow();
    for (const branch of ENVIRONMENTS) expect(await settings(branch)).toEqual({ b: 7 });
    // What becomes of it in dev from now on is dev's own, and travels.
    await set("dev", { b: 9 });
    for (let count = 0; count < 4; count += 1) await pass();
    for (const branch of ENVIRONMENTS) expect(await settings(branch)).toEqual({ b: 9 });
    expect((await told()).map((line) => line.split(":")[0])).toEqual(["backport-proposed", "backport-over"]);
    expect(await shown()).toEqual([]);
    expect(faults()).toEqual([]);
  });

  it("is closed with a note when the same arrives another way, or goes from its own branch", async () => {
    await set("prod", { b: 7 });
    await tend();
    await set("dev", { b: 7 });
    await tend();
    expect(await pull()).toMatchObject({ number: 1, state: "merged" });
    const before = await git("rev-parse", "prod");
    await set("prod", { b: 7, c: 8 });
    await tend();
    expect(await pull()).toMatchObject({ number: 2, state: "open" });
    await world.repository.git("checkout", "--quiet", "prod");
    await git("reset", "--quiet", "--hard");
    await git("read-tree", "-u", "--reset", before);
    await git("commit", "--quiet", "--message", `back\n\nTrueup-Rolled-Back-To: ${before}`);
    await tend();
    expect(await pull()).toMatchObject({ number: 2, state: "closed" });
    expect((await told()).slice(1)).toEqual([
      "backport-over: nothing is left to bring back: dev has all of it",
      expect.stringContaining("backport-proposed: ") as string,
      "backport-over: nothing is left to bring back: prod has it no more",
    ]);
  });

  it("closed by a person, it is not offered again until there is another hotfix", async () => {
    await set("prod", { b: 7 });
    await tend();
    const { pullRequests } = await session.store();
    const open = await pullRequests.get(1);
    if (open !== undefined) await pullRequests.put({ ...open, state: "closed" });
    for (let count = 0; count < 3; count += 1) await tend();
    await set("dev", { a: 1 });
    await tend();
    expect(await pull()).toMatchObject({ number: 1, state: "closed" });
    expect(await shown()).toMatchObject([{ state: "declined", reason: `somebody closed branch ${HEAD}` }]);
    expect((await told()).at(-1)).toBe(`backport-declined: somebody closed branch ${HEAD}`);
    await set("prod", { b: 7, c: 8 });
    await tend();
    expect(await pull()).toMatchObject({ number: 2, state: "open" });
    expect(await settings(HEAD)).toEqual({ a: 1, b: 7, c: 8 });
  });

  it("says which cannot be brought, once, and offers the others", async () => {
    await set("dev", { b: 2 });
    const hotfix = await set("prod", { b: 7 });
    for (let count = 0; count < 3; count += 1) await tend();
    const said = `${hotfix.slice(0, 10)} change cannot be brought to dev, which changed the same: environments/base/host/app.yaml: /b is 7 in prod and 2 in dev`;
    expect(await told()).toEqual([`backport-blocked: ${said}`]);
    expect(await shown()).toMatchObject([{ state: "blocked", reason: said }]);
    expect(await pull()).toBeUndefined();
    await set("prod", { b: 7, f: 6 });
    await tend();
    expect(await settings(HEAD)).toEqual({ b: 2, f: 6 });
    expect((await pull())?.body).toContain("has changed the same");
    // A person settles it on the branch itself.
    await set("prod", { b: 2, f: 6 });
    await tend();
    expect((await pull())?.body).not.toContain("has changed the same");
  });

  it("takes the merge of a hotfix's branch for one, and promotions of any make for none", async () => {
    await pass();
    await set("dev", { a: 1 });
    await merge("prod", "dev", "--no-ff");
    await git("branch", "fix", "prod");
    await set("fix", { a: 1, h: 3 });
    await merge("prod", "fix", "--no-ff");
    const merged = await git("rev-parse", "prod");
    await tend();
    expect(await settings(HEAD)).toEqual({ a: 1, h: 3 });
    expect(await git("log", "--format=%(trailers:key=Trueup-Backport,valueonly)", `dev..${HEAD}`)).toBe(merged);
  });

  it("says that there are more of them than it brings back", async () => {
    for (let count = 1; count <= 51; count += 1) await set("prod", { b: count });
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
    await set("prod", { b: 7 });
    await tend();
    const theirs = await set(HEAD, { b: 8 });
    await set("prod", { b: 7, c: 8 });
    for (let count = 0; count < 2; count += 1) await tend();
    expect(await git("rev-parse", HEAD)).toBe(theirs);
    expect(faults()).toEqual([`somebody pushed to ${HEAD}: it is not overwritten`]);
    await world.commit({ "policies/promotion.yaml": policy("backport: false\n") }, { branch: "prod" });
    await tend();
    expect(await pull()).toMatchObject({ state: "closed" });
    expect((await told()).at(-1)).toBe(
      "backport-over: nothing is left to bring back: the environment is out of the order, or the policy offers nothing back",
    );
    expect(await git("rev-parse", HEAD)).toBe(theirs);
    expect(await shown()).toEqual([]);
  });
});

describe("an idle pass", () => {
  it("starts no process while hops wait and hotfixes are offered", async () => {
    const gates = "gates: [ { approvals: { by: [bob] } } ]";
    const into = `{ staging: { auto: true, merge: direct, ${gates} }, prod: { auto: true, ${gates} } }`;
    for (const branch of ENVIRONMENTS) {
      await world.commit({ "policies/promotion.yaml": `order: [dev, staging, prod]\ninto: ${into}\n` }, { branch });
    }
    await set("dev", { a: 1 });
    await set("staging", { c: 3 });
    await set("prod", { b: 7 });
    for (let count = 0; count < 2; count += 1) await pass();
    expect(await shown()).toHaveLength(2);
    const before = await eventList(session);
    let started = 0;
    const count = () => (started += 1);
    subscribe("child_process", count);
    try {
      await tendPromotions(session, memory, session.stop);
      expect(started).toBe(0);
      await refresh(session, session.stop);
      // That the counter counts.
      expect(started).toBe(1);
    } finally {
      unsubscribe("child_process", count);
    }
    expect(await eventList(session)).toEqual(before);
  });
});
