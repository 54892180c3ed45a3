import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import type { Session } from "../../src/reconcile/session.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { newStores } from "../support/stores.js";
import { cycle as passOver, eventList, makeWorld, type World } from "../support/world.js";

const HEAD = "trueup/drift/prod/host";
const SETTINGS = "limits:\n  pool: 20 # agreed with ops\n  queue: 100\n";
const [POOL, QUEUE] = ["/app.yaml/limits/pool", "/app.yaml/limits/queue"];

const files = {
  "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
  "environments/base/host/app.yaml": SETTINGS,
  "environments/prod/environment.yaml": "layers: [base]\n",
};

describe("commands in comments on a drift pull request", { timeout: 60_000 }, () => {
  const newStore = newStores();
  let github: GitHubWorld;
  let world: World;
  let session: Session;
  let repository: string;

  beforeAll(async () => {
    github = await githubWorld();
  });
  afterAll(() => github.close());
  beforeEach(async () => {
    repository = await github.repository();
    const forge = { kind: "github", repository, token: tokens.owner, url: github.url };
    world = await makeWorld({ forge, ...(await newStore()) });
    await world.commit(files);
    session = world.open();
    writeFileSync(live(), SETTINGS);
    expect((await cycle()).state).toBe("Synced");
    drift("pool: 20", "pool: 25");
    drift("queue: 100", "queue: 7");
    await cycle();
    expect(await pull()).toMatchObject({ state: "open", title: "Drift in prod/host: 2 settings (medium)" });
  });
  afterEach(async () => {
    await world.close();
    expect(github.violations.splice(0)).toEqual([]);
  });

  const live = (): string => join(world.root(), "app.yaml");
  const cycle = async () => passOver(session);
  const cycles = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) await cycle();
  };
  const drift = (from: string, to: string): void => {
    writeFileSync(live(), readFileSync(live(), "utf8").replace(from, to));
  };
  const proposed = (file: string): string =>
    execFileSync("git", ["show", `${HEAD}:environments/${file}`], { cwd: world.repository.folder, encoding: "utf8" });
  const branchFiles = (): string =>
    execFileSync("git", ["ls-tree", "-r", "--name-only", HEAD], { cwd: world.repository.folder, encoding: "utf8" });
  const pull = async () => (await session.forge())?.find(HEAD, session.stop);
  const comments = async (): Promise<string> => `/repos/${repository}/issues/${(await pull())?.number ?? 0}/comments`;
  const say = async (body: string, by = tokens.owner): Promise<void> => {
    expect((await github.as(by, "POST", await comments(), { body })).status).toBe(201);
  };
  /** What Trueup wrote. */
  const answers = async (): Promise<readonly string[]> => {
    const { data } = await github.as(tokens.owner, "GET", await comments());
    return (data as { body: string }[]).map(({ body }) => body).filter((body) => !body.startsWith("/trueup"));
  };
  const events = async (...types: string[]) =>
    (await eventList(session, "prod")).filter(({ type }) => types.includes(type));
  const holds = async () => (await (await session.store()).holds.list("prod")).map(({ path, owner }) => [path, owner]);
  const restart = async (): Promise<void> => {
    await session.close();
    session = world.open();
  };

  it("hold: of one setting, then of all, answered once over many cycles and a restart; an outsider is not heard", async () => {
    expect((await pull())?.body).toContain("`/trueup hold 4h because …`");
    await say("/trueup revert", tokens.stranger);
    await say(`/trueup hold ${POOL} 4h because INC-123`);
    await cycle();
    expect(await holds()).toEqual([[POOL, "acme@github"]]);
    await cycles(3);
    expect((await pull())?.title).toBe("Drift in prod/host: 1 setting (medium)");
    const first = await answers();
    expect(first).toHaveLength(1);
    expect(first[0]).toContain("for <code>acme&#64;github</code>: <code>INC-123</code>");
    await restart();
    await cycles(3);
    expect(await answers()).toEqual(first);
    expect(readFileSync(live(), "utf8")).toContain("pool: 25");
    await say("/trueup hold 2h because the rest");
    await cycles(3);
    expect(await holds()).toEqual([
      [POOL, "acme@github"],
      [QUEUE, "acme@github"],
    ]);
    expect((await pull())?.state).toBe("closed");
    expect(await events("held")).toHaveLength(2);
    expect((await events("command")).map(({ message }) => message.replace(/http\S+/, "URL"))).toEqual([
      `acme@github asked on URL /trueup hold ${POOL} 4h because INC-123`,
      "acme@github asked on URL /trueup hold 2h because the rest",
    ]);
    // On one that is closed nobody is heard.
    await say("/trueup help");
    await cycles(2);
    expect((await answers()).filter((body) => body.includes("trueup help"))).toHaveLength(0);
  });

  it("revert: what still is as proposed, and who asked; explain, layer, and what cannot be done", async () => {
    await say("/trueup explain");
    await say("/trueup revert /app.yaml/limits/pol");
    await say("/trueup layer bsae");
    await say("/trueup layer base");
    await cycles(2);
    const [explained, elsewhere, nowhere, layer] = await answers();
    expect(explained).toContain(
      `<code>${POOL}</code> is modified, medium: propose. The rule <code>default</code> decides.`,
    );
    expect(explained).toContain("<code>no freeze window is open</code>");
    expect(explained).toContain("Nothing of the target is held.");
    expect(elsewhere).toContain("is not in this pull request");
    expect(elsewhere).toContain(POOL);
    expect(nowhere).toContain("prod has no layer &#96;bsae&#96;");
    expect(nowhere).toContain("did you mean &#34;base&#34;");
    expect(layer).toContain("writes the live values into the layer <code>base</code>");
    expect(proposed("base/host/app.yaml")).toBe(SETTINGS.replace("20", "25").replace("100", "7"));
    expect(branchFiles()).not.toContain("environments/prod/host/app.yaml");
    expect((await pull())?.body).toContain("<code>environments/base/host/app.yaml:2");
    const { length } = await eventList(session, "prod");
    await cycles(2);
    expect(await eventList(session, "prod")).toHaveLength(length);

    drift("queue: 7", "queue: 8");
    await say("/trueup revert");
    await cycle();
    const reverted = (await answers()).at(-1);
    expect(reverted).toContain(`<code>${POOL}</code>: <code>reverted: it is as git says</code>`);
    expect(reverted).toContain(`<code>${QUEUE}</code>: <code>is another than was proposed`);
    expect(readFileSync(live(), "utf8")).toBe(SETTINGS.replace("100", "8"));
    await cycle();
    // What drifts later goes where it was asked to, too.
    expect(proposed("base/host/app.yaml")).toBe(SETTINGS.replace("100", "8"));
    expect(await pull()).toMatchObject({ state: "open", title: "Drift in prod/host: 1 setting (medium)" });
    const [told, ...others] = await events("reverted");
    expect(told).toMatchObject({
      path: POOL,
      detail: { by: expect.stringContaining("acme@github asked for it") as string },
    });
    expect(others).toEqual([]);
    expect(await events("command")).toHaveLength(5);
  });

  it("a crash, or a forge that fails, anywhere between doing and answering: done once, and answered once", async () => {
    await say(`/trueup hold ${POOL} 4h because INC-123`);
    await passOver(dying({ update: "before" }));
    const [hold] = await (await session.store()).holds.list("prod");
    expect(hold).toMatchObject({ path: POOL, reason: "INC-123" });
    if (hold === undefined) return;
    const release = { environment: "prod", type: "hold-released", message: "someone thought better of it" };
    await (await session.store()).holds.remove(hold, release);
    expect(await answers()).toEqual([]);
    await restart();
    await cycles(2);
    expect(await answers()).toHaveLength(1);
    expect(await holds()).toEqual([]);

    await say("/trueup hodl 4h because INC-123");
    await passOver(dying({ update: "after" }));
    expect(await answers()).toHaveLength(2);
    await restart();
    await cycles(2);
    expect((await answers())[1]).toContain("did you mean &#34;hold&#34;&#63;");
    expect(await answers()).toHaveLength(2);

    await say(`/trueup revert ${POOL}`);
    await passOver(dying({ save: "before" }));
    expect(readFileSync(live(), "utf8")).toContain("pool: 20");
    expect(await answers()).toHaveLength(2);
    await restart();
    await cycles(2);
    expect((await answers())[2]).toContain(`<code>${POOL}</code>: <code>is as git says</code>`);
    expect(await answers()).toHaveLength(3);
    expect((await events("command", "held", "reverted")).map(({ type }) => type)).toEqual(
      expect.arrayContaining(["held", "command", "command", "reverted", "command"]),
    );
    expect(await events("command", "held", "reverted")).toHaveLength(5);

    // One that is refused for good is not tried for ever, and stands in nobody's way.
    await say("/trueup help");
    await passOver(dying({ update: "refused" }));
    await cycles(2);
    expect(await answers()).toHaveLength(3);
    expect(world.logged.at(-1)).toMatchObject({ level: "warn", message: "not answered: locked" });
  });

  /** The session, ended when it has something to write: to the forge, or to what is kept of the pull request. */
  function dying(at: { update: "before" | "after" | "refused" } | { save: "before" }): Session {
    const crash = new TrueupError("STORE_FAILED", "crashed");
    const forge: Session["forge"] = async () => {
      const real = await session.forge();
      if (real === undefined || !("update" in at)) return real;
      return {
        ...real,
        async update(...args) {
          if (at.update === "after") await real.update(...args);
          throw at.update === "refused" ? new TrueupError("DELIVERY_REFUSED", "locked") : crash;
        },
      };
    };
    const store: Session["store"] = async () => {
      const real = await session.store();
      if (!("save" in at)) return real;
      return { ...real, proposals: { ...real.proposals, save: () => Promise.reject(crash) } };
    };
    return Object.create(session, { forge: { value: forge }, store: { value: store } }) as Session;
  }
});
