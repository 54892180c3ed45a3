import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { adopt } from "../../src/operations/adopt.js";
import { revert } from "../../src/operations/revert.js";
import type { Session } from "../../src/reconcile/session.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { newStores } from "../support/stores.js";
import { cycle as passOver, makeWorld, type World } from "../support/world.js";

const HEAD = "trueup/drift/prod/host";
const SETTINGS = "# limits of the service\nlimits:\n  pool: 20 # agreed with ops\n  queue: 100\n";

const files = {
  "environments/prod/environment.yaml": "adopt: direct\ntargets:\n  host: { kind: files, connection: host }\n",
  "environments/prod/host/app.yaml": SETTINGS,
};

const newStore = newStores();

describe.each(["local", "github"])("drift pull requests: %s", (kind) => {
  let github: GitHubWorld;
  let world: World;
  let session: Session;
  let repository: string;

  beforeAll(async () => {
    if (kind === "github") github = await githubWorld();
  });
  afterAll(async () => {
    if (kind === "github") await github.close();
  });
  beforeEach(async () => {
    repository = kind === "github" ? await github.repository() : "";
    world = await makeWorld({ forge: { kind: "local" }, ...(await newStore()) });
    await world.commit(files);
    if (kind === "github") useGitHub();
    session = world.open();
    // Every test begins in sync.
    writeFileSync(live(), SETTINGS);
    expect((await cycle()).state).toBe("Synced");
  });
  afterEach(async () => {
    // A forge that fails is told in the log only.
    expect(world.logged.filter(({ level }) => level === "error")).toEqual([]);
    await world.close();
    if (kind !== "github") return;
    expect(github.violations.splice(0)).toEqual([]);
    // Nothing is asked but git, and the interface below the address that `forge.url` names.
    expect(github.asked.splice(0).filter((each) => !/^[A-Z]+ \/(api\/v3\/|acme\/[\w-]+\.git\/)/.test(each))).toEqual(
      [],
    );
  });

  /** One host for git and for its interface, as GitHub Enterprise Server is: cloned and pushed over smart HTTP, with a token. */
  const useGitHub = (): void => {
    const { url } = github.serve(repository, world.repository.folder);
    const config = JSON.parse(readFileSync(world.configFile, "utf8")) as object;
    const token = tokens.owner;
    const forge = { kind, repository, token, url: `${github.url}/api/v3` };
    writeFileSync(world.configFile, JSON.stringify({ ...config, repository: { url, token }, forge }));
  };

  const live = (): string => join(world.root(), "app.yaml");
  const cycle = async () => passOver(session);
  const drift = (from: string, to: string): void => {
    writeFileSync(live(), readFileSync(live(), "utf8").replace(from, to));
  };
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: world.repository.folder, encoding: "utf8" }).trimEnd();
  const proposed = (): string => git("show", `${HEAD}:environments/prod/host/app.yaml`);
  const types = async (): Promise<string[]> =>
    (await (await session.store()).history.list({ environment: "prod", limit: 200 })).map(({ type }) => type).reverse();
  const forge = async () => {
    const opened = await session.forge();
    if (opened === undefined) throw new Error("no forge");
    return opened;
  };
  const pull = async () => (await forge()).find(HEAD, new AbortController().signal);

  it("drift, a pull request, merged: in sync, with the comments kept", async () => {
    drift("pool: 20", "pool: 25");
    expect((await cycle()).state).toBe("Drifted");
    expect(proposed()).toBe(SETTINGS.replace("pool: 20", "pool: 25").trimEnd());
    if (kind === "github") expect(github.asked).toContain(`POST /${repository}.git/git-receive-pack`);
    const opened = await pull();
    expect(opened).toMatchObject({ state: "open", title: "Drift in prod/host: 1 setting (medium)" });
    expect(opened?.body).toContain("<code>/app.yaml/limits/pool</code> | <code>20</code> | <code>25</code>");
    // On the forge of our own a person merges with git, or adopts.
    if (kind === "github") await github.merge(repository, opened?.number ?? 0);
    else git("update-ref", "refs/heads/prod", HEAD);
    expect((await cycle()).state).toBe("Synced");
    await cycle();
    expect((await pull())?.state).toBe("merged");
    expect(await types()).toEqual(expect.arrayContaining(["drifted", "proposed", "resolved"]));
    expect(readFileSync(live(), "utf8")).toContain("pool: 25");
  });

  it("drift, a pull request, refused: healed, and the history says by whom", async () => {
    drift("pool: 20", "pool: 25");
    await cycle();
    const opened = await pull();
    if (kind === "github") {
      await github.as(tokens.owner, "PATCH", `/repos/${repository}/pulls/${opened?.number ?? 0}`, { state: "closed" });
      await cycle();
    } else {
      const args = { environment: "prod/host", by: "ana", confirm: false };
      const context = { signal: new AbortController().signal, progress: () => undefined };
      await revert.run(session, args, context);
    }
    expect(readFileSync(live(), "utf8")).toBe(SETTINGS);
    expect((await cycle()).state).toBe("Synced");
    expect((await pull())?.state).toBe("closed");
    const events = await (await session.store()).history.list({ environment: "prod", limit: 50 });
    const reverted = events.find(({ type }) => type === "reverted");
    expect(reverted?.message).toMatch(
      kind === "github" ? /acme closed http.*reverted \/app.yaml\/limits\/pool/ : /ana/,
    );
  });

  it("drift that changes: the same pull request, its branch and its words follow", async () => {
    drift("pool: 20", "pool: 25");
    await cycle();
    const first = await pull();
    drift("queue: 100", "queue: 7");
    await cycle();
    const second = await pull();
    expect(second).toMatchObject({
      number: first?.number,
      state: "open",
      title: "Drift in prod/host: 2 settings (medium)",
    });
    expect(proposed()).toContain("queue: 7");
    expect(git("rev-list", "--count", `prod..${HEAD}`)).toBe("1");
  });

  it("drift that vanishes: closed, with a note", async () => {
    drift("pool: 20", "pool: 25");
    await cycle();
    const opened = await pull();
    drift("pool: 25", "pool: 20");
    expect((await cycle()).state).toBe("Synced");
    expect((await pull())?.state).toBe("closed");
    expect(await types()).toContain("proposal-closed");
    if (kind !== "github") return;
    const path = `/repos/${repository}/issues/${opened?.number ?? 0}/comments`;
    const { data } = await github.as(tokens.owner, "GET", path);
    expect(data).toMatchObject([{ body: expect.stringContaining("Nothing is left to decide") as string }]);
  });

  it("many cycles, with a restart among them: one pull request, told once", async () => {
    // Of git over HTTP each is some processes.
    const cycles = kind === "github" ? 5 : 25;
    drift("pool: 20", "pool: 25");
    for (let index = 0; index < cycles; index += 1) await cycle();
    await session.close();
    session = world.open();
    for (let index = 0; index < cycles; index += 1) await cycle();
    expect((await types()).filter((type) => type.startsWith("propos"))).toEqual(["proposed"]);
    if (kind !== "github") return;
    const { data } = await github.as(tokens.owner, "GET", `/repos/${repository}/pulls?head=acme:${HEAD}&state=open`);
    expect(data).toHaveLength(1);
  }, 120_000);

  it("drift that git cannot hold: said once, and no pull request", async () => {
    // In a merge patch null removes: a live null has no place in a layer.
    drift("pool: 20", "pool: null");
    for (let index = 0; index < 3; index += 1) await cycle();
    expect(await pull()).toBeUndefined();
    expect((await types()).filter((type) => type === "unproposable")).toHaveLength(1);
    drift("pool: null", "pool: 25");
    await cycle();
    expect((await pull())?.state).toBe("open");
  });

  it("is adopted without a pull request where the environment allows it, and then closed", async () => {
    drift("pool: 20", "pool: 25");
    await cycle();
    const args = { environment: "prod/host", direct: true, dryRun: false, by: "ana" };
    const context = { signal: new AbortController().signal, progress: () => undefined };
    await adopt.run(session, args, context);
    expect((await cycle()).state).toBe("Synced");
    expect((await pull())?.state).toBe(kind === "github" ? "closed" : "merged");
  });
});
