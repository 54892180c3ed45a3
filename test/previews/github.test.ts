import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type PreviewMemory, previewMemory } from "../../src/previews/pass.js";
import { tendPreviews } from "../../src/previews/tend.js";
import { refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { runPreviews } from "../../src/server/previews.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { postgresUnavailable } from "../support/postgres.js";
import { newStores } from "../support/stores.js";
import { makeWorld, until, type World } from "../support/world.js";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ENVIRONMENTS = ["dev", "prod"] as const;
/** Nothing that a rule, a mark or a message may bring to light. */
const SECRETS = { db: "hunter2-of-the-database", pin: "4711-of-bob" };
const APP = "environments/base/host/app.yaml";
const PROD = "environments/prod/host/app.yaml";
const PROD_APP = 'password: "${secret:db}"\nusers: [ { id: bob, pin: "pin-${secret:pin}" } ]\n';
const RULES = [
  `- { name: pool, require: 'document["app.yaml"].pool < 50.0', message: the pool is too large }`,
  `- { name: long, match: { environment: prod }, require: 'size(document["app.yaml"].password) == ${SECRETS.db.length}' }`,
];

vi.setConfig({ testTimeout: 120_000 });

let github: GitHubWorld;
beforeAll(async () => {
  github = await githubWorld();
});
afterAll(() => github.close());

describe("previews on GitHub", () => {
  const newStore = newStores();
  let world: World;
  let session: Session;
  let memory: PreviewMemory;
  let repository: string;
  let first: string;

  beforeEach(async () => {
    repository = await github.repository();
    const options = { environments: ENVIRONMENTS, ...(await newStore()) };
    world = await makeWorld(options);
    mkdirSync(join(world.folder, "secrets"));
    for (const [name, value] of Object.entries(SECRETS)) writeFileSync(join(world.folder, "secrets", name), value);
    const { url } = github.serve(repository, world.repository.folder);
    world.configure({
      ...{ ...options, url },
      forge: { kind: "github", repository, app: github.app, url: `${github.url}/api/v3` },
    });
    first = await world.commit({
      "environments/base/environment.yaml":
        "targets:\n  host: { kind: files, connection: host, lists: { /app.yaml/users: { key: id } } }\n",
      [APP]: "pool: 1\nlog: info\n",
      ...Object.fromEntries(ENVIRONMENTS.map((name) => [`environments/${name}/environment.yaml`, "layers: [base]\n"])),
      [PROD]: PROD_APP,
      "policies/validation.yaml": `rules:\n${RULES.map((rule) => `  ${rule}\n`).join("")}`,
    });
    await world.repository.git("branch", "dev", first);
    session = world.open();
    memory = previewMemory();
  });
  afterEach(async () => {
    await world.close();
    expect(github.violations.splice(0)).toEqual([]);
    github.asked.length = 0;
  });

  const api = async <T>(method: string, path: string, { body, token = tokens.owner }: Asking = {}): Promise<T> => {
    const { status, data } = await github.as(token, method, path, body);
    expect({ path, status, data }).toMatchObject({ path, status: expect.toBeOneOf([200, 201, 202]) as number });
    return data as T;
  };
  interface Asking {
    readonly body?: unknown;
    readonly token?: string;
  }
  interface Comment {
    readonly id: number;
    readonly body: string;
    readonly user: { readonly login: string };
  }
  const commit = (files: Readonly<Record<string, string | null>>, branch: string, from?: string): Promise<string> =>
    world.commit(files, { branch, ...(from === undefined ? {} : { from }) });
  const app = (pool: number | string, log = "info"): Record<string, string> => ({
    [APP]: `pool: ${pool}\nlog: ${log}\n`,
  });

  /** As a person does on GitHub's page. */
  async function open(head: string, base = "prod"): Promise<number> {
    const response = await fetch(`${github.url}/api/v3/repos/${repository}/pulls`, {
      ...{ method: "POST", headers: { authorization: `token ${tokens.owner}`, "content-type": "application/json" } },
      body: JSON.stringify({ head, base, title: "Change", body: "" }),
    });
    expect(response.status).toBe(201);
    return ((await response.json()) as { number: number }).number;
  }
  const comments = (number: number): Promise<Comment[]> => api("GET", `/repos/${repository}/issues/${number}/comments`);
  async function comment(number: number): Promise<Comment> {
    const [own, ...others] = (await comments(number)).filter(({ user }) => user.login === "trueup[bot]");
    expect(others).toEqual([]);
    if (own === undefined) throw new Error(`there is no comment on ${number}`);
    for (const secret of Object.values(SECRETS)) expect(own.body).not.toContain(secret);
    return own;
  }
  const status = async (sha: string): Promise<string | undefined> => {
    const all = await api<{ context: string; state: string; description: string }[]>(
      "GET",
      `/repos/${repository}/commits/${sha}/statuses`,
    );
    return all.map(({ context, state, description }) => `${context} ${state}: ${description}`)[0];
  };
  async function pass(): Promise<void> {
    await refresh(session, session.stop);
    await tendPreviews(session, memory, session.stop);
  }
  const writes = (): string[] => github.asked.splice(0).filter((each) => /^(POST|PATCH|PUT) .*\/repos\//.test(each));
  /** Without the mark-up in which everything from outside stands. */
  const plain = (text: string): string =>
    text
      .replaceAll(/<\/?code>/g, "")
      .replaceAll(/&#(\d+);/g, (_, point: string) => String.fromCodePoint(Number(point)));

  it("says on a pull request what it changes, edits that when either side moves, and begins anew with nothing", async () => {
    let head = await commit(app(2, "'@all | <b>'"), "change", first);
    const number = await open("change");
    // The comment is written, and its answer lost.
    github.faults.push({ at: /^POST .*\/comments$/, how: "lost" });
    await pass();
    const { id, body } = await comment(number);
    expect(plain(body)).toContain("| host | /app.yaml/pool | 1 | 2 |");
    expect(body).not.toMatch(/@all|<b>|\| <b/);
    expect(plain(body)).toContain('| host | /app.yaml/log | "info" | "@all | <b>" |');
    expect(plain(body)).toContain("Files of dev change, too. These follow other branches: ");
    expect(await status(head)).toBe("trueup/validate success: settings that change in prod: 2");

    // Nothing moved.
    github.asked.length = 0;
    await pass();
    expect(github.asked.splice(0).filter((each) => !each.includes(".git/"))).toEqual([
      `GET /api/v3/repos/${repository}/pulls`,
    ]);

    head = await commit(app(60), "change");
    await pass();
    expect(await comment(number)).toMatchObject({ id });
    expect(plain((await comment(number)).body)).toContain("### ❌ What it breaks\n\n- prod/host: ");
    expect(plain((await comment(number)).body)).toContain("the pool is too large");
    expect(await status(head)).toMatch(/^trueup\/validate failure: prod\/host: environments\/base\/environment.yaml:2/);

    head = await commit(app("["), "change");
    await pass();
    expect(plain((await comment(number)).body)).toContain(`- prod/host: ${APP}:2:1 `);
    expect(await status(head)).toMatch(new RegExp(`^trueup/validate failure: prod/host: ${APP}:2:1: `));

    head = await commit(app(3), "change");
    await pass();
    expect(await status(head)).toBe("trueup/validate success: settings that change in prod: 1");
    const good = await comment(number);
    expect(good.id).toBe(id);
    expect(good.body).not.toContain("❌");

    // The same commit, into another branch, where it is none too many; and here it is.
    head = await commit(app(60), "change");
    await world.repository.git("branch", "twin", head);
    const other = await open("twin", "dev");
    await commit({ "policies/validation.yaml": "rules: []\n" }, "dev");
    await pass();
    expect(plain((await comment(other)).body)).toContain("| host | /app.yaml/pool | 1 | 60 |");
    expect(await status(head)).toMatch(/^trueup\/validate failure: prod\/host: /);
    head = await commit(app(3), "change");
    await pass();
    expect(await status(head)).toMatch(/^trueup\/validate success/);
    // What the other brings is that one's alone by now.
    expect(await status(await world.repository.git("rev-parse", "twin"))).toMatch(/^trueup\/validate success/);

    // Begun anew, on another host: it looks, and finds all said.
    writes();
    await session.close();
    session = world.open({ holder: "other@there:2" });
    memory = previewMemory();
    await pass();
    expect(writes()).toEqual([]);

    // The branch has the same by now: what was said is kept true.
    await commit(app(3), "prod");
    await pass();
    expect(plain((await comment(number)).body)).toContain("Nothing of what the environments render.");
    expect(await status(head)).toMatch(/^trueup\/validate success/);
    await commit(app(4), "prod");
    await pass();
    expect(plain((await comment(number)).body)).toContain(
      `does not merge into prod. Both changed:\n\n- ${APP} (contents)`,
    );
    expect(await status(head)).toBe(`trueup/validate failure: does not merge into prod: ${APP}`);
    expect(await comment(number)).toMatchObject({ id });
  });

  it("blames nobody for what was broken before, and lets no pull request bring a secret to light", async () => {
    await commit({ "environments/base/host/other.yaml": "a: [\n" }, "prod");
    const stealing = [
      ...RULES,
      `- { name: quote, match: { environment: prod }, require: 'int(document["app.yaml"].password) > 1' }`,
    ];
    const rules = (all: readonly string[]) => ({
      "policies/validation.yaml": `rules:\n${all.map((rule) => `  ${rule}\n`).join("")}`,
    });
    const from = await world.repository.git("rev-parse", "prod");
    // A README, and what does not load before it either.
    const readme = await commit({ "README.md": "hello\n" }, "readme", from);
    // The list goes by position then, the names say nothing, and the text is another.
    const unmark = await commit(
      {
        ...{ "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n" },
        [PROD]: `password: "\${secret:db}"\nusers: [ { id: bob, pin: was } ]\nsays: "it is \${secret:db}"\n`,
        "environments/base/host/other.yaml": "a: 1\n",
      },
      "unmark",
      from,
    );
    const quote = await commit({ ...rules(stealing), "environments/base/host/other.yaml": null }, "quote", from);
    const missing = await commit(
      { "environments/base/host/other.yaml": null, [PROD]: `${PROD_APP}more: "\${secret:none}"\n` },
      "missing",
      from,
    );
    const own = await commit(app(2), "trueup/promote/prod", from);
    const [readmePull, unmarkPull, quotePull, missingPull, ownPull] = [
      await open("readme"),
      await open("unmark"),
      await open("quote"),
      await open("missing"),
      await open("trueup/promote/prod"),
    ];
    await pass();

    expect(await status(readme)).toBe("trueup/validate success: no setting changes");
    expect(await comments(readmePull)).toEqual([]);
    expect(await status(own)).toBe(
      "trueup/validate success: no setting changes; not right before it, either: prod/host",
    );
    expect(await comments(ownPull)).toEqual([]);

    const unmarked = plain((await comment(unmarkPull)).body);
    expect(await status(unmark)).toMatch(/^trueup\/validate success/);
    expect(unmarked).toContain("Mends prod/host, which does not load now.");

    // Its rules ask about the secret: that they are broken is said, and not which.
    const inBase = "environments/base/environment.yaml:2:3";
    expect(await status(quote)).toBe(
      `trueup/validate failure: prod/host: ${inBase}: its secrets, once they are filled in, break a rule or its schema`,
    );
    expect(plain((await comment(quotePull)).body)).toContain("Policies change: policies/validation.yaml.");

    expect(await status(missing)).toBe(
      `trueup/validate failure: prod/host: ${PROD}:3:7: trueup.yaml's sources give prod no secret "none"`,
    );
    writes();
    writeFileSync(join(world.folder, "secrets", "none"), "there-by-now");
    await pass();
    expect(await status(missing)).toMatch(/^trueup\/validate success/);
    expect(plain((await comment(missingPull)).body)).not.toContain("there-by-now");
    expect(writes().filter((each) => each.startsWith("PATCH"))).toHaveLength(1);
  });

  it("reads of a fork nothing before somebody who may write approves the very commit", async () => {
    const { full_name: fork } = await api<{ full_name: string }>("POST", `/repos/${repository}/forks`, {
      ...{ token: tokens.stranger, body: {} },
    });
    const { object } = await api<{ object: { sha: string } }>("GET", `/repos/${fork}/git/ref/heads/main`);
    const ref = { ref: "refs/heads/gift", sha: object.sha };
    await api("POST", `/repos/${fork}/git/refs`, { token: tokens.stranger, body: ref });
    const gift = { title: "A gift", head: "mallory:gift", base: "prod" };
    const { number } = await api<{ number: number }>("POST", `/repos/${repository}/pulls`, {
      ...{ token: tokens.stranger, body: gift },
    });
    const forged = { body: "All is well.\n\n<!-- trueup:preview -->" };
    await api("POST", `/repos/${repository}/issues/${number}/comments`, { token: tokens.stranger, body: forged });
    /** As a push to the fork: the repository has it under the pull request's own reference only. */
    const push = async (pool: number): Promise<string> => {
      const sha = await commit({ ...app(pool), [PROD]: 'says: "${secret:db}"\n' }, "elsewhere", first);
      await world.repository.git("update-ref", `refs/pull/${number}/head`, sha);
      await world.repository.git("branch", "-D", "elsewhere");
      return sha;
    };
    const isFetched = (sha: string): Promise<boolean> =>
      world.repository.git(`--git-dir=${join(world.stateDirectory, "repository.git")}`, "cat-file", "-e", sha).then(
        () => true,
        () => false,
      );
    const WAITS = "trueup/validate pending: from a fork: looked at once somebody who may write approves this commit";

    const one = await push(2);
    await pass();
    await pass();
    expect(await status(one)).toBe(WAITS);
    expect(await isFetched(one)).toBe(false);
    expect((await comments(number)).map(({ body }) => body)).toEqual([forged.body]);

    await api("POST", `/repos/${repository}/pulls/${number}/reviews`, { body: { event: "APPROVE", body: "go" } });
    await pass();
    const { body } = await comment(number);
    expect(plain(body)).toMatch(/\| host \| \/app.yaml\/says \| \*absent\* \| "\(sensitive [0-9a-f]{8}\)" \|/);
    expect(await status(one)).toMatch(/^trueup\/validate failure: prod\/host: /);
    expect((await comments(number))[0]?.body).toBe(forged.body);
    // No branch, and no tag, of the mirror leads to it.
    const mirror = `--git-dir=${join(world.stateDirectory, "repository.git")}`;
    expect(await world.repository.git(mirror, "for-each-ref", "--contains", one)).toBe("");

    const two = await push(3);
    await pass();
    expect(await status(two)).toBe(WAITS);
    expect(await isFetched(two)).toBe(false);
    expect(plain((await comment(number)).body)).toContain(`${two.slice(0, 10)} comes from a fork.`);
  });

  it.skipIf(postgresUnavailable !== undefined)("is said once, however many controllers look", async () => {
    await commit(app(5), "change", first);
    const number = await open("change");
    const sessions = [session, world.open({ holder: "other@there:2" })];
    for (const each of sessions) await refresh(each, each.stop);
    const memories = sessions.map(() => previewMemory());
    // Whoever was too late sees in the next pass what the other said.
    for (let count = 0; count < 2; count += 1) {
      await Promise.all(sessions.map((each, index) => tendPreviews(each, memories[index] ?? memory, each.stop)));
    }
    expect(plain((await comment(number)).body)).toContain("| host | /app.yaml/pool | 1 | 5 |");
    expect(memories.map(({ told }) => [...told.keys()])).toEqual([[number], [number]]);
  });

  it("goes on where GitHub takes no comment, says so once, and leaves when it is to", async () => {
    const heads = [await commit(app(2), "one", first), await commit(app(3), "two", first)];
    const numbers = [await open("one"), await open("two")];
    const stop = new AbortController();
    session = world.open({ stop: stop.signal });
    await refresh(session, stop.signal);
    github.faults.push({ at: /^POST .*\/comments$/, how: "refused" }, { at: /^POST .*\/comments$/, how: "refused" });
    const running = runPreviews(session);
    await until(async () => {
      for (const head of heads) expect(await status(head)).toMatch(/^trueup\/validate success/);
      expect(github.faults).toEqual([]);
    });
    stop.abort();
    await running;
    for (const number of numbers) expect(await comments(number)).toEqual([]);
    const told = world.logged.filter(({ fields }) => fields["event"] === "preview");
    expect(told.map(({ level, message }) => [level, message])).toEqual([
      ["warn", "the comment of a preview is not told: GitHub refuses (403): Resource not accessible by integration"],
    ]);
  });
});
