import { spawn } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile, chmod, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { openSource, type Source, type SourceOptions } from "../../src/git/source.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";
import { startGitServer, type GitServer } from "../support/git-server.js";

const TOKEN = "s3cr3t/t+ken=@:value";
const never = new AbortController().signal;

let root: string;
let server: GitServer;
let repository: TestRepository;
let mirror: string;
const sources: Source[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-git-"));
  server = await startGitServer({ root, token: TOKEN });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});
let count = 0;
beforeEach(async () => {
  count += 1;
  repository = await makeRepository(join(root, `repo${count}`));
  mirror = join(root, `state${count}`, "mirror");
  server.requests.length = 0;
  server.answer = "git";
});
afterEach(async () => {
  vi.useRealTimers();
  for (const source of sources.splice(0)) await source.close();
});

async function open(options: Partial<SourceOptions> = {}): Promise<Source> {
  const source = await openSource({ url: `${server.url}/repo${count}`, token: TOKEN, folder: mirror, ...options });
  sources.push(source);
  return source;
}

async function failure(promise: Promise<unknown>): Promise<TrueupError> {
  const error: unknown = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TrueupError);
  return error as TrueupError;
}

async function text(source: Source, commit: string, file: string): Promise<string> {
  const found = (await source.read(commit, ["."], never)).get(file);
  if (found === undefined || "refused" in found) throw new Error(`${file} cannot be read`);
  return found.content.toString();
}

describe("following a remote over HTTP", () => {
  it("clones, and then asks once and fetches nothing while nothing moves", async () => {
    const commit = await repository.commit({ "environments/a.yaml": "a: 1\n" });
    const source = await open();
    expect(await source.refresh(never)).toEqual({ branches: new Map([["main", commit]]), rewritten: [] });
    server.requests.length = 0;
    await source.refresh(never);
    const ls = [
      `GET /repo${count}/info/refs?service=git-upload-pack`, // what protocols
      `POST /repo${count}/git-upload-pack`, // which references
    ];
    expect(server.requests).toEqual(ls);
    expect(await source.resolve("main")).toBe(commit);
    expect(await text(source, commit, "environments/a.yaml")).toBe("a: 1\n");
    expect(server.requests).toEqual(ls);
  });

  it.skipIf(process.platform === "win32")(
    "runs one git process in an idle cycle, whatever is asked of a known commit",
    async () => {
      const commit = await repository.commit({ "environments/a.yaml": "a: 1\n" });
      const source = await open();
      await source.refresh(never);
      await source.treeId(commit, "environments");
      const bin = await mkdtemp(join(root, "bin-"));
      const script = `#!/bin/sh\nPATH=\${PATH#*:}\necho "$@" >> '${bin}/log'\nexec git "$@"\n`;
      await writeFile(join(bin, "git"), script, { mode: 0o755 });
      const path = process.env.PATH ?? "";
      process.env.PATH = `${bin}:${path}`;
      const { signal } = new AbortController();
      try {
        await source.refresh(signal);
        expect(await source.resolve("main")).toBe(commit);
        await source.treeId(commit, "environments");
      } finally {
        process.env.PATH = path;
      }
      const lines = (await readFile(join(bin, "log"), "utf8")).trim().split("\n");
      expect(lines).toEqual([expect.stringContaining("ls-remote")]);
      expect(getEventListeners(signal, "abort"), "nothing that a thousand cycles would pile up").toEqual([]);
    },
  );

  it("fetches a branch that moved, a new one and a tag, and drops a deleted one", async () => {
    const first = await repository.commit({ "a.yaml": "a: 1\n" });
    await repository.git("branch", "old");
    const source = await open();
    await source.refresh(never);
    const second = await repository.commit({ "a.yaml": "a: 2\n" });
    await repository.git("branch", "-D", "old");
    await repository.git("branch", "old/nested", first);
    await repository.git("tag", "-a", "v1", "-m", "first", first);
    const { branches, rewritten } = await source.refresh(never);
    expect(branches).toEqual(new Map([["main", second], ["old/nested", first]])); // prettier-ignore
    expect(rewritten).toEqual([]);
    expect(await source.resolve("v1")).toBe(first);
    expect(await source.resolve(first.slice(0, 8))).toBe(first);
    expect((await failure(source.resolve("old"))).code).toBe("GIT_REVISION_MISSING");
    expect(await text(source, second, "a.yaml")).toBe("a: 2\n");
  });

  it("follows a force-pushed branch and tells it once, also after a restart", async () => {
    await repository.commit({ "a.yaml": "a: 1\n" });
    const from = await repository.commit({ "a.yaml": "a: 2\n" });
    await (await open()).refresh(never);
    await repository.git("reset", "--hard", "HEAD~1");
    const to = await repository.commit({ "a.yaml": "a: 3\n" });
    const source = await open();
    expect((await source.refresh(never)).rewritten).toEqual([{ branch: "main", from, to }]);
    expect((await source.refresh(never)).rewritten).toEqual([]);
    expect(await text(source, await source.resolve("main"), "a.yaml")).toBe("a: 3\n");
    // The old commit can still be read: whoever runs it may want to see what it was.
    expect(await text(source, from, "a.yaml")).toBe("a: 2\n");
  });

  it("reports an unrelated history as rewritten", async () => {
    const from = await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open();
    await source.refresh(never);
    await repository.git("checkout", "--quiet", "--orphan", "other");
    const to = await repository.commit({ "a.yaml": "a: 2\n" });
    await repository.git("branch", "-M", "other", "main");
    expect((await source.refresh(never)).rewritten).toEqual([{ branch: "main", from, to }]);
  });

  it("runs concurrent refreshes one after the other", async () => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open();
    const all = await Promise.all([source.refresh(never), source.refresh(never), source.refresh(never)]);
    expect(all.map(({ branches }) => branches.get("main"))).toEqual([commit, commit, commit]);
  });

  it("shares the mirror with another process's source", async () => {
    await repository.commit({ "a.yaml": "a: 1\n" });
    const one = await open();
    const two = await open();
    await Promise.all([one.refresh(never), two.refresh(never)]);
    for (let round = 0; round < 5; round += 1) {
      const commit = await repository.commit({ "a.yaml": `round: ${round}\n` });
      const all = await Promise.all([one.refresh(never), two.refresh(never)]);
      expect(all.map(({ branches, rewritten }) => [branches.get("main"), rewritten])).toEqual([
        [commit, []],
        [commit, []],
      ]);
      expect(await text(one, commit, "a.yaml")).toBe(`round: ${round}\n`);
    }
  });

  it("takes another repository's mirror for none", async () => {
    await repository.commit({ "a.yaml": "a: 1\n" });
    await (await open()).refresh(never);
    const other = await makeRepository(join(root, `other${count}`));
    const commit = await other.commit({ "b.yaml": "b: 1\n" });
    const source = await open({ url: other.folder });
    expect(await source.refresh(never)).toEqual({ branches: new Map([["main", commit]]), rewritten: [] });
  });

  it("opens without the remote and serves what it has", async () => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    await (await open()).refresh(never);
    server.answer = 503;
    const source = await open();
    expect((await failure(source.refresh(never))).code).toBe("CONNECTION_FAILED");
    expect(await source.resolve("main")).toBe(commit);
    expect(await text(source, commit, "a.yaml")).toBe("a: 1\n");
  });
});

describe("addresses", () => {
  it.each(["work tree", "bare", "file URL", "relative"])("reads the committed state of a folder: %s", async (kind) => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    await writeFile(join(repository.folder, "a.yaml"), "a: not committed\n");
    const bare = join(root, `bare${count}.git`);
    await repository.git("clone", "--quiet", "--bare", repository.folder, bare);
    const urls = new Map([
      ["work tree", repository.folder],
      ["bare", bare],
      ["file URL", `file://${bare}`],
      ["relative", join("..", "..", "..", "..", "..", "..", bare)],
    ]);
    const source = await open({ url: urls.get(kind) ?? "" });
    expect((await source.refresh(never)).branches).toEqual(new Map([["main", commit]]));
    expect(await text(source, commit, "a.yaml")).toBe("a: 1\n");
  });

  it.skipIf(process.platform === "win32").each(["ssh://git@example.org", "git@example.org:"])(
    "reaches a server over ssh without ever asking a person: %s",
    async (host) => {
      const commit = await repository.commit({ "a.yaml": "a: 1\n" });
      const bin = await mkdtemp(join(root, "bin-"));
      // Runs the remote command here, as git's own tests do; the name makes git take it for OpenSSH.
      const script = `#!/bin/sh\necho "$@" >> '${bin}/log'\nfor last; do :; done\nexec sh -c "$last"\n`;
      await writeFile(join(bin, "ssh"), script, { mode: 0o755 });
      process.env.GIT_SSH_COMMAND = `${join(bin, "ssh")} -i key`;
      try {
        const source = await open({ url: `${host}${repository.folder}` });
        expect((await source.refresh(never)).branches.get("main")).toBe(commit);
      } finally {
        delete process.env.GIT_SSH_COMMAND;
      }
      expect(await readFile(join(bin, "log"), "utf8")).toMatch(
        /^-i key .*-oBatchMode=yes.*git@example\.org git-upload-pack/,
      );
    },
  );

  it("reads a repository with SHA-256 ids", async () => {
    const sha256 = await makeRepository(join(root, `sha256-${count}`), "--object-format=sha256");
    const commit = await sha256.commit({ "a.yaml": "a: 1\n" });
    const source = await open({ url: sha256.folder });
    await source.refresh(never);
    expect(commit).toHaveLength(64);
    expect(await text(source, await source.resolve("main"), "a.yaml")).toBe("a: 1\n");
  });

  it.each([
    ["ext::sh -c touch% /tmp/x", "run a command"],
    ["--upload-pack=touch /tmp/x", "no URL or folder"],
    ["ftp://example.org/x", "cannot be read"],
    ["https://user:hunter2@exa mple.org/x", "cannot be read"],
    ["ssh://git:hunter2@example.org/x", "no password"],
    ["https://example.org/x?private_token=hunter2", "query"],
    ["https://hunter2%zz@example.org/x", "percent-encoded"],
  ])("refuses %s", async (url, said) => {
    const error = await failure(open({ url }));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(said);
    expect(error.message).not.toContain("hunter2");
  });
});

describe("errors", () => {
  it("names a wrong token, without it", async () => {
    await repository.commit({});
    const source = await open({ token: "hunter2hunter2" });
    const error = await failure(source.refresh(never));
    expect(error.code).toBe("CONNECTION_DENIED");
    expect(error.hint).toContain("repository.token");
    expect(JSON.stringify([error.message, error.hint, error.stack, error.cause])).not.toContain("hunter2hunter2");
  });

  it.each([
    [403, "CONNECTION_DENIED"],
    [404, "GIT_FAILED"],
    [301, "GIT_FAILED"],
    [500, "CONNECTION_FAILED"],
  ])("tells what HTTP %i means", async (status, code) => {
    await repository.commit({});
    server.answer = status;
    const error = await failure((await open()).refresh(never));
    expect(error.code).toBe(code);
    expect(error.hint).toBeTruthy();
  });

  it("names a repository that does not exist, on a server and in a folder", async () => {
    const remote = await failure((await open({ url: `${server.url}/nowhere` })).refresh(never));
    expect(remote).toMatchObject({
      code: "GIT_FAILED",
      message: expect.stringContaining("no git repository") as string,
    });
    const local = await failure((await open({ url: join(root, "nowhere") })).refresh(never));
    expect(local).toMatchObject({
      code: "GIT_FAILED",
      message: expect.stringContaining("no git repository") as string,
    });
    const plain = await failure((await open({ url: tmpdir() })).refresh(never));
    expect(plain).toMatchObject({ code: "GIT_FAILED", hint: expect.stringContaining("repository.path") as string });
  });

  it("says that git is not installed", async () => {
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    try {
      const error = await failure((await open()).refresh(never));
      expect(error).toMatchObject({ code: "GIT_FAILED", hint: expect.stringContaining("Install git") as string });
    } finally {
      process.env.PATH = path;
    }
  });

  it("says when the host cannot be reached", async () => {
    const closed = await startGitServer({ root });
    await closed.close();
    const error = await failure((await open({ url: `${closed.url}/x` })).refresh(never));
    expect(error.code).toBe("CONNECTION_FAILED");
    const unresolved = await failure((await open({ url: "https://nowhere.invalid/x" })).refresh(never));
    expect(unresolved.code).toBe("CONNECTION_FAILED");
  });

  it("refuses an empty repository and keeps the mirror of one that was emptied", async () => {
    const empty = await failure((await open()).refresh(never));
    expect(empty).toMatchObject({ code: "GIT_REVISION_MISSING", message: expect.stringContaining("empty") as string });
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open();
    await source.refresh(never);
    await repository.git("update-ref", "-d", "refs/heads/main");
    expect((await failure(source.refresh(never))).code).toBe("GIT_REVISION_MISSING");
    expect(await text(source, commit, "a.yaml")).toBe("a: 1\n");
  });

  it("says that a repository is a shallow clone, also where it has become one, and follows it once it is whole", async () => {
    for (const name of ["one", "two", "three"]) await repository.commit({ "app.yaml": `${name}\n` });
    const shallow = join(root, `shallow${count}`);
    const clone = () => repository.git("clone", "--quiet", "--depth=1", `file://${repository.folder}`, shallow);
    await clone();
    const source = await open({ url: shallow });
    for (let time = 0; time < 2; time += 1) {
      expect(await failure(source.refresh(never))).toMatchObject({
        code: "GIT_FAILED",
        message: expect.stringContaining("shallow clone, whose history is cut off") as string,
        hint: expect.stringContaining("git fetch --unshallow") as string,
      });
    }
    const inShallow = (...args: string[]) => repository.git("-C", shallow, ...args);
    await inShallow("fetch", "--quiet", "--unshallow");
    const { branches } = await source.refresh(never);
    expect(branches.get("main")).toBe(await inShallow("rev-parse", "HEAD"));
    await rm(shallow, { recursive: true });
    await repository.commit({ "app.yaml": "four\n" });
    await clone();
    expect((await failure(source.refresh(never))).message).toContain("shallow clone");
    // What was there before is.
    expect(source.tip("main")).toBe(branches.get("main"));
  });

  it("suggests a branch for one that is missing, and lists them", async () => {
    await repository.commit({});
    await repository.git("branch", "staging");
    const source = await open();
    await source.refresh(never);
    for (const revision of ["stagign", "HEAD", "--help", "main:a", "0".repeat(40), "main~1"]) {
      const error = await failure(source.resolve(revision));
      expect(error).toMatchObject({
        code: "GIT_REVISION_MISSING",
        hint: expect.stringContaining("main, staging") as string,
      });
    }
    expect((await failure(source.resolve("stagign"))).hint).toContain("Did you mean staging?");
  });

  it("leaves a folder alone that is not its own", async () => {
    await repository.commit({});
    const error = await failure(open({ folder: repository.folder }));
    expect(error).toMatchObject({ code: "GIT_FAILED", hint: expect.stringContaining("stateDirectory") as string });
    expect(await readdir(repository.folder)).toContain(".git");
  });

  it("makes its folder again where that was removed, and says when it cannot", async () => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open();
    await source.refresh(never);
    await rm(join(mirror, ".."), { recursive: true });
    expect(await text(source, commit, "a.yaml")).toBe("a: 1\n");
    await writeFile(join(root, `file${count}`), "");
    const blocked = await open({ folder: join(root, `file${count}`, "mirror") });
    const error = await failure(blocked.refresh(never));
    expect(error).toMatchObject({ code: "GIT_FAILED", hint: expect.stringContaining("stateDirectory") as string });
  });

  // Whoever waited to the end would say that the server is silent.
  it("ends a command when its signal aborts or the source is closed", async () => {
    await repository.commit({});
    server.answer = "never";
    const source = await open();
    const controller = new AbortController();
    const refreshing = source.refresh(controller.signal);
    await expect.poll(() => server.requests.length, { interval: 10 }).toBeGreaterThan(0);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(refreshing).rejects.toBe(reason);
    const again = source.refresh(never);
    await expect.poll(() => server.requests.length, { interval: 10 }).toBeGreaterThan(1);
    await source.close();
    expect((await failure(again)).code).toBe("ABORTED");
    await expect(source.read("main", ["."], AbortSignal.abort(reason))).rejects.toBeInstanceOf(Error);
  });

  it("gives up on a server that says nothing", async () => {
    await repository.commit({});
    server.answer = "never";
    const error = await failure((await open({ timeout: 1000 })).refresh(never));
    expect(error.code).toBe("CONNECTION_FAILED");
  });
});

describe("credentials", () => {
  it.each([
    ["as an option", () => ({ token: TOKEN })],
    ["in the URL", () => ({ url: inUrl(`x-access-token:${encodeURIComponent(TOKEN)}`), token: "" })],
    ["with a user name of its own", () => ({ url: inUrl("x-access-token"), token: `${TOKEN}\n` })],
  ])("lets in with a token %s, and writes it nowhere", async (_, options) => {
    await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open(options());
    await source.refresh(never);
    for (const file of await readdir(mirror, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const content = await readFile(join(file.parentPath, file.name), "latin1");
      for (const spelling of spellings()) expect(content).not.toContain(spelling);
    }
    server.answer = 500;
    const error = await failure(source.refresh(never));
    for (const spelling of spellings())
      expect(JSON.stringify([error, error.message, error.stack])).not.toContain(spelling);
  });

  it.skipIf(process.platform !== "linux")("keeps the token off every command line", async () => {
    await repository.commit({});
    server.answer = "never";
    const controller = new AbortController();
    const source = await open({ url: inUrl(`x-access-token:${encodeURIComponent(TOKEN)}`), token: "" });
    const refreshing = source.refresh(controller.signal);
    await expect.poll(() => server.requests.length, { interval: 10 }).toBeGreaterThan(0);
    const seen = await commandLines();
    expect(seen.filter((line) => line.includes(`${server.url}/repo${count}`)).length).toBeGreaterThanOrEqual(2);
    for (const line of seen) for (const spelling of spellings()) expect(line).not.toContain(spelling);
    controller.abort();
    await expect(refreshing).rejects.toThrow();
  });

  it("prints no token where DEBUG asks every library to say what it does", async () => {
    await repository.commit({});
    const script = `
      import { openSource } from ${JSON.stringify(new URL("../../src/git/source.ts", import.meta.url).href)};
      const [url, folder] = process.argv.slice(-2);
      await (await openSource({ url, folder, token: process.env.THE_TOKEN })).refresh(new AbortController().signal);`;
    const args = ["--import", "tsx", "--input-type=module", "-e", script, `${server.url}/repo${count}`, mirror];
    const child = spawn(process.execPath, args, { env: { ...process.env, DEBUG: "*", THE_TOKEN: TOKEN } });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(0);
    for (const spelling of spellings()) expect(said).not.toContain(spelling);
  });

  it("does not ask elsewhere for a credential, nor take one along to another server", async () => {
    await repository.commit({});
    const elsewhere = await startGitServer({ root, token: "other" });
    const source = await open({ url: `${elsewhere.url}/repo${count}` });
    expect((await failure(source.refresh(never))).code).toBe("CONNECTION_DENIED");
    await elsewhere.close();
    expect(elsewhere.requests).toEqual([]);
  });

  function inUrl(user: string): string {
    return `${server.url.replace("://", `://${user}@`)}/repo${count}`;
  }
  function spellings(): readonly string[] {
    const basic = Buffer.from(`x-access-token:${TOKEN}`).toString("base64");
    return [TOKEN, encodeURIComponent(TOKEN), encodeURI(TOKEN), basic];
  }
  async function commandLines(): Promise<readonly string[]> {
    const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    return Promise.all(
      ids.map(async (id) => (await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ")),
    );
  }
});

describe("after a crash", () => {
  const locks = [
    "packed-refs.lock",
    "refs/heads/main.lock",
    "config.lock",
    "HEAD.lock",
    "shallow.lock",
    "objects/maintenance.lock",
  ];

  async function leaveLocks(seconds: number): Promise<void> {
    const then = new Date(Date.now() - seconds * 1000);
    for (const lock of locks) {
      await writeFile(join(mirror, lock), "");
      await utimes(join(mirror, lock), then, then);
    }
  }

  it("removes left-over locks, when it opens and when it meets them", async () => {
    await repository.commit({ "a.yaml": "a: 1\n" });
    await (await open()).refresh(never);
    await leaveLocks(60);
    const source = await open();
    for (const lock of locks) await expect(readFile(join(mirror, lock))).rejects.toThrow("ENOENT");
    await leaveLocks(60);
    const commit = await repository.commit({ "a.yaml": "a: 2\n" });
    expect((await source.refresh(never)).branches.get("main")).toBe(commit);
  });

  it("waits for a lock that may have an owner, until it is old enough", async () => {
    await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open();
    await source.refresh(never);
    const commit = await repository.commit({ "a.yaml": "a: 2\n" });
    vi.useFakeTimers({ toFake: ["Date"] });
    await leaveLocks(8);
    const before = server.requests.length;
    const attempts = () => server.requests.slice(before).filter((each) => each.includes("/info/refs")).length;
    const refreshing = source.refresh(never);
    await expect.poll(attempts, { timeout: 10_000 }).toBeGreaterThan(2);
    for (const lock of locks) expect(await readFile(join(mirror, lock), "utf8")).toBe("");
    vi.setSystemTime(Date.now() + 3_000);
    expect((await refreshing).branches.get("main")).toBe(commit);
  });

  it.each([
    ["a cut pack", (file: string) => file.endsWith(".pack")],
    ["no packs", (file: string) => file.includes("pack-")],
    ["no HEAD", (file: string) => file === "HEAD"],
    ["an empty config", (file: string) => file === "config"],
  ])("makes a mirror with %s anew, while reading and while fetching", async (kind, match) => {
    const files = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`f/${index}.yaml`, `n: ${index}\n`]));
    await repository.commit(files);
    await repository.git("gc", "--quiet");
    const source = await open();
    await source.refresh(never);
    await spoil();
    const commit = await source.resolve("main");
    expect((await source.read(commit, ["f"], never)).size).toBe(200);
    expect(await source.treeId(commit, "f")).toBe(await repository.git("rev-parse", "HEAD:f"));
    await spoil();
    const next = await repository.commit({ "f/0.yaml": "n: 1000\n" });
    await source.refresh(never);
    expect(await text(source, next, "f/0.yaml")).toBe("n: 1000\n");
    await spoil();
    const restarted = await open();
    await restarted.refresh(never);
    expect((await restarted.describe(await restarted.resolve("main"))).subject).toBe("change");
    expect(await readdir(join(mirror, ".."))).toEqual(["mirror"]);

    async function spoil(): Promise<void> {
      const all = await readdir(mirror, { recursive: true });
      for (const file of all.filter(match)) {
        await chmod(join(mirror, file), 0o644);
        if (kind.startsWith("no ")) await unlink(join(mirror, file));
        else await truncate(join(mirror, file), kind === "a cut pack" ? 200 : 0);
      }
    }
  });

  it.skipIf(process.platform === "win32")(
    "goes on after processes that were killed at any moment",
    async () => {
      await repository.commit({ "a.yaml": "a: 1\n" });
      const script = `
        import { openSource } from ${JSON.stringify(new URL("../../dist/git/source.js", import.meta.url).href)};
        const [url, folder] = process.argv.slice(-2);
        const source = await openSource({ url, folder });
        process.stdout.write("ready");
        for (;;) await source.refresh(new AbortController().signal);`;
      for (let round = 0; round < 10; round += 1) {
        const args = ["--input-type=module", "-e", script, repository.folder, mirror];
        const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", "pipe", "inherit"] });
        await once(child.stdout, "data");
        const commits = (async () => {
          for (let each = 0; each < 3; each += 1) await repository.commit({ "a.yaml": `n: ${round} ${each}\n` });
        })();
        // The moments are spread over the first clone and the fetches; what is met differs from run to run.
        await new Promise((resolve) => setTimeout(resolve, round * 12));
        process.kill(-(child.pid ?? 0), "SIGKILL");
        await Promise.all([once(child, "exit"), commits]);
        const source = await open({ url: repository.folder });
        const { branches, rewritten } = await source.refresh(never);
        expect(branches.get("main")).toBe(await repository.git("rev-parse", "main"));
        expect(rewritten).toEqual([]);
        expect(await text(source, await source.resolve("main"), "a.yaml")).toBe(`n: ${round} 2\n`);
        if (round % 3 === 0) await rm(mirror, { recursive: true });
      }
    },
    120_000,
  );

  it("keeps a broken mirror while the remote cannot be reached", async () => {
    const commit = await repository.commit({ "a.yaml": "a: 1\n" });
    const source = await open();
    await source.refresh(never);
    await unlink(join(mirror, "HEAD"));
    server.answer = 503;
    expect((await failure(source.read(commit, ["."], never))).code).toBe("CONNECTION_FAILED");
    server.answer = "git";
    expect(await text(source, commit, "a.yaml")).toBe("a: 1\n");
  });
});
