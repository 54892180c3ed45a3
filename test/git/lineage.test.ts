import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Lineage } from "../../src/git/lineage.js";
import { openSource, type Source } from "../../src/git/source.js";
import { type GitServer, startGitServer } from "../support/git-server.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";

const never = new AbortController().signal;
const BASE = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\n";

let root: string;
let server: GitServer;
let repository: TestRepository;
let source: Source;
let lineage: Lineage;
let first: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-lineage-"));
  server = await startGitServer({ root });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  count += 1;
  repository = await makeRepository(join(root, `repo${count}`), "--initial-branch=dev");
  first = await repository.commit({ "app.yaml": BASE, "other.yaml": "x: 1\n" }, "first");
  await repository.git("branch", "staging");
  source = await openSource({ url: `${server.url}/repo${count}`, folder: join(root, `state${count}`, "mirror") });
  ({ lineage } = source);
});
afterEach(() => source.close());

/** Commits to a branch, starting where it is. */
async function commit(branch: string, files: Readonly<Record<string, string>>, message = "change"): Promise<string> {
  await repository.git("checkout", "--quiet", branch);
  return repository.commit(files, message);
}

async function fileOf(revision: string, file: string): Promise<string> {
  await source.refresh(never);
  return (await repository.git("show", `${revision}:${file}`)) + "\n";
}

describe("the lineage of commits", () => {
  it("shows what others wrote on one line that gives no terminal an order", async () => {
    const evil = await commit("dev", { "app.yaml": "a: evil\n" }, "clears \u001b[2J\u0007 and \u202eturns");
    await source.refresh(never);
    expect((await lineage.commits({ to: evil, limit: 1 }, never))[0]?.subject).toBe("clears  [2J  and  turns");
    await repository.git("reset", "--hard", "--quiet", "HEAD~1");
  });

  it("tells what a branch has that another has not, newest first, with the trailers", async () => {
    const second = await commit(
      "dev",
      { "app.yaml": "a: 2\n" },
      "second\n\nWhy.\n\nTrueup-Promoted: abc\nReviewed-by: Ann <a@b>",
    );
    const third = await commit("dev", { "app.yaml": "a: 3\n" }, "third: with a colon");
    await source.refresh(never);
    const found = await lineage.commits({ to: third, from: first, limit: 10 }, never);
    expect(found.map(({ id, subject, parents }) => [id, subject, parents])).toEqual([
      [third, "third: with a colon", [second]],
      [second, "second", [first]],
    ]);
    expect([...(found[1]?.trailers ?? [])]).toEqual([
      ["Trueup-Promoted", "abc"],
      ["Reviewed-by", "Ann <a@b>"],
    ]);
    expect(found[0]?.trailers.size).toBe(0);
    expect(found[0]?.author).toBe("Test Author");
    expect(await lineage.commits({ to: third, limit: 1 }, never)).toHaveLength(1);
    expect(await lineage.commits({ to: first, from: third, limit: 10 }, never)).toEqual([]);
  });

  it("follows only the branch's own history where asked", async () => {
    await commit("dev", { "dev.yaml": "a: 1\n" }, "on dev");
    await commit("staging", { "staging.yaml": "a: 1\n" }, "on staging");
    await repository.git("merge", "--quiet", "--no-ff", "--message", "merged", "dev");
    const { branches } = await source.refresh(never);
    const to = branches.get("staging") ?? "";
    const own = await lineage.commits({ to, from: first, firstParent: true, limit: 10 }, never);
    expect(own.map(({ subject }) => subject)).toEqual(["merged", "on staging"]);
    expect(await lineage.commits({ to, from: first, limit: 10 }, never)).toHaveLength(3);
  });

  it("finds the nearest common ancestor, and says where there is none", async () => {
    const dev = await commit("dev", { "app.yaml": "a: 2\n" });
    const staging = await commit("staging", { "other.yaml": "x: 2\n" });
    await repository.git("checkout", "--quiet", "--orphan", "alone");
    const alone = await repository.commit({ "app.yaml": "a: 9\n" });
    await source.refresh(never);
    expect(await lineage.base(dev, staging, never)).toBe(first);
    expect(await lineage.base(dev, first, never)).toBe(first);
    expect(await lineage.base(dev, alone, never)).toBeUndefined();
    expect(await lineage.base(dev, "0".repeat(40), never)).toBeUndefined();
    await expect(lineage.merge({ ours: dev, theirs: alone }, never)).rejects.toMatchObject({ code: "GIT_UNRELATED" });
    const unrelated = { base: undefined, ours: [], theirs: [] };
    expect(await lineage.divergence({ ours: dev, theirs: alone, limit: 10 }, never)).toEqual(unrelated);
    expect(await lineage.divergence({ ours: dev, theirs: "0".repeat(40), limit: 10 }, never)).toEqual(unrelated);
  });

  it("tells how two commits came apart, also where they met before or went far", async () => {
    const merge = (branch: string, other: string): Promise<string> =>
      repository.git("merge", "--quiet", "--no-ff", "--message", `merged ${other} into ${branch}`, other);
    for (const index of [1, 2]) await commit("dev", { "dev.yaml": `a: ${index}\n` }, `dev ${index}`);
    await commit("staging", { "staging.yaml": "a: 1\n" }, "staging 1");
    const apart = async (limit = 10) => {
      const { branches } = await source.refresh(never);
      const [ours = "", theirs = ""] = [branches.get("staging"), branches.get("dev")];
      let started = 0;
      const count = () => (started += 1);
      subscribe("child_process", count);
      const { base, ...found } = await lineage.divergence({ ours, theirs, limit }, never);
      unsubscribe("child_process", count);
      expect(base).toBe(await lineage.base(ours, theirs, never));
      const only = (to: string, from: string) => lineage.commits({ to, from, limit }, never);
      expect(found).toEqual({ ours: await only(ours, theirs), theirs: await only(theirs, ours) });
      return { base, started, ours: found.ours.length, theirs: found.theirs.length };
    };
    expect(await apart()).toEqual({ base: first, started: 1, ours: 1, theirs: 2 });
    // As many as are asked for may be fewer than there are: then the edge is no ancestor.
    expect(await apart(1)).toEqual({ base: first, started: 4, ours: 1, theirs: 1 });
    const old = await repository.git("rev-parse", "dev");
    await merge("staging", "dev");
    expect(await apart()).toEqual({ base: old, started: 2, ours: 2, theirs: 0 });
    // Both have what the other had: two nearest ancestors.
    await repository.git("checkout", "--quiet", "dev");
    await merge("dev", "staging~1");
    expect(await apart()).toMatchObject({ started: 2, ours: 1, theirs: 1 });
    const { base } = await apart();
    expect([old, await repository.git("rev-parse", "staging~1")]).toContain(base);
  });
});

describe("merging without a checkout", () => {
  it("brings both sides' changes together, in a commit with both parents, pushed compare-and-set", async () => {
    const dev = await commit("dev", { "app.yaml": BASE.replace("a: 1", "a: 10") });
    const staging = await commit("staging", { "app.yaml": BASE.replace("g: 7", "g: 70") });
    await source.refresh(never);
    const { tree, conflicts } = await lineage.merge({ ours: staging, theirs: dev }, never);
    expect(conflicts).toEqual([]);
    const merge = await lineage.write(
      { tree, parents: [staging, dev], message: "Promote dev\n\nTrueup-Promoted: x\n" },
      never,
    );
    await repository.git("checkout", "--quiet", "dev");
    await lineage.move({ branch: "staging", from: staging, to: merge }, never);
    expect(await repository.git("rev-parse", "staging")).toBe(merge);
    expect(await fileOf("staging", "app.yaml")).toBe(BASE.replace("a: 1", "a: 10").replace("g: 7", "g: 70"));
    expect(await repository.git("rev-list", "--parents", "-1", merge)).toBe([merge, staging, dev].join(" "));
    await expect(lineage.move({ branch: "staging", from: staging, to: dev }, never)).rejects.toMatchObject({
      code: "GIT_MOVED",
    });
  });

  it("names each conflict with its kind, and moves nothing", async () => {
    const dev = await commit("dev", { "app.yaml": BASE.replace("a: 1", "a: 10"), "other.yaml": "x: 2\n" });
    await repository.git("checkout", "--quiet", "staging");
    await repository.git("rm", "--quiet", "other.yaml");
    const staging = await repository.commit({ "app.yaml": BASE.replace("a: 1", "a: 11"), "new\tname.yaml": "y: 1\n" });
    await source.refresh(never);
    const { conflicts } = await lineage.merge({ ours: staging, theirs: dev }, never);
    expect(conflicts).toEqual([
      { path: "app.yaml", kind: "contents" },
      { path: "other.yaml", kind: "modify/delete" },
    ]);
    expect(await repository.git("rev-parse", "staging")).toBe(staging);
  });

  it("counts changes from the base it is given: what was promoted before does not undo a later hotfix", async () => {
    const promoted = await commit("dev", { "app.yaml": BASE.replace("a: 1", "a: 10") });
    // As a forge does that squashes: the same content, another history.
    await commit("staging", { "app.yaml": BASE.replace("a: 1", "a: 10") }, "squashed");
    const hotfix = await commit("staging", { "app.yaml": BASE }, "back to the old value");
    const dev = await commit("dev", { "app.yaml": BASE.replace("a: 1", "a: 10").replace("g: 7", "g: 70") });
    await source.refresh(never);
    const tree = async (base?: string): Promise<string> => {
      const merged = await lineage.merge({ ours: hotfix, theirs: dev, ...(base === undefined ? {} : { base }) }, never);
      expect(merged.conflicts).toEqual([]);
      const id = await lineage.write({ tree: merged.tree, parents: [hotfix, dev], message: "m" }, never);
      return repository.git("--git-dir", join(root, `state${count}`, "mirror"), "show", `${id}:app.yaml`);
    };
    expect(await tree()).toContain("a: 10\n");
    expect(`${await tree(promoted)}\n`).toBe(BASE.replace("g: 7", "g: 70"));
  });
});
