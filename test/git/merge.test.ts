import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mergeBySetting } from "../../src/formats/merge.js";
import { ourSide } from "../../src/git/conflict-markers.js";
import type { Merged } from "../../src/git/merge.js";
import { openSource, type Source } from "../../src/git/source.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";

const never = new AbortController().signal;
const FILE = "environments/base/settings.yaml";
const BASE = "pool:\n  min: 1\n  max: 10\n\nlevel: info\n";

let root: string;
let repository: TestRepository;
let source: Source;
let asked: string[];
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-merge-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  count += 1;
  asked = [];
  repository = await makeRepository(join(root, `repo${count}`), "--initial-branch=dev");
  await repository.commit({ [FILE]: BASE, "other.toml": "a = 1\n", "README.md": "one\n" }, "first");
  await repository.git("branch", "prod");
  source = await openSource({
    ...{ url: repository.folder, folder: join(root, `state${count}`, "mirror") },
    mergeFile: (sides) => {
      asked.push(sides.file);
      return mergeBySetting(sides);
    },
  });
});
afterEach(() => source.close());

async function commit(branch: string, files: Readonly<Record<string, string>>): Promise<string> {
  await repository.git("checkout", "--quiet", branch);
  return repository.commit(files, "change");
}

/** Brings dev into prod. */
async function merge(): Promise<Merged> {
  const { branches } = await source.refresh(never);
  return source.lineage.merge({ ours: branches.get("prod") ?? "", theirs: branches.get("dev") ?? "" }, never);
}

function mirror(...args: readonly string[]): Promise<string> {
  return repository.git("--git-dir", join(root, `state${count}`, "mirror"), ...args);
}

describe("a merge in which lines are in conflict", () => {
  it("is settled by setting, with what could be merged by lines beside it, and the file's mode", async () => {
    await repository.git("checkout", "--quiet", "prod");
    await chmod(join(repository.folder, FILE), 0o755);
    await commit("prod", { [FILE]: BASE.replace("min: 1", "min: 2"), "other.toml": "a = 1\nb = 2\n" });
    await commit("dev", {
      [FILE]: BASE.replace("max: 10", "max: 20").replace("level", "# info is enough\nlevel"),
      "other.toml": "a = 3\n",
    });
    const merged = await merge();
    expect(merged).toMatchObject({ conflicts: [], bySetting: [FILE, "other.toml"] });
    expect(await mirror("show", `${merged.tree}:${FILE}`)).toBe(
      "pool:\n  min: 2\n  max: 20\n\n# info is enough\nlevel: info",
    );
    expect(await mirror("show", `${merged.tree}:other.toml`)).toBe("a = 3\nb = 2");
    expect(await mirror("ls-tree", merged.tree, FILE)).toMatch(/^100755 blob/);
    expect(await mirror("ls-tree", "-r", "--name-only", merged.tree)).toBe(
      [".", FILE, "other.toml"].join("\n").replace(".", "README.md"),
    );
    expect(await merge()).toEqual(merged);
  });

  it("names the settings that both changed, and leaves what is no file of settings to git's word", async () => {
    await commit("prod", {
      [FILE]: BASE.replace("max: 10", "max: 30"),
      "README.md": "two\n",
      "other.toml": "a = 1\nb = 2\n",
    });
    await repository.git("checkout", "--quiet", "dev");
    await repository.git("rm", "--quiet", "other.toml");
    await commit("dev", { [FILE]: BASE.replace("max: 10", "max: 20"), "README.md": "three\n" });
    expect((await merge()).conflicts).toEqual([
      { path: "README.md", kind: "contents" },
      { path: FILE, kind: "contents", settings: [{ path: "/pool/max", ours: 30, theirs: 20 }] },
      { path: "other.toml", kind: "modify/delete" },
    ]);
    expect(asked).toEqual(["README.md", FILE]);
  });

  it("leaves a file in conflict that is too large to be read so often", async () => {
    const large = `${BASE}${"# filled up\n".repeat(50_000)}`;
    await commit("prod", { [FILE]: large.replace("min: 1", "min: 2") });
    await commit("dev", { [FILE]: large.replace("max: 10", "max: 20") });
    expect((await merge()).conflicts).toMatchObject([{ path: FILE, kind: "contents" }]);
    expect(asked).toEqual([]);
  });

  it("says which side does not load", async () => {
    await commit("prod", { [FILE]: BASE.replace("min: 1", "min: 2") });
    await commit("dev", { [FILE]: BASE.replace("max: 10", "max: 20\n  max: 30") });
    expect((await merge()).conflicts).toMatchObject([{ path: FILE, kind: "contents", unread: { side: "theirs" } }]);
  });

  it("merges a file that both sides added, and one that ours renamed", async () => {
    await repository.git("checkout", "--quiet", "prod");
    await repository.git("mv", FILE, "environments/base/app.yaml");
    await commit("prod", {
      "environments/base/app.yaml": BASE.replace("min: 1", "min: 2"),
      "new.json": '{ "a": 1 }\n',
    });
    await commit("dev", { [FILE]: BASE.replace("max: 10", "max: 20"), "new.json": '{ "b": 2 }\n' });
    const merged = await merge();
    expect(merged.conflicts).toEqual([]);
    expect(await mirror("show", `${merged.tree}:environments/base/app.yaml`)).toContain("min: 2\n  max: 20");
    expect(JSON.parse(await mirror("show", `${merged.tree}:new.json`))).toEqual({ a: 1, b: 2 });
  });
});

describe("a merge in which no lines are in conflict", () => {
  it("asks nobody, and is one process", async () => {
    await commit("prod", { [FILE]: BASE.replace("min: 1", "min: 2") });
    await commit("dev", { [FILE]: BASE.replace("info", "debug") });
    const { branches } = await source.refresh(never);
    let started = 0;
    const count = () => (started += 1);
    subscribe("child_process", count);
    try {
      const sides = { ours: branches.get("prod") ?? "", theirs: branches.get("dev") ?? "" };
      expect(await source.lineage.merge(sides, never)).toMatchObject({ conflicts: [], bySetting: [] });
    } finally {
      unsubscribe("child_process", count);
    }
    expect(started).toBe(1);
    expect(asked).toEqual([]);
  });
});

describe("our side of what git marked", () => {
  const marked = "a\n<<<<<<< one\nours\n=======\ntheirs\n>>>>>>> two\nb\n";
  it("is ours in each conflict, and what was merged around them", () => {
    expect(ourSide(marked, ["one", "two"])).toBe("a\nours\nb\n");
    expect(ourSide(marked.replaceAll("\n", "\r\n"), ["one", "two"])).toBe("a\r\nours\r\nb\r\n");
    expect(ourSide("Title\n=======\n", ["one", "two"])).toBe("Title\n=======\n");
  });

  it("is not guessed where the file itself looks like it", () => {
    expect(ourSide(marked.replace("ours", "Title\n======="), ["one", "two"])).toBeUndefined();
    expect(ourSide(marked.replace("theirs", "Title\n======="), ["one", "two"])).toBeUndefined();
    expect(ourSide("a\n<<<<<<< one\nours\n", ["one", "two"])).toBeUndefined();
  });
});
