import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { previewOf } from "../../src/previews/look.js";
import { broughtBy, type Preview } from "../../src/previews/preview.js";
import { previewText } from "../../src/previews/text.js";
import { refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { makeWorld, type World } from "../support/world.js";

const SECRET = "4711-of-bob";
const ENVIRONMENTS = ["prod", "spare"];

vi.setConfig({ testTimeout: 60_000 });

describe("a preview", () => {
  let world: World;
  let session: Session;
  let first: string;

  beforeEach(async () => {
    // Two environments that follow one branch.
    world = await makeWorld({ environments: ENVIRONMENTS, branches: { spare: "prod" } });
    mkdirSync(join(world.folder, "secrets"));
    writeFileSync(join(world.folder, "secrets", "pin"), SECRET);
    first = await world.commit({
      "environments/prod/environment.yaml": [
        "variables: { site: north }",
        "targets:",
        "  host: { kind: files, connection: host, root: etc, lists: { /app.yaml/users: { key: id } } }",
        "  other: { kind: files, connection: host, root: other }",
        "",
      ].join("\n"),
      "environments/prod/host/app.yaml": 'pool: 1\nusers: [ { id: bob, pin: "${secret:pin}" } ]\n',
      "environments/prod/other/a.env": Array.from({ length: 20 }, (_, index) => `S${index}=0\n`).join(""),
      "environments/spare/environment.yaml": "targets: {}\n",
      "policies/schemas/host.schema.json": JSON.stringify({
        properties: { "app.yaml": { properties: { pool: { maximum: 50 } } } },
      }),
    });
    session = world.open();
  });
  afterEach(() => world.close());

  async function look(files: Readonly<Record<string, string | null>>, from = first): Promise<Preview> {
    const commit = await world.commit(files, { branch: "change", from });
    await refresh(session, session.stop);
    const tip = (await session.source()).tip("prod") ?? "";
    const pull = { number: 1, base: "prod", commit, ref: "refs/heads/change", branch: "change" };
    const request = { pull, tip, following: ENVIRONMENTS, taken: new Map() };
    const preview = await previewOf(session, request, session.stop);
    expect(previewText(pull, preview)).not.toContain(SECRET);
    expect(JSON.stringify(preview)).not.toContain(SECRET);
    return preview;
  }
  /** Of the environment `prod`, without the mark-up. */
  async function prodOf(files: Readonly<Record<string, string | null>>) {
    const preview = await look(files);
    if (preview.relation !== "merging") throw new Error(preview.relation);
    const found = preview.environments.find(({ name }) => name === "prod");
    const plain = (text: string): string =>
      text
        .replaceAll(/<\/?code>/g, "")
        .replaceAll(/&#(\d+);/g, (_, point: string) => String.fromCodePoint(Number(point)));
    return { preview, changes: found?.changes ?? [], notes: (found?.notes ?? []).map(plain), mended: found?.mended };
  }

  it("says how much at once, where it is written, and how it is applied", async () => {
    const { notes, changes } = await prodOf({
      "environments/prod/other/a.env": Array.from({ length: 20 }, (_, index) => `S${index}=1\n`).join(""),
      "environments/prod/environment.yaml": [
        "variables: { site: north }",
        "sync: manual",
        "prune: true",
        "targets:",
        "  other: { kind: files, connection: host, root: elsewhere }",
        "  third: { kind: files, connection: host, root: third }",
        "",
      ].join("\n"),
      "environments/prod/host/app.yaml": null,
      "environments/prod/third/b.yaml": "where: '${sits}'\n",
    });
    expect(notes).toEqual([
      "The target host is not Trueup's any more: what is live stays.",
      "The target other is another place then: what it reaches changes.",
      "In other the plan would update or remove 20 of 20 settings (100 %), more than the blast radius of 30 % allows: it needs trueup sync prod/other --confirm.",
      "The target third is new.",
      "`sync` is manual then.",
      "`prune` is true then.",
      "What is pending waits for trueup sync prod.",
      expect.stringContaining("prod/third: /b.yaml/where takes ${sits}, which is not declared") as string,
    ]);
    expect(changes.filter(({ target }) => target === "other")).toHaveLength(20);
    // What stays live is not shown as removed.
    expect(changes.filter(({ target }) => target !== "other")).toMatchObject([{ target: "third", before: null }]);
  });

  it("places what it breaks, shows it all the same, and names a rule's own policy", async () => {
    const { preview, changes } = await prodOf({
      "environments/prod/host/app.yaml": 'pool: 51\nusers: [ { id: bob, pin: "${secret:pin}" } ]\n',
      "policies/promotion.yaml": "order: [prod]\n",
    });
    expect(broughtBy(preview)).toEqual([
      expect.objectContaining({ where: "policies/promotion.yaml:1:1", already: false }),
      {
        ...{ environment: "prod", target: "host", already: false },
        ...{ message: "/app.yaml/pool must be <= 50", where: "environments/prod/host/app.yaml:1:7" },
        hint: "policies/schemas/host.schema.json says what it may be",
      },
    ]);
    expect(changes).toEqual([{ target: "host", path: "/app.yaml/pool", before: 1, after: 51 }]);
    // A whole environment that is gone, a policy that nobody can read.
    const gone = await look({ "environments/prod/environment.yaml": null, "policies/drift.yaml": "rules: 1\n" });
    expect(broughtBy(gone).map(({ environment, where }) => [environment, where])).toEqual([
      ["prod", undefined],
      ["spare", "policies/drift.yaml:1:8"],
    ]);
  });

  it("keeps a secret's place a secret however the document is turned", async () => {
    const { changes } = await prodOf({
      // By position then: what was at /users/bob/pin is at /users/0/pin.
      "environments/prod/environment.yaml": [
        "targets:",
        "  host: { kind: files, connection: host, root: etc }",
        "  other: { kind: files, connection: host, root: other }",
        "",
      ].join("\n"),
      "environments/prod/host/app.yaml": 'pool: 1\nusers: [ { id: bob, pin: plain } ]\ncopy: "a ${secret:pin} b"\n',
    });
    expect(changes.map(({ path }) => path)).toEqual(["/app.yaml/users/0/pin", "/app.yaml/copy"]);
    // The word that stands for it is no way to test a guess.
    expect(JSON.stringify(changes)).not.toContain(session.hash()(SECRET));
    const escaped = await prodOf({
      "environments/prod/host/app.yaml": 'pool: 1\nusers: [ { id: bob, pin: "$${secret:pin}" } ]\n',
    });
    expect(escaped.changes).toMatchObject([{ path: "/app.yaml/users/bob/pin", sensitive: true }]);
  });

  it("follows no link out of the repository, and merges nothing that is not related", async () => {
    await world.repository.git("symbolic-ref", "HEAD", "refs/heads/linked");
    await world.repository.git("reset", "--quiet", "--hard", first);
    await world.repository.commit({ "environments/prod/host/passwd.txt": { linkTo: "/etc/passwd" } });
    const linked = await look({ "README.md": "x\n" }, "refs/heads/linked^0");
    expect(broughtBy(linked)).toMatchObject([{ environment: "prod", target: "host" }]);
    expect(JSON.stringify(linked)).not.toContain("root:");
    const orphan = await world.repository.git("commit-tree", `${first}^{tree}`, "-m", "anew");
    expect(await look({ "README.md": "x\n" }, orphan)).toEqual({ relation: "unrelated" });
  });
});
