import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../src/reconcile/session.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { newStores } from "../support/stores.js";
import { cycle, eventList, makeWorld, type World } from "../support/world.js";

const HEAD = "trueup/revert/prod";

interface Pull {
  readonly number: number;
  readonly state: string;
  readonly merged_at: string | null;
  readonly title: string;
  readonly head: { readonly ref: string; readonly sha: string };
  readonly labels: readonly { readonly name: string }[];
}

describe("the revert of a failed revision, on GitHub", () => {
  const newStore = newStores();
  let github: GitHubWorld;
  let service: HttpSink;
  let world: World;
  let session: Session;
  let repository: string;
  beforeAll(async () => {
    github = await githubWorld();
    repository = await github.repository();
    service = await startSink(() => ({ status: live("canary").startsWith("bad") ? 503 : 200 }));
    const probes = { prod: { service: { kind: "http", url: `http://127.0.0.1:${service.port}/` } } };
    const options = { probes, ...(await newStore()) };
    world = await makeWorld(options);
    const { url } = github.serve(repository, world.repository.folder);
    const forge = { kind: "github", repository, app: github.app, url: `${github.url}/api/v3` };
    world.configure({ ...options, url, forge });
  }, 60_000);
  afterAll(async () => {
    await world.close();
    await Promise.all([github.close(), service.close()]);
  });

  const live = (target: string): string =>
    /value: (\w+)/.exec(readFileSync(join(world.root(), target, "app.yaml"), "utf8"))?.[1] ?? "";
  const set = (value: string): Promise<string> =>
    world.commit(
      Object.fromEntries(["canary", "rest"].map((name) => [`environments/prod/${name}/app.yaml`, `value: ${value}\n`])),
    );
  const tip = (branch: string): Promise<string> => world.repository.git("rev-parse", branch);
  /** Newest first. */
  const pulls = async (): Promise<readonly Pull[]> =>
    (await github.as(tokens.owner, "GET", `/repos/${repository}/pulls?state=all`)).data as readonly Pull[];

  it(
    "is opened once, closed when the branch moves on, and settled when it is merged",
    { timeout: 120_000 },
    async () => {
      await world.commit({
        "environments/prod/environment.yaml": `rollout:
  groups: [ { name: canary, targets: [canary], probes: [service] }, { name: rest, targets: [rest] } ]
  probeTimeout: 1ms
targets:
  canary: { kind: files, connection: host, root: canary }
  rest: { kind: files, connection: host, root: rest }
`,
      });
      session = world.open();
      await set("one");
      expect((await cycle(session)).state).toBe("Synced");
      const one = await tip("prod");
      const bad = await set("bad1");
      expect(await cycle(session)).toMatchObject({ state: "Synced", failedRevision: { revision: bad } });
      // Another process looks at it, too.
      const other = world.open({ holder: "other@here:2" });
      await cycle(other);
      const [first, ...more] = await pulls();
      expect(more).toEqual([]);
      expect(first).toMatchObject({ state: "open", title: `Revert prod to ${one.slice(0, 10)}`, head: { ref: HEAD } });
      expect(first?.labels.map(({ name }) => name).sort()).toEqual(["revert", "trueup"]);
      expect(await tip(`${HEAD}^{tree}`)).toBe(await tip(`${one}^{tree}`));
      expect(await tip(`${HEAD}^`)).toBe(bad);

      // Somebody mends it in a commit of their own.
      await set("two");
      expect((await cycle(session)).state).toBe("Synced");
      expect(live("rest")).toBe("two");
      expect(await pulls()).toMatchObject([{ number: first?.number, state: "closed", merged_at: null }]);
      const comments = await github.as(
        tokens.owner,
        "GET",
        `/repos/${repository}/issues/${first?.number ?? 0}/comments`,
      );
      expect(comments.data).toMatchObject([{ body: expect.stringContaining("nothing left to revert") as string }]);
      await expect(tip(HEAD)).rejects.toThrow();

      await set("bad2");
      await cycle(session);
      const second = (await pulls()).find(({ state }) => state === "open");
      expect(second?.number).not.toBe(first?.number);
      const written = async () => (await eventList(session)).filter(({ type }) => type === "synced").length;
      const before = await written();
      await github.merge(repository, second?.number ?? 0);
      const merged = await tip("prod");
      const report = await cycle(session);
      expect(report).toMatchObject({ state: "Synced", revision: merged });
      expect(report.failedRevision).toBeUndefined();
      expect([live("canary"), live("rest")]).toEqual(["two", "two"]);
      expect(await written()).toBe(before);
      await expect(tip(HEAD)).rejects.toThrow();
      expect(await (await session.store()).incidents.open("prod", ["(rollout)"])).toEqual([]);
      // Nothing more is said of it.
      github.asked.length = 0;
      await cycle(session);
      await cycle(other);
      expect(github.asked.filter((asked) => /^(POST|PATCH|PUT) \/(api|repos)/.test(asked))).toEqual([]);
      expect((await pulls()).map(({ state, merged_at: at }) => [state, at !== null])).toEqual([
        ["closed", true],
        ["closed", false],
      ]);
      expect(github.violations).toEqual([]);
    },
  );
});
