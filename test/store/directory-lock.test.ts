import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockDirectory, waitForDirectory, type OwnedDirectory } from "../../src/store/directory-lock.js";
import { often } from "../support/often.js";
import { asOrdinaryUser } from "../support/user.js";

const CONTENDER = fileURLToPath(new URL("./workers/lock-contender.ts", import.meta.url));
const STARTER = fileURLToPath(new URL("./workers/lock-starter.ts", import.meta.url));
const children = new Set<ChildProcess>();
let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "trueup-lock-")));
});
afterEach(async () => {
  await Promise.all([...children].map(kill));
  await rm(folder, { recursive: true, force: true });
});

async function own(directory: string): Promise<OwnedDirectory> {
  const lock = await lockDirectory(directory);
  if (lock.kind !== "owned") throw new Error("someone else holds it");
  return lock;
}

function start(worker: string, ...args: string[]): ChildProcess {
  const child = fork(worker, args, { execArgv: ["--import", "tsx"] });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

describe("a state directory", () => {
  test("is made where it is missing, for its owner alone", async () => {
    const directory = join(folder, "a", "b");
    const lock = await own(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(lock.socketPath)).mode & 0o777).toBe(0o600);
    await lock.release();
  });

  test("is held by one at a time, and named by the holder's process id", async () => {
    const lock = await own(folder);
    expect(await lockDirectory(folder)).toEqual({ kind: "held", socketPath: lock.socketPath, pid: process.pid });
    await lock.release();
    await (await own(folder)).release();
  });

  test("is left as it was found", async () => {
    await (await own(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  test("is the same directory by whatever path", async () => {
    await mkdir(join(folder, "real"));
    await symlink(join(folder, "real"), join(folder, "alias"));
    const lock = await own(join(folder, "real"));
    expect((await lockDirectory(join(folder, "alias"))).kind).toBe("held");
    await lock.release();
  });

  test("is waited for, within bounds, and the holder named", async () => {
    const lock = await own(folder);
    await expect(waitForDirectory(folder, { patience: 100 })).rejects.toMatchObject({
      code: "STORE_BUSY",
      message: `process ${process.pid} holds the state directory ${folder}`,
    });
    const met = once(lock.server, "connection");
    const waiting = waitForDirectory(folder, { patience: 10_000 });
    await met;
    await lock.release();
    await (await waiting).release();
  });

  test("is not waited for after an abort", async () => {
    const lock = await own(folder);
    const abort = new AbortController();
    const waiting = waitForDirectory(folder, { patience: 60_000, signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await lock.release();
  });

  test("is left alone by a holder from under whom it was removed and made anew", async () => {
    const first = await own(folder);
    await rm(folder, { recursive: true });
    const second = await own(folder);
    await first.release();
    expect((await lockDirectory(folder)).kind).toBe("held");
    await second.release();
  });

  test("that may not be written to is refused", async () => {
    await chmod(folder, 0o500);
    await asOrdinaryUser(() => expect(lockDirectory(folder)).rejects.toMatchObject({ code: "PERMISSION_DENIED" }));
    await chmod(folder, 0o700);
  });

  test("that is a file is refused", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(lockDirectory(join(folder, "file"))).rejects.toMatchObject({ code: "WRITE_FAILED" });
  });
});

describe("the socket", () => {
  test("carries whatever server its owner puts on it", async () => {
    const lock = await own(folder);
    const http = createServer((_, response) => response.end("at your service"));
    lock.server.on("connection", (socket) => http.emit("connection", socket));
    expect(await get(lock.socketPath)).toBe("at your service");
    http.closeAllConnections();
    await lock.release();
  });

  test("closes the connection where its owner serves nothing", async () => {
    const lock = await own(folder);
    await expect(get(lock.socketPath)).rejects.toThrow(/ECONNRESET|EPIPE|hang up/);
    await lock.release();
  });

  test("works in a directory whose path is longer than the address of a socket can be", async () => {
    const directory = join(folder, "long".repeat(40), "er".repeat(60));
    const lock = await own(directory);
    const http = createServer((_, response) => response.end("from afar"));
    lock.server.on("connection", (socket) => http.emit("connection", socket));
    const other = await lockDirectory(directory);
    expect(other).toMatchObject({ kind: "held", pid: process.pid });
    expect(Buffer.byteLength(other.socketPath)).toBeLessThan(104);
    expect(await get(other.socketPath)).toBe("from afar");
    expect(await readdir(directory)).toContain("trueup.sock");
    http.closeAllConnections();
    await lock.release();
    const [, again] = await Promise.all([own(directory).then((lock) => lock.release()), own(`${directory}2`)]);
    await again.release();
    await rm(join(other.socketPath, ".."), { force: true });
    await rm(join(again.socketPath, ".."), { force: true });
  });
});

describe("of many processes", () => {
  test("one at a time holds the directory, whoever is killed whenever", { timeout: 300_000 }, async ({ signal }) => {
    const directory = join(folder, "state");
    const journal = join(folder, "journal");
    await writeFile(journal, "");
    const killed = new Set<number | undefined>();
    const begin = (): void => {
      const child = start(CONTENDER, directory, journal);
      child.once("exit", (_, signal) => {
        killed.add(child.pid);
        if (signal === "SIGKILL" && !over) begin();
      });
    };
    let over = false;
    for (let count = 0; count < 6; count += 1) begin();
    // Besides those that die while they hold it: some at random moments, of starting, of claiming, of releasing.
    // Until enough has happened: two arrivals in a row are a place that was taken over.
    const wanted = often({ usually: 10, nightly: 50 });
    const enough = () => {
      const arrived = readFileSync(journal, "utf8")
        .split("\n")
        .map((line) => line !== "" && !line.startsWith("leave"));
      const taken = arrived.filter((one, index) => one && arrived[index - 1] === true).length;
      return arrived.length > 50 && taken >= wanted;
    };
    while (!enough() && !signal.aborted) {
      await delay(Math.random() * 400);
      [...children][Math.floor(Math.random() * children.size)]?.kill("SIGKILL");
    }
    over = true;
    await Promise.all([...children].map(kill));

    const lines = (await readFile(journal, "utf8")).trimEnd().split("\n");
    let holder: number | undefined;
    const gone = new Set<number>();
    for (const line of lines) {
      const [what, pid] = [line.split(" ")[0], Number(line.split(" ")[1])];
      expect(gone, "a process whose place was taken has written again").not.toContain(pid);
      if (what === "leave") {
        expect(holder).toBe(pid);
        holder = undefined;
      } else {
        if (holder !== undefined) {
          expect(killed, "the place of a living process was taken").toContain(holder);
          gone.add(holder);
        }
        holder = pid;
      }
    }
    // And after all that the directory can be taken.
    await (await own(directory)).release();
  });

  test("exactly one takes over from a killed one", { timeout: 120_000 }, async () => {
    const starters = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const child = start(STARTER, folder);
        await once(child, "message");
        return child;
      }),
    );
    const contenders = [...starters];
    while (contenders.length > 1) {
      const answers = contenders.map(async (child) => {
        const answer = once(child, "message");
        child.send("take");
        return (await answer)[0] as string;
      });
      const kinds = await Promise.all(answers);
      expect(kinds.filter((kind) => kind === "owned")).toHaveLength(1);
      const [owner] = contenders.splice(kinds.indexOf("owned"), 1);
      if (owner !== undefined) await kill(owner);
    }
  });
});

function get(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: "/", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        resolve(text);
      });
    });
    call.on("error", reject);
    call.end();
  });
}
