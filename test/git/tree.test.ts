import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/core/limits.js";
import { openSource, type Source, type SourceFile } from "../../src/git/source.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";

const never = new AbortController().signal;

let root: string;
let repository: TestRepository;
let source: Source;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-tree-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  count += 1;
  repository = await makeRepository(join(root, `repo${count}`));
});
afterEach(() => source.close());

async function open(path?: string): Promise<Source> {
  const folder = join(root, `mirror${count}${path ?? ""}`);
  source = await openSource({ url: repository.folder, folder, ...(path !== undefined && { path }) });
  await source.refresh(never);
  return source;
}

/** Content as text, or why there is none. */
function shown(files: ReadonlyMap<string, SourceFile>): Record<string, string> {
  const entries = [...files].map(([path, file]) => [
    path,
    "refused" in file ? `${file.refused.code}: ${file.refused.message}` : file.content.toString(),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}

async function read(folders: readonly string[] = ["environments"]): Promise<Record<string, string>> {
  return shown(await (await open()).read(await source.resolve("main"), folders, never));
}

describe("reading a commit", () => {
  it("gives the files of the folders that were asked for, each with its blob's id", async () => {
    const commit = await repository.commit({
      "environments/base/environment.yaml": "targets: {}\n",
      "environments/prod/broker.yaml": "a: 1\n",
      "environments-old/a.yaml": "no\n",
      "policies/drift.yaml": "rules: []\n",
      "README.md": "no\n",
    });
    const files = await (await open()).read(commit, ["environments", "policies"], never);
    expect(shown(files)).toEqual({
      "environments/base/environment.yaml": "targets: {}\n",
      "environments/prod/broker.yaml": "a: 1\n",
      "policies/drift.yaml": "rules: []\n",
    });
    expect(files.get("policies/drift.yaml")?.id).toBe(await repository.git("rev-parse", "HEAD:policies/drift.yaml"));
    expect([...(await source.read(commit, ["environments/prod"], never)).keys()]).toEqual([
      "environments/prod/broker.yaml",
    ]);
  });

  it("reads below a folder of the repository, and refuses one outside", async () => {
    const commit = await repository.commit({
      "config/site/environments/a.yaml": "a: 1\n",
      "config/environments/a.yaml": "no\n",
      "config/site/policies/drift.yaml": "rules: []\n",
    });
    await open("./config/site/");
    expect(shown(await source.read(commit, ["environments"], never))).toEqual({ "environments/a.yaml": "a: 1\n" });
    expect(shown(await source.read(commit, ["."], never))).toEqual({
      "environments/a.yaml": "a: 1\n",
      "policies/drift.yaml": "rules: []\n",
    });
    expect(await source.treeId(commit, "environments")).toBe(
      await repository.git("rev-parse", "HEAD:config/site/environments"),
    );
    for (const path of ["..", "/etc", "a/../../b"]) {
      await expect(openSource({ url: repository.folder, folder: join(root, "x"), path })).rejects.toMatchObject({
        code: "CONFIG_INVALID",
      });
    }
  });

  it("has no files and no tree id for a folder that is not there", async () => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    await open();
    expect(await source.read(commit, ["environments", "policies"], never)).toEqual(new Map());
    expect(await source.treeId(commit, "environments")).toBeUndefined();
  });

  it("reads 1,000 files in one batch, every one whole", async () => {
    const wanted = Object.fromEntries(
      Array.from({ length: 1000 }, (_, index) => [
        `environments/e${index % 50}/${index}.yaml`,
        `n: ${"x".repeat(index)}\n`,
      ]),
    );
    const commit = await repository.commit(wanted);
    await open();
    expect(shown(await source.read(commit, ["environments"], never))).toEqual(wanted);
  });

  it("keeps bytes as they are: binary content, empty files, no text conversion, any name", async () => {
    const binary = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7) % 256));
    const wanted: Record<string, string | Buffer> = {
      "environments/binary": binary,
      "environments/empty": "",
      "environments/crlf.yaml": "a: 1\r\n",
      "environments/invalid-utf8": Buffer.from([0xff, 0xfe, 0x0a, 0x00]),
      "environments/with space/größe 設定 😀.yaml": "a: 1\n",
      'environments/line\nbreak\ttab "quote" \\.yaml': "b: 1\n",
      "environments/:(glob)*.yaml": "c: 1\n",
      "environments/-rf": "d: 1\n",
      "environments/__proto__": "e: 1\n",
      ".gitattributes": "*.yaml text eol=lf ident\n",
    };
    await repository.git("config", "core.autocrlf", "false");
    const commit = await repository.commit(
      Object.fromEntries(Object.entries(wanted).filter(([name]) => name !== ".gitattributes")),
    );
    await repository.commit({ ".gitattributes": "*.yaml text eol=lf\n" });
    const files = await (await open()).read(commit, ["environments"], never);
    expect(files.size).toBe(9);
    for (const [name, content] of Object.entries(wanted)) {
      if (name === ".gitattributes") continue;
      const file = files.get(name);
      expect(file !== undefined && "content" in file && file.content.equals(Buffer.from(content)), name).toBe(true);
    }
  });

  it("refuses a name that is not UTF-8, alone", async () => {
    await repository.commit({ "environments/a.yaml": "a: 1\n" });
    const id = await repository.git("rev-parse", "HEAD:environments/a.yaml");
    const { execFileSync } = await import("node:child_process");
    const input = Buffer.concat([Buffer.from(`100644 ${id} 0\tenvironments/`), Buffer.from([0xe9, 0x2e, 0x79])]);
    execFileSync("git", ["update-index", "-z", "--index-info"], { cwd: repository.folder, input });
    await repository.git("commit", "--quiet", "-m", "latin-1");
    const files = await read();
    expect(files["environments/a.yaml"]).toBe("a: 1\n");
    expect(files["environments/\ufffd.y"]).toContain("GIT_UNSUPPORTED");
  });

  it("describes a commit", async () => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" }, "Widen the pool: 設定\n\nMore text");
    const described = await (await open()).describe(commit);
    expect(described).toEqual({
      author: "Test Author",
      email: "author@example.org",
      date: await repository.git("log", "-1", "--format=%aI"),
      subject: "Widen the pool: 設定",
      committer: await repository.git("log", "-1", "--format=%ce"),
    });
    const bare = await repository.commit({}, "only a subject");
    await source.refresh(never);
    expect((await source.describe(bare)).subject).toBe("only a subject");
  });

  it("ends a reading when its signal aborts", async () => {
    const commit = await repository.commit({ "environments/a.yaml": "a: 1\n" });
    await open();
    const controller = new AbortController();
    const reason = new Error("enough");
    const reading = source.read(commit, ["environments"], controller.signal);
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect((await source.read(commit, ["environments"], never)).size).toBe(1);
  });
});

describe("symbolic links", () => {
  it("follows those inside the repository, to files and to folders, one after the other", async () => {
    await repository.commit({
      "shared/broker.yaml": "a: 1\n",
      "shared/more/deep.yaml": "deep: 1\n",
      "environments/base/broker.yaml": { linkTo: "../../shared/broker.yaml" },
      "environments/base/again.yaml": { linkTo: "./broker.yaml" },
      "environments/staging": { linkTo: "../shared" },
      "environments/prod/host": { linkTo: "../staging/more/.." },
    });
    expect(await read()).toEqual({
      "environments/base/again.yaml": "a: 1\n",
      "environments/base/broker.yaml": "a: 1\n",
      "environments/staging/broker.yaml": "a: 1\n",
      "environments/staging/more/deep.yaml": "deep: 1\n",
      "environments/prod/host/broker.yaml": "a: 1\n",
      "environments/prod/host/more/deep.yaml": "deep: 1\n",
    });
  });

  it("refuses the others, each alone, and says why", async () => {
    await repository.commit({
      "environments/good.yaml": "a: 1\n",
      "environments/out.yaml": { linkTo: "../../etc/passwd" },
      "environments/absolute.yaml": { linkTo: "/etc/passwd" },
      "environments/config.yaml": { linkTo: "../.git/config" },
      "environments/upper.yaml": { linkTo: "../.GIT/config" },
      "environments/dangling.yaml": { linkTo: "missing.yaml" },
      "environments/self.yaml": { linkTo: "self.yaml" },
      "environments/ping.yaml": { linkTo: "pong.yaml" },
      "environments/pong.yaml": { linkTo: "ping.yaml" },
      "environments/sub/up": { linkTo: "../../environments" },
      "environments/through.yaml": { linkTo: "good.yaml/x" },
    });
    const files = await read();
    const reasons = Object.fromEntries(
      Object.entries(files).map(([path, text]) => [path, text.replace(/^.* that /, "")]),
    );
    expect(reasons).toEqual({
      "environments/good.yaml": "a: 1\n",
      "environments/out.yaml": "points out of the repository",
      "environments/absolute.yaml": "points to an absolute path",
      "environments/config.yaml": "goes through .git",
      "environments/upper.yaml": "goes through .git",
      "environments/dangling.yaml": "points to nothing",
      "environments/self.yaml": "goes round in circles",
      "environments/ping.yaml": "goes round in circles",
      "environments/pong.yaml": "goes round in circles",
      "environments/sub/up": "goes round in circles",
      "environments/through.yaml": "points to nothing",
    });
    expect(files["environments/out.yaml"]).toMatch(/^GIT_UNSUPPORTED: environments\/out.yaml is a symbolic link/);
  });

  it("reads a folder that is itself a link, and below a path that is one", async () => {
    const commit = await repository.commit({
      "real/site/environments/a.yaml": "a: 1\n",
      config: { linkTo: "real/site" },
      environments: { linkTo: "config/environments" },
    });
    await open();
    expect(shown(await source.read(commit, ["environments"], never))).toEqual({ "environments/a.yaml": "a: 1\n" });
    await source.close();
    await open("config");
    expect(shown(await source.read(commit, ["environments"], never))).toEqual({ "environments/a.yaml": "a: 1\n" });
    expect(await source.treeId(commit, "environments")).toBeDefined();
    expect(await source.treeId(commit, "policies")).toBeUndefined();
  });

  it("bounds links that multiply", async () => {
    const files: Record<string, string | { linkTo: string }> = { "l0/a.yaml": "a: 1\n", "l0/b.yaml": "a: 1\n" };
    for (let level = 1; level <= 18; level += 1) {
      files[`l${level}/a`] = { linkTo: `../l${level - 1}` };
      files[`l${level}/b`] = { linkTo: `../l${level - 1}` };
    }
    const commit = await repository.commit({ ...files, environments: { linkTo: "l18" } });
    await open();
    await expect(source.read(commit, ["environments"], never)).rejects.toMatchObject({ code: "DOCUMENT_TOO_LARGE" });
  });

  it("has another tree id when what a link points to changes", async () => {
    const first = await repository.commit({
      "shared/a.yaml": "a: 1\n",
      "environments/a.yaml": { linkTo: "../shared/a.yaml" },
      "policies/drift.yaml": "rules: []\n",
    });
    const second = await repository.commit({ "shared/a.yaml": "a: 2\n" });
    await open();
    expect(await source.treeId(first, "environments")).not.toBe(await source.treeId(second, "environments"));
    expect(await source.treeId(first, "policies")).toBe(await source.treeId(second, "policies"));
  });
});

describe("what is not in the repository", () => {
  it("refuses a submodule, an LFS pointer and a git-crypt blob, each alone, with its place and what to do", async () => {
    const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n";
    const first = await repository.commit({
      "environments/good.yaml": "a: 1\n",
      "environments/lfs.yaml": pointer,
      "environments/link-to-lfs.yaml": { linkTo: "lfs.yaml" },
      "environments/about-lfs.yaml": `# version https://git-lfs.github.com/spec/v1\na: 1\n`,
      "environments/crypt.yaml": Buffer.concat([Buffer.from("\0GITCRYPT\0"), Buffer.alloc(40, 7)]),
    });
    await repository.git("update-index", "--add", "--cacheinfo", `160000,${first},environments/module`);
    await repository.git("commit", "--quiet", "-m", "submodule");
    await open();
    const files = await source.read(await source.resolve("main"), ["environments"], never);
    const seen = shown(files);
    expect(seen["environments/good.yaml"]).toBe("a: 1\n");
    expect(seen["environments/about-lfs.yaml"]).toContain("a: 1");
    expect(seen["environments/module"]).toMatch(/^GIT_UNSUPPORTED: environments\/module is a submodule/);
    expect(seen["environments/lfs.yaml"]).toMatch(/^GIT_UNSUPPORTED: environments\/lfs.yaml is a Git LFS pointer/);
    expect(seen["environments/link-to-lfs.yaml"]).toMatch(/is a Git LFS pointer/);
    expect(seen["environments/crypt.yaml"]).toMatch(
      /^GIT_UNSUPPORTED: environments\/crypt.yaml is encrypted with git-crypt/,
    );
    for (const file of files.values()) {
      if ("refused" in file) expect(file.refused).toMatchObject({ hint: /./, where: { file: /^environments\// } }); // prettier-ignore
    }
  });

  it("refuses a folder that is a submodule", async () => {
    const first = await repository.commit({ "a.yaml": "a: 1\n" });
    await repository.git("update-index", "--add", "--cacheinfo", `160000,${first},environments`);
    await repository.git("commit", "--quiet", "-m", "submodule");
    expect((await read()).environments).toContain("is a submodule");
  });

  it("refuses a file beyond the limit without reading it", async () => {
    await repository.commit({
      "environments/good.yaml": "a: 1\n",
      "environments/huge.yaml": Buffer.alloc(LIMITS.bytes + 1, "x"),
    });
    const files = await read();
    expect(files["environments/good.yaml"]).toBe("a: 1\n");
    expect(files["environments/huge.yaml"]).toContain("DOCUMENT_TOO_LARGE");
  });
});
