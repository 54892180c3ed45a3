import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mergeBySetting } from "../../src/formats/merge.js";
import { openSource, type Source } from "../../src/git/source.js";
import { type Candidate, candidateOf } from "../../src/promotion/candidate.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";

const never = new AbortController().signal;
const SETTINGS = ["a", "b", "c", "d", "e", "f", "g", "h"];

let root: string;
let repository: TestRepository;
let source: Source;
let count = 0;
let recorded: Map<string, string>;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-candidate-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  count += 1;
  recorded = new Map();
  repository = await makeRepository(join(root, `repo${count}`), "--initial-branch=dev");
  await repository.commit({ "app.yaml": text({}) }, "first");
  await repository.git("branch", "prod");
  source = await openSource({
    ...{ url: repository.folder, folder: join(root, `state${count}`, "mirror") },
    mergeFile: mergeBySetting,
  });
});
afterEach(() => source.close());

function text(settings: Readonly<Record<string, number>>): string {
  return SETTINGS.map((name) => `${name}: ${settings[name] ?? 0}\n# about ${name}\n# and more\n`).join("");
}

async function commit(branch: string, settings: Readonly<Record<string, number>>, message = "change"): Promise<string> {
  await repository.git("checkout", "--quiet", branch);
  return repository.commit({ "app.yaml": text(settings) }, message);
}

async function promote(revision?: string): Promise<Candidate> {
  const { branches } = await source.refresh(never);
  const [tip = "", newest = ""] = [branches.get("prod"), branches.get("dev")];
  return candidateOf(source.lineage, { from: "dev", to: "prod", revision: revision ?? newest, tip, recorded }, never);
}

/** Promotes, and moves the branch as Trueup does; the settings that differ from 0 then. */
async function promoted(revision?: string): Promise<Record<string, number>> {
  const found = await promote(revision);
  if (found.relation !== "ahead") throw new Error(`nothing to promote: ${found.relation}`);
  const { branches } = await source.refresh(never);
  await repository.git("checkout", "--quiet", "dev");
  await source.lineage.move({ branch: "prod", from: branches.get("prod") ?? "", to: found.commit }, never);
  return settingsOf("prod");
}

async function settingsOf(revision: string): Promise<Record<string, number>> {
  const lines = (await repository.git("show", `${revision}:app.yaml`)).split("\n");
  const pairs = lines.filter((line) => /^\w: /.test(line)).map((line) => line.split(": "));
  return Object.fromEntries(pairs.flatMap(([name = "", value]) => (value === "0" ? [] : [[name, Number(value)]])));
}

describe("bringing a revision into a branch", () => {
  it("follows where the branch has nothing of its own, and has nothing to do then", async () => {
    const revision = await commit("dev", { a: 1 });
    const found = await promote();
    expect(found).toMatchObject({ relation: "ahead", commit: revision, rolledBack: false });
    expect(found.relation === "ahead" && found.commits.map(({ id }) => id)).toEqual([revision]);
    await promoted();
    expect(await promote()).toEqual({ relation: "held", byContent: false });
  });

  it("keeps a hotfix, in a merge that names the revision, the same one however often it is made", async () => {
    await commit("prod", { h: 9 }, "hotfix");
    const revision = await commit("dev", { a: 1 }, "wanted");
    const [one, two] = [await promote(), await promote()];
    expect(one).toEqual(two);
    expect(await promoted()).toEqual({ a: 1, h: 9 });
    expect(await repository.git("log", "-1", "--format=%s %(trailers:key=Trueup-Promoted,valueonly)", "prod")).toBe(
      `Promote dev to prod: wanted ${revision}`,
    );
    await commit("dev", { a: 1, b: 2 });
    expect(await promoted()).toEqual({ a: 1, b: 2, h: 9 });
  });

  it("keeps a hotfix on a neighbouring line, says so in the merge, and holds what came back from it", async () => {
    const write = async (branch: string, content: string): Promise<string> => {
      await repository.git("checkout", "--quiet", branch);
      return repository.commit({ "app.yaml": content }, "change");
    };
    const both = "pool:\n  min: 2 # hotfix\n  max: 20\n";
    await write("dev", "pool:\n  min: 1\n  max: 10\n");
    await promoted();
    await write("prod", both.replace("20", "10"));
    const revision = await write("dev", "pool:\n  min: 1\n  max: 20\n");
    const [one, two] = [await promote(), await promote()];
    expect(one).toEqual(two);
    expect(one).toMatchObject({ relation: "ahead", bySetting: ["app.yaml"] });
    await promoted();
    expect(`${await repository.git("show", "prod:app.yaml")}\n`).toBe(both);
    expect(await repository.git("log", "-1", "--format=%b", "prod")).toBe(
      `Merged setting by setting:\n- app.yaml\n\nTrueup-Promoted: ${revision}`,
    );
    expect(await promote()).toEqual({ relation: "held", byContent: false });
    await write("dev", both);
    expect(await promote()).toEqual({ relation: "held", byContent: true });
  });

  it("does not undo a hotfix that goes back on what was promoted by a squash", async () => {
    const first = await commit("dev", { a: 1 });
    recorded.set(await commit("prod", { a: 1 }, "squashed by the forge"), first);
    await commit("prod", {}, "hotfix: not yet");
    await commit("dev", { a: 1, b: 2 });
    expect(await promoted()).toEqual({ b: 2 });
  });

  it("names the conflicting files and the hotfixes that stand against it", async () => {
    const hotfix = await commit("prod", { a: 7 }, "hotfix");
    await commit("dev", { a: 1 });
    const found = await promote();
    expect(found).toMatchObject({
      relation: "conflicting",
      conflicts: [{ path: "app.yaml", kind: "contents", settings: [{ path: "/a", ours: 7, theirs: 1 }] }],
    });
    expect(found.relation === "conflicting" && found.hotfixes.map(({ id }) => id)).toEqual([hotfix]);
  });

  it("holds what both sides came to by themselves", async () => {
    await commit("prod", { a: 1 });
    await commit("dev", { a: 1 }, "the same, another way");
    expect(await promote()).toEqual({ relation: "held", byContent: true });
  });

  it("says that what the branch was promoted from is gone, and believes no message that names no commit", async () => {
    await commit("prod", { h: 9 }, "squashed\n\nTrueup-Promoted: dev");
    await commit("dev", { a: 1 });
    expect(await promote()).toMatchObject({ relation: "ahead" });
    const lost = "1".repeat(40);
    await commit("prod", { h: 8 }, `squashed\n\nTrueup-Promoted: ${lost}`);
    expect(await promote()).toEqual({ relation: "unrelated", lost });
  });

  it("brings all of a later revision after a roll-back, and says of the one that was taken back that it was", async () => {
    const good = await commit("dev", { a: 1 });
    await promoted();
    await commit("prod", { a: 1, h: 9 }, "hotfix");
    const bad = await commit("dev", { a: 1, b: 2 });
    await promoted();
    await commit(
      "prod",
      { a: 1, h: 9 },
      `back\n\nTrueup-Rolled-Back-To: ${await repository.git("rev-parse", "prod^")}`,
    );
    expect(await promote(good)).toEqual({ relation: "held", byContent: false });
    expect(await promote(bad)).toMatchObject({ relation: "ahead", rolledBack: true });
    await commit("dev", { a: 1, b: 2, c: 3 }, "with the remedy");
    expect(await promote()).toMatchObject({ relation: "ahead", rolledBack: false });
    expect(await promoted()).toEqual({ a: 1, b: 2, c: 3, h: 9 });
  });

  it("takes a roll-back and a promotion for what they are when a forge merged their pull requests", async () => {
    await commit("prod", { h: 9 }, "hotfix");
    const good = await repository.git("rev-parse", "prod");
    await commit("dev", { a: 1 });
    const found = await promote();
    if (found.relation !== "ahead") throw new Error(found.relation);
    await source.lineage.move({ branch: "proposal", to: found.commit }, never);
    await repository.git("checkout", "--quiet", "prod");
    await repository.git("merge", "--quiet", "--no-ff", "--no-edit", "proposal");
    expect(await promote()).toMatchObject({ relation: "held" });
    await repository.git("checkout", "--quiet", "-b", "back");
    await repository.commit({ "app.yaml": text({ h: 9 }) }, `back\n\nTrueup-Rolled-Back-To: ${good}`);
    await repository.git("checkout", "--quiet", "prod");
    await repository.git("merge", "--quiet", "--no-ff", "--no-edit", "back");
    expect(await settingsOf("prod")).toEqual({ h: 9 });
    expect(await promote()).toMatchObject({ relation: "ahead", rolledBack: true });
    await commit("dev", { a: 1, b: 2 }, "with the remedy");
    expect(await promoted()).toEqual({ a: 1, b: 2, h: 9 });
  });

  it("promotes an older revision than the newest", async () => {
    const older = await commit("dev", { a: 1 });
    await commit("dev", { a: 1, b: 2 });
    expect(await promoted(older)).toEqual({ a: 1 });
    expect(await promote(older)).toEqual({ relation: "held", byContent: false });
    expect(await promoted()).toEqual({ a: 1, b: 2 });
  });

  it("says where histories have nothing in common", async () => {
    await repository.git("checkout", "--quiet", "--orphan", "anew");
    await repository.commit({ "app.yaml": text({ a: 5 }) });
    await repository.git("branch", "--force", "dev", "anew");
    expect(await promote()).toEqual({ relation: "unrelated" });
  });
});
