import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/store/database.js";
import { lockDirectory } from "../../src/store/directory-lock.js";
import { EMBEDDED_DIRECTORY, embeddedDatabase, TEMPLATE } from "../../src/store/embedded.js";
import { openStore, storeOn } from "../../src/store/open.js";
import type { Store } from "../../src/store/store.js";
import { describeStore } from "../contract/store.js";
import { often } from "../support/often.js";

let stateDirectory: string;
let shared: Database;
let sharedDirectory: string;

beforeAll(async () => {
  sharedDirectory = await mkdtemp(join(tmpdir(), "trueup-store-"));
  shared = await embeddedDatabase(sharedDirectory);
});
afterAll(async () => {
  await shared.close();
  await rm(sharedDirectory, { recursive: true });
});
beforeEach(async () => {
  stateDirectory = await mkdtemp(join(tmpdir(), "trueup-store-"));
});
afterEach(() => rm(stateDirectory, { recursive: true, force: true }));

describeStore({
  name: "embedded",
  create: async () => {
    await shared.pool.query("DROP SCHEMA IF EXISTS trueup CASCADE");
    return {
      // One process has one connection; the stores of the suite share it, as the parts of a controller do.
      connect: () =>
        Promise.resolve({ ...shared, pool: view(shared), exclusive: false, close: () => Promise.resolve() }),
      close: () => Promise.resolve(),
    };
  },
});

/** The pool as an object of its own, on which a test may count. */
function view({ pool }: Database): Database["pool"] {
  return { query: pool.query.bind(pool), connect: pool.connect.bind(pool) } as unknown as Database["pool"];
}

const data = (...names: string[]) => join(stateDirectory, EMBEDDED_DIRECTORY, ...names);
const open = () => openStore({ stateDirectory, patience: 0 });
async function save(store: Store, status: string): Promise<void> {
  await store.records.save("prod", "settings", { record: { status }, events: [] });
}
async function status(store: Store): Promise<string | undefined> {
  return (await store.records.load("prod")).get("settings")?.status;
}

describe("the embedded store", () => {
  it("is there again when it is opened again", async () => {
    const first = await open();
    await save(first, '"kept"');
    await first.close();
    const second = await open();
    expect(await status(second)).toBe('"kept"');
    await second.close();
    expect(await readdir(stateDirectory)).toEqual([EMBEDDED_DIRECTORY]);
  });

  it("is open in one process at a time, which a second one names", async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({
      code: "STORE_BUSY",
      message: expect.stringContaining(`process ${process.pid} holds`) as string,
    });
    const waiting = openStore({ stateDirectory, patience: 20_000 });
    await first.close();
    await (await waiting).close();
  });

  it("opens under a lock that its caller holds, and leaves that to the caller", async () => {
    const lock = await lockDirectory(stateDirectory);
    if (lock.kind !== "owned") throw new Error("held");
    const store = await openStore({ stateDirectory, lock });
    await store.close();
    expect((await lockDirectory(stateDirectory)).kind).toBe("held");
    await lock.release();
  });

  it("voids the leases of an earlier process, for it is dead", async () => {
    const first = await storeOn(await embeddedDatabase(stateDirectory));
    await first.leases.acquire("prod", { holder: "killed" });
    const copy = await mkdtemp(join(tmpdir(), "trueup-store-"));
    await cp(data(), join(copy, EMBEDDED_DIRECTORY), { recursive: true });
    const second = await openStore({ stateDirectory: copy });
    expect(await second.leases.holder("prod")).toBeUndefined();
    expect(await second.leases.acquire("prod", { holder: "next" })).toBeDefined();
    await Promise.all([first.close(), second.close()]);
    await rm(copy, { recursive: true });
  });

  it("starts afresh where its folder is gone", async () => {
    const first = await open();
    await save(first, '"lost"');
    await first.close();
    await rm(stateDirectory, { recursive: true });
    const second = await open();
    expect(await status(second)).toBeUndefined();
    await second.close();
  });

  it("starts over what a killed first start left", async () => {
    const first = await open();
    await first.close();
    await rm(data("global"), { recursive: true });
    await writeFile(`${data()}.unfinished`, "");
    const second = await open();
    await save(second, '"kept"');
    await second.close();
    expect(await readdir(stateDirectory)).toEqual([EMBEDDED_DIRECTORY]);
  });

  it("makes itself where no template was built", async () => {
    const store = await storeOn(await embeddedDatabase(stateDirectory, { template: join(stateDirectory, "none") }));
    await save(store, '"made"');
    expect(await status(store)).toBe('"made"');
    await store.close();
  });

  it("does not grow without end by replacing", { timeout: 60_000 }, async () => {
    let size = 0;
    for (let round = 0; round < 6; round += 1) {
      const database = await embeddedDatabase(stateDirectory);
      const store = await storeOn(database);
      for (let n = 0; n < 60; n += 1) {
        const lastApplied = randomBytes(80_000).toString("base64");
        await store.records.save("prod", "settings", { record: { status: "{}", lastApplied }, events: [] });
      }
      const { rows } = await database.pool.query<{ size: number }>(
        "SELECT pg_total_relation_size('trueup.target')::int AS size",
      );
      size = rows[0]?.size ?? 0;
      await store.close();
    }
    // 360 times 100 kB were written.
    expect(size).toBeLessThan(20_000_000);
  });
});

describe("an embedded store that is damaged", () => {
  const damages: Record<string, () => Promise<unknown>> = {
    "lost its version": () => rm(data("PG_VERSION")),
    "is of another version": () => writeFile(data("PG_VERSION"), "17\n"),
    "lost its control file": () => rm(data("global", "pg_control")),
    "has a control file of garbage": () => writeFile(data("global", "pg_control"), Buffer.alloc(8192, 7)),
    "has a log of garbage": async () => {
      for (const name of (await readdir(data("pg_wal"))).filter((entry) => entry.startsWith("0"))) {
        await writeFile(data("pg_wal", name), Buffer.alloc(1 << 20, 9));
      }
    },
    "lost nearly everything": async () => {
      for (const name of (await readdir(data())).filter((entry) => entry !== "PG_VERSION")) {
        await rm(data(name), { recursive: true });
      }
    },
    "is a folder of something else": async () => {
      await rm(data(), { recursive: true });
      await mkdir(data());
      await writeFile(data("holiday.jpg"), "sea");
    },
    "is a file": async () => {
      await rm(data(), { recursive: true });
      await writeFile(data(), "sea");
    },
  };

  let whole: string;
  beforeAll(async () => {
    whole = await mkdtemp(join(tmpdir(), "trueup-store-"));
    await (await openStore({ stateDirectory: whole })).close();
  });
  afterAll(() => rm(whole, { recursive: true }));

  it.each(Object.keys(damages))("because it %s is refused with what to do, and left as it is", async (damage) => {
    await cp(whole, stateDirectory, { recursive: true });
    await damages[damage]?.();
    const before = await tree();
    const failure: unknown = await open().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringContaining(data()) as string,
      hint: expect.stringContaining("Move the folder away") as string,
    });
    expect(await tree()).toEqual(before);
    // The lock is not kept: the next one gets the same answer.
    await expect(open()).rejects.toMatchObject({ code: "STORE_FAILED" });
  });

  /** The names of all that is there, without what the server may write on its way up. */
  async function tree(): Promise<readonly string[]> {
    const names = await readdir(stateDirectory, { recursive: true });
    return names.filter((name) => !name.endsWith("postmaster.pid")).sort();
  }
});

describe("a process that is killed", () => {
  const worker = fileURLToPath(new URL("./workers/committer.ts", import.meta.url));
  const KILLS = often({ usually: 10, nightly: 100 });

  it(`loses nothing that it has committed, ${KILLS} times in a row`, { timeout: 600_000 }, async () => {
    let reported = 0;
    for (let round = 0; round < KILLS; round += 1) {
      const child = fork(worker, [stateDirectory], { execArgv: ["--import", "tsx"] });
      child.on("message", (n: number) => (reported = n));
      await once(child, "message");
      await delay(Math.random() * 150);
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    }
    const store = await open();
    const record = (await store.records.load("prod")).get("settings");
    const saved = Number(record?.status);
    // One more may have been committed than could be reported.
    expect(saved).toBeGreaterThanOrEqual(reported);
    expect(record?.lastApplied).toHaveLength((saved % 100) * 1000 + 2);
    const events = await store.history.list({ limit: saved + 10 });
    expect(events.map(({ message }) => Number(message))).toEqual(Array.from({ length: saved }, (_, n) => saved - n));
    await store.close();
    expect(reported).toBeGreaterThan(KILLS);
  });

  it("while it makes the store leaves a place where one can be made", { timeout: 120_000 }, async () => {
    for (let round = 0; round < 3; round += 1) {
      const child = fork(worker, [stateDirectory], { execArgv: ["--import", "tsx"] });
      const closed = once(child, "close");
      const marker = `${data()}.unfinished`;
      await expect
        .poll(
          () =>
            stat(marker).then(
              () => true,
              () => false,
            ),
          { timeout: 20_000, interval: 2 },
        )
        .toBe(true);
      await delay(Math.random() * 300);
      child.kill("SIGKILL");
      await closed;
      const store = await open();
      await save(store, String(round));
      expect(await status(store)).toBe(String(round));
      await store.close();
      await rm(stateDirectory, { recursive: true });
    }
  });
});

describe("the template of the embedded store", () => {
  it("was built, so that a first start takes no seconds", async () => {
    expect((await readFile(TEMPLATE)).length).toBeGreaterThan(1_000_000);
  });
});
