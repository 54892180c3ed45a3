import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { adopt } from "../../src/operations/adopt.js";
import { doctor } from "../../src/operations/doctor.js";
import { hold } from "../../src/operations/hold.js";
import { revert } from "../../src/operations/revert.js";
import { status } from "../../src/operations/status.js";
import type { Session } from "../../src/reconcile/session.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { postgresUnavailable } from "../support/postgres.js";
import { newStores } from "../support/stores.js";
import { cycle, eventList, makeWorld, syncNow, type World, type WorldOptions } from "../support/world.js";

const HEAD = "trueup/drift/prod/host";
const SETTINGS = "pool: 20\nqueue: 100\n";
const ENVIRONMENT = "adopt: direct\ntargets:\n  host: { kind: files, connection: host }\n";

const newStore = newStores();
let world: World;
afterEach(() => world.close());

let given: WorldOptions = {};

/** A world in sync. */
async function begin(options: WorldOptions = {}, folder = ""): Promise<Session> {
  given = { forge: null, ...(await newStore()), ...options };
  world = await makeWorld(given);
  await world.commit({
    [`${folder}environments/prod/environment.yaml`]: ENVIRONMENT,
    [`${folder}environments/prod/host/app.yaml`]: SETTINGS,
  });
  writeFileSync(live(), SETTINGS);
  return world.open();
}

const live = (): string => join(world.root(), "app.yaml");
const drift = (from: string, to: string): void => {
  writeFileSync(live(), readFileSync(live(), "utf8").replace(from, to));
};
const git = (...args: string[]): string =>
  execFileSync("git", args, { cwd: world.repository.folder, encoding: "utf8" }).trimEnd();
const branches = (): string[] => git("for-each-ref", "--format=%(refname:short)", "refs/heads/trueup").split("\n");
const told = async (session: Session, type: RegExp) =>
  (await eventList(session)).filter((event) => type.test(event.type));
/** The events of what was logged as a warning or an error. */
const complaints = () =>
  world.logged.filter(({ level }) => level === "warn" || level === "error").map(({ fields }) => fields["event"]);
const context = { signal: new AbortController().signal, progress: () => undefined };
const record = async (session: Session) => (await (await session.store()).pullRequests.find(HEAD))?.state;

describe("the forge that is there by default", () => {
  it("is the repository itself: a branch is proposed, and the history says how to decide", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    expect(branches()).toEqual([HEAD]);
    expect((await told(session, /proposed/)).map(({ message }) => message)).toEqual([
      `proposed the live values: branch ${HEAD}; merge it, or decide with \`trueup adopt prod/host\` or \`trueup revert prod/host\``,
    ]);
    const { environments } = await status.run(session, { environments: [] }, context);
    expect(environments[0]?.targets[0]?.pullRequest).toEqual({ number: 1, branch: HEAD });
  });

  it("is none where trueup.yaml says so", async () => {
    const session = await begin({ forge: { kind: "none" } });
    drift("pool: 20", "pool: 25");
    expect((await cycle(session)).targets[0]?.findings[0]?.actions).toEqual(["propose"]);
    expect(branches()).toEqual([""]);
    expect(await told(session, /propos/)).toEqual([]);
  });

  it("is decided with `trueup adopt`: merged, and the branch is gone", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    await adopt.run(session, { environment: "prod/host", direct: true, dryRun: false, by: "ana" }, context);
    expect((await cycle(session)).state).toBe("Synced");
    expect(await record(session)).toBe("merged");
    expect(branches()).toEqual([""]);
    expect(await told(session, /proposal-merged/)).toHaveLength(1);
  });

  it("is decided with `trueup revert`: closed at once, and the branch is gone", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    await revert.run(session, { environment: "prod/host", by: "ana", confirm: false }, context);
    expect(readFileSync(live(), "utf8")).toBe(SETTINGS);
    expect(await record(session)).toBe("closed");
    expect(branches()).toEqual([""]);
  });

  it("is closed where a hold takes the drift over, and says so", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const set = { owner: "ana", reason: "INC-1", until };
    await hold.run(session, { word: "prod/host", path: "/app.yaml/pool", by: "ana", set }, context);
    await cycle(session);
    expect(await record(session)).toBe("closed");
    expect((await told(session, /proposal-closed/)).map(({ message }) => message)).toEqual([
      `a hold, a guard or another policy has taken the drift over: closed the pull request branch ${HEAD}`,
    ]);
  });

  it("is closed at once where a person puts everything back", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    await syncNow(session, { adopt: "desired" });
    expect(await record(session)).toBe("closed");
  });

  it("a revert opens no pull request, and keeps up the one for what is left", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    drift("queue: 100", "queue: 7");
    const args = { environment: "prod/host", by: "ana", confirm: false };
    await revert.run(session, { ...args, path: "/app.yaml/pool" }, context);
    expect(branches()).toEqual([""]);
    drift("pool: 20", "pool: 25");
    await cycle(session);
    await revert.run(session, { ...args, path: "/app.yaml/pool" }, context);
    expect(git("show", `${HEAD}:environments/prod/host/app.yaml`)).toBe("pool: 20\nqueue: 7");
    expect(await record(session)).toBe("open");
  });
});

describe("the branch of an open pull request", () => {
  it("keeps what a person pushed to it, also when the drift changes, and says so once", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    const added = await world.commit({ "note.md": "a person's" }, { branch: HEAD, from: HEAD });
    await cycle(session);
    drift("pool: 25", "pool: 26");
    for (let times = 0; times < 3; times += 1) await cycle(session);
    expect(git("rev-parse", HEAD)).toBe(added);
    expect(await record(session)).toBe("open");
    const refusals = await told(session, /^unproposable$/);
    expect(refusals.map(({ message }) => message)).toEqual([expect.stringContaining(`somebody pushed to ${HEAD}`)]);
  });
});

describe("the branch of a pull request that is over", () => {
  it("stays where somebody added to it", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    const added = await world.commit({ "note.md": "a person's" }, { branch: HEAD, from: HEAD });
    drift("pool: 25", "pool: 20");
    await cycle(session);
    expect(git("rev-parse", HEAD)).toBe(added);
    expect(await record(session)).toBe("closed");
  });

  it("goes with its target, once git no longer names that", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    await world.commit({ "environments/prod/environment.yaml": "targets: {}\n" });
    await cycle(session);
    expect(await record(session)).toBe("closed");
    expect(branches()).toEqual([""]);
    expect((await (await session.store()).proposals.load("prod")).size).toBe(0);
    expect(readFileSync(live(), "utf8")).toContain("pool: 25");
  });

  it("may be gone already", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    git("branch", "-D", HEAD);
    drift("pool: 25", "pool: 20");
    await cycle(session);
    expect(await record(session)).toBe("closed");
    expect(complaints()).toEqual(["drifted"]);
  });

  it("stays, with a warning and once, where the repository does not let it go", async () => {
    const session = await begin();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    git("config", "receive.denyDeletes", "true");
    drift("pool: 25", "pool: 20");
    await cycle(session);
    await cycle(session);
    expect(await record(session)).toBe("closed");
    expect(branches()).toEqual([HEAD]);
    expect(complaints()).toEqual(["drifted", "branch-left"]);
  });
});

describe("a repository that may only be read", () => {
  afterEach(() => vi.useRealTimers());

  /** A hook that refuses drift branches, and counts the attempts. */
  const protect = (): { allow: () => void; attempts: () => number } => {
    const hooks = join(world.repository.folder, ".git", "hooks");
    const counter = join(world.folder, "attempts");
    const hook = join(hooks, "pre-receive");
    execFileSync("mkdir", ["-p", hooks]);
    writeFileSync(hook, `#!/bin/sh\necho x >>'${counter}'\necho 'nobody pushes here'\nexit 1\n`);
    chmodSync(hook, 0o755);
    return {
      allow: () => {
        writeFileSync(hook, "#!/bin/sh\n");
      },
      attempts: () => (existsSync(counter) ? readFileSync(counter, "utf8").length / 2 : 0),
    };
  };

  it("is told of once, and asked again when the drift or the revision changes, or after an hour", async () => {
    const session = await begin();
    await cycle(session);
    const { allow, attempts } = protect();
    drift("pool: 20", "pool: 25");
    for (let index = 0; index < 3; index += 1) expect((await cycle(session)).state).toBe("Drifted");
    expect(attempts()).toBe(1);
    const [event] = await told(session, /unproposable/);
    expect(event?.message).toContain("nobody pushes here");
    expect((await doctor.run(session, {}, context)).warnings).toEqual([
      expect.stringContaining("prod/host: drift cannot be proposed:"),
    ]);

    drift("queue: 100", "queue: 7");
    await cycle(session);
    expect(attempts()).toBe(2);
    await world.commit({ "README.md": "moved" });
    await cycle(session);
    expect(attempts()).toBe(3);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61 * 60_000 });
    await cycle(session);
    await cycle(session);
    expect(attempts()).toBe(4);
    expect(await told(session, /unproposable/)).toHaveLength(1);
    expect(complaints()).toEqual(["drifted", "unproposable", "drifted"]);

    allow();
    drift("queue: 7", "queue: 8");
    await cycle(session);
    expect(branches()).toEqual([HEAD]);
    expect((await doctor.run(session, {}, context)).warnings).toEqual([]);
  });

  it("is forgotten without a word when the drift goes away by itself", async () => {
    const session = await begin();
    await cycle(session);
    protect();
    drift("pool: 20", "pool: 25");
    await cycle(session);
    drift("pool: 25", "pool: 20");
    await cycle(session);
    expect((await (await session.store()).proposals.load("prod")).size).toBe(0);
    expect(await told(session, /^proposal/)).toEqual([]);
  });

  it("may be a bundle", async () => {
    await begin();
    const bundle = join(world.folder, "environments.bundle");
    git("bundle", "create", "--quiet", bundle, "prod");
    world.configure({ ...given, url: bundle });
    const session = world.open({ stateDirectory: join(world.folder, "other") });
    await cycle(session);
    drift("pool: 20", "pool: 25");
    await cycle(session);
    await cycle(session);
    expect(await told(session, /unproposable/)).toHaveLength(1);
  });
});

describe("on GitHub", () => {
  let github: GitHubWorld;
  let repository: string;
  beforeAll(async () => {
    github = await githubWorld();
  });
  afterAll(() => github.close());
  const forge = async () => {
    repository = await github.repository();
    return { kind: "github", repository, token: tokens.bot, url: github.url };
  };
  const asPerson = async (path: string) => (await github.as(tokens.owner, "GET", `/repos/${repository}/${path}`)).data;

  it("asks for reviews by CODEOWNERS at the repository's top, leaves out who may not, and links the file's history", async () => {
    const session = await begin({ forge: await forge(), path: "config" }, "config/");
    await world.commit({
      ".github/CODEOWNERS": "* @acme\n/config/environments/prod/ @mallory @nobody-there ops@example.org\n",
      CODEOWNERS: "* @acme-bot\n",
    });
    await cycle(session);
    drift("pool: 20", "pool: 25");
    await cycle(session);
    const [pull] = (await asPerson("pulls")) as { requested_reviewers: { login: string }[]; body: string }[];
    expect(pull?.requested_reviewers.map(({ login }) => login)).toEqual(["mallory"]);
    const page = `${github.url}/${repository}/commits/prod/config/environments/prod/host/app.yaml`;
    expect(pull?.body).toContain(`<a href="${page}"><code>config/environments/prod/host/app.yaml</code></a>`);
    expect(await told(session, /^proposed$/)).toHaveLength(1);
    expect(world.logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("a store that was lost orphans no pull request, and what is idle asks for nothing", async () => {
    const session = await begin({ forge: await forge() });
    await cycle(session);
    drift("pool: 20", "pool: 25");
    await cycle(session);
    expect(await asPerson("pulls")).toHaveLength(1);
    await session.close();
    drift("pool: 25", "pool: 20");
    world.configure({ ...given, ...(await newStore()) });
    const fresh = world.open({ stateDirectory: join(world.folder, "fresh") });
    await cycle(fresh);
    expect(await asPerson("pulls")).toEqual([]);
    expect(branches()).toEqual([""]);
    // A branch of the name that nobody knows is asked about once.
    git("branch", HEAD, "prod");
    await cycle(fresh);
    const before = github.asked.length;
    for (let index = 0; index < 5; index += 1) await cycle(fresh);
    expect(github.asked.length).toBe(before);
    expect(branches()).toEqual([HEAD]);
  });

  it("a forge that refuses is told of once, and not asked again", async () => {
    const session = await begin({ forge: await forge() });
    await cycle(session);
    const none = { status: 200, body: [] };
    github.instead.push(none, none, { status: 403, body: { message: "Resource not accessible by integration" } }, none);
    drift("pool: 20", "pool: 25");
    await cycle(session);
    expect(github.instead).toEqual([]);
    const before = github.asked.length;
    for (let index = 0; index < 3; index += 1) await cycle(session);
    expect(github.asked.length).toBe(before);
    const [event, ...others] = await told(session, /unproposable/);
    expect(event?.message).toContain("Resource not accessible by integration");
    expect(others).toEqual([]);
    drift("pool: 25", "pool: 26");
    await cycle(session);
    expect(await asPerson("pulls")).toHaveLength(1);
  });
});

describe.skipIf(postgresUnavailable !== undefined)("two controllers on one store", () => {
  let github: GitHubWorld;
  beforeAll(async () => {
    github = await githubWorld();
  });
  afterAll(() => github.close());

  it("open one pull request, and close it with one note", async () => {
    const repository = await github.repository();
    const forge = { kind: "github", repository, token: tokens.owner, url: github.url };
    const first = await begin({ forge });
    // Each with a mirror and a key of its own, as on two hosts.
    const second = world.open({ holder: "test@there:1", stateDirectory: join(world.folder, "there") });
    await cycle(first);
    await cycle(second);
    const both = async (): Promise<void> => {
      for (let index = 0; index < 3; index += 1) await Promise.all([cycle(first), cycle(second)]);
    };
    drift("pool: 20", "pool: 25");
    await both();
    expect((await told(first, /propos/)).map(({ type }) => type)).toEqual(["proposed"]);
    expect(github.asked.filter((what) => what === `POST /repos/${repository}/pulls`)).toHaveLength(1);
    drift("pool: 25", "pool: 20");
    await both();
    expect((await told(first, /propos/)).map(({ type }) => type)).toEqual(["proposed", "proposal-closed"]);
    const comments = await github.as(tokens.owner, "GET", `/repos/${repository}/issues/1/comments`);
    expect(comments.data).toHaveLength(1);
    expect(branches()).toEqual([""]);
    expect(world.logged.filter(({ level }) => level === "error")).toEqual([]);
  });
});
