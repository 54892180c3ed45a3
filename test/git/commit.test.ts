import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { type CommitRequest, openSource, type Source, type SourceOptions } from "../../src/git/source.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";
import { startGitServer, type GitServer } from "../support/git-server.js";

const TOKEN = "s3cr3t/t+ken=@:value";
const never = new AbortController().signal;

let root: string;
let server: GitServer;
let repository: TestRepository;
let tip: string;
let count = 0;
const sources: Source[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-commit-"));
  server = await startGitServer({ root, token: TOKEN });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  count += 1;
  server.answer = "git";
  repository = await makeRepository(join(root, `repo${count}`), "--initial-branch=work");
  await mkdir(join(repository.folder, "config/host"), { recursive: true });
  await writeFile(join(repository.folder, "config/host/run.sh"), "#!/bin/sh\n");
  await chmod(join(repository.folder, "config/host/run.sh"), 0o755);
  tip = await repository.commit({
    "config/host/app.ini": "\uFEFF# kept\r\nlevel = info\r\n",
    "config/linked": { linkTo: "host" },
    "config/link.ini": { linkTo: "host/app.ini" },
    "config/away.ini": { linkTo: "../../outside.ini" },
    "config/nowhere.ini": { linkTo: "host/none.ini" },
    "other.yaml": "a: 1\n",
  });
  await repository.git("branch", "prod");
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
});

/** A source that has seen the repository once. */
async function opened(options: Partial<SourceOptions> = {}): Promise<Source> {
  const folder = join(root, `state${count}-${sources.length}`, "mirror");
  const source = await openSource({
    ...{ url: `${server.url}/repo${count}`, token: TOKEN, path: "config", folder },
    ...options,
  });
  sources.push(source);
  await source.refresh(never);
  return source;
}

function request(files: Record<string, string | Uint8Array | undefined>, more: Partial<CommitRequest> = {}) {
  return {
    ...{ branch: "prod", parent: tip, onto: tip, message: "Adopt" },
    ...{ files: new Map(Object.entries(files)) },
    ...more,
  };
}

async function failure(promise: Promise<unknown>): Promise<TrueupError> {
  const error: unknown = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TrueupError);
  return error as TrueupError;
}

/** The bytes of a file at a revision of the remote. */
async function bytes(path: string, revision = "prod"): Promise<Buffer> {
  const run = promisify(execFile);
  const { stdout } = await run("git", ["cat-file", "blob", `${revision}:${path}`], {
    cwd: repository.folder,
    encoding: "buffer",
  });
  return stdout;
}

const overHttp = { name: "over HTTP", options: () => ({}) };
const overFolder = { name: "in a folder", options: () => ({ url: repository.folder, token: "" }) };

describe.each([overHttp, overFolder])("a commit to a branch $name", ({ options }) => {
  it("holds the files byte for byte, keeps modes and everything else, and is what the next refresh sees", async () => {
    const source = await opened(options());
    const crlf = Buffer.from("\uFEFF# kept\r\nlevel = debug\r\n");
    const binary = Uint8Array.from([0, 255, 13, 10, 254]);
    const id = await source.commit(
      request(
        { "host/app.ini": crlf, "host/run.sh": "#!/bin/sh\nexit\n", "new/deep/b.bin": binary },
        { message: "Adopt ü\n\nBecause.", author: { name: "Ann <x>", email: "ann@example.org" } },
      ),
      never,
    );
    expect(await repository.git("rev-parse", "prod")).toBe(id);
    expect(await bytes("config/host/app.ini")).toEqual(crlf);
    expect(await bytes("config/new/deep/b.bin")).toEqual(Buffer.from(binary));
    expect((await repository.git("diff-tree", "-r", "--raw", "--abbrev=4", tip, id)).split("\n")).toEqual([
      expect.stringMatching(/^:100644 100644 .* M\tconfig\/host\/app.ini$/),
      expect.stringMatching(/^:100755 100755 .* M\tconfig\/host\/run.sh$/),
      expect.stringMatching(/^:000000 100644 .* A\tconfig\/new\/deep\/b.bin$/),
    ]);
    expect(await repository.git("log", "-1", "--format=%P %an <%ae> %cn <%ce> %B", id)).toBe(
      `${tip} Ann x <ann@example.org> Trueup <trueup@localhost> Adopt ü\n\nBecause.`,
    );
    expect(await source.resolve("prod")).toBe(id);
    expect(await source.refresh(never)).toMatchObject({ rewritten: [] });
    expect((await source.refresh(never)).branches.get("prod")).toBe(id);
    expect(await repository.git("fsck", "--strict")).not.toMatch(/error|missing/);
  });

  it("makes a new branch, and refuses a name that is taken", async () => {
    const source = await opened(options());
    const onto = { branch: "trueup/adopt/x", parent: tip };
    const files = new Map([["host/app.ini", "x"]]);
    const id = await source.commit({ ...onto, files, message: "m" }, never);
    expect(await repository.git("rev-parse", "trueup/adopt/x")).toBe(id);
    const again = await failure(source.commit({ ...onto, files, message: "n" }, never));
    expect(again.code).toBe("GIT_MOVED");
    expect(await repository.git("rev-parse", "trueup/adopt/x")).toBe(id);
  });

  it("leaves a branch that moved meanwhile as it is", async () => {
    const source = await opened(options());
    const theirs = await repository.commit({ "other.yaml": "a: 2\n" });
    await repository.git("branch", "--force", "prod", theirs);
    const error = await failure(source.commit(request({ "host/app.ini": "x" }), never));
    expect(error).toMatchObject({ code: "GIT_MOVED", hint: expect.stringContaining("again") as string });
    expect(await repository.git("rev-parse", "prod")).toBe(theirs);
    expect((await source.refresh(never)).branches.get("prod")).toBe(theirs);
  });

  it("lets one of two commits win, never both", async () => {
    const [a, b] = [await opened(options()), await opened(options())];
    const both = await Promise.allSettled([
      a.commit(request({ "host/app.ini": "a" }), never),
      b.commit(request({ "host/app.ini": "b" }), never),
    ]);
    const won = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const lost = both.flatMap((one) => (one.status === "rejected" ? [one.reason as TrueupError] : []));
    expect(won).toEqual([await repository.git("rev-parse", "prod")]);
    expect(lost.map(({ code }) => code)).toEqual(["GIT_MOVED"]);
  });

  it("says what a hook of the server says", async () => {
    const source = await opened(options());
    const hook = join(repository.folder, ".git/hooks/pre-receive");
    await mkdir(join(repository.folder, ".git/hooks"), { recursive: true });
    await writeFile(hook, `#!/bin/sh\necho "prod is protected: open a pull request (${TOKEN})" >&2\nexit 1\n`);
    await chmod(hook, 0o755);
    const error = await failure(source.commit(request({ "host/app.ini": "x" }), never));
    expect(error.code).toBe("PERMISSION_DENIED");
    expect(error.message).toContain("prod is protected: open a pull request");
    expect(await repository.git("rev-parse", "prod")).toBe(tip);
  });
});

describe("what a commit writes to", () => {
  it("is the file that a link inside the repository leads to", async () => {
    const source = await opened();
    const id = await source.commit(request({ "link.ini": "one\n", "linked/new.ini": "two\n" }), never);
    expect(await repository.git("diff-tree", "-r", "--name-status", tip, id)).toBe(
      "M\tconfig/host/app.ini\nA\tconfig/host/new.ini",
    );
  });

  it.each([
    ["away.ini", /points out of the repository/],
    ["nowhere.ini", /points to nothing/],
    ["host", /is a folder/],
    ["host/app.ini/x", /is below a file/],
    [".git/config", /is no file's path/],
  ])("is never %s", async (path, message) => {
    const source = await opened();
    const error = await failure(source.commit(request({ [path]: "x" }), never));
    expect(error).toMatchObject({ code: "GIT_UNSUPPORTED", message: expect.stringMatching(message) as string });
    expect(await repository.git("rev-parse", "prod")).toBe(tip);
  });

  it("goes away with its folder where the content is undefined", async () => {
    const source = await opened();
    await source.commit(request({ "host/app.ini": undefined, "host/run.sh": undefined }), never);
    expect(await repository.git("ls-tree", "-r", "--name-only", "prod")).not.toContain("config/host");
  });

  it("can be looked at before it is pushed, one setting at a time", async () => {
    const source = await opened();
    const { files } = request({ "host/app.ini": "\uFEFF# kept\r\nlevel = debug\r\n" });
    const id = await source.commit({ parent: tip, files, message: "m" }, never);
    const patch = await source.patch(tip, id, never);
    expect(patch).toContain("-level = info\r\n+level = debug\r\n");
    expect(patch).not.toContain("# kept");
    expect(await repository.git("rev-parse", "prod")).toBe(tip);
  });
});

describe("a push that fails", () => {
  it("names no credential where the server refuses it", async () => {
    const source = await opened();
    server.answer = 403;
    const error = await failure(source.commit(request({ "host/app.ini": "x" }), never));
    expect(error).toMatchObject({ code: "CONNECTION_DENIED", hint: expect.stringContaining("push") as string });
    const told = JSON.stringify([error.message, error.hint, error.stack, error.cause]);
    for (const secret of [
      TOKEN,
      encodeURIComponent(TOKEN),
      Buffer.from(`x-access-token:${TOKEN}`).toString("base64"),
    ]) {
      expect(told).not.toContain(secret);
    }
  });

  it("says how to let a folder take what is checked out there", async () => {
    const source = await opened({ url: repository.folder, token: "" });
    const error = await failure(source.commit(request({ "host/app.ini": "x" }, { branch: "work" }), never));
    expect(error).toMatchObject({
      code: "PERMISSION_DENIED",
      hint: expect.stringContaining("receive.denyCurrentBranch updateInstead") as string,
    });
  });

  it("leaves nothing that stops the next one when the process is killed in it", async () => {
    const source = await opened();
    await source.close();
    const folder = join(root, `state${count}-0`, "mirror");
    const program = `
      import { openSource } from ${JSON.stringify(new URL("../../dist/git/source.js", import.meta.url).href)};
      const never = new AbortController().signal;
      const source = await openSource(${JSON.stringify({ url: `${server.url}/repo${count}`, token: TOKEN, path: "config", folder })});
      await source.commit({ branch: "prod", parent: ${JSON.stringify(tip)}, onto: ${JSON.stringify(tip)},
        files: new Map([["host/app.ini", "killed"]]), message: "m" }, never);`;
    server.answer = "never";
    server.requests.length = 0;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "ignore", detached: true });
    await expect.poll(() => server.requests, { timeout: 20_000 }).toHaveLength(1);
    process.kill(-(child.pid ?? NaN), "SIGKILL");
    await once(child, "exit");
    server.answer = "git";
    expect((await readdir(folder, { recursive: true })).filter((name) => /lock|index/.test(name))).toEqual([]);
    const next = await opened({ folder });
    expect((await next.refresh(never)).branches.get("prod")).toBe(tip);
    const id = await next.commit(request({ "host/app.ini": "next" }), never);
    expect(await repository.git("rev-parse", "prod")).toBe(id);
  });
});
