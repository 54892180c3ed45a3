import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Target } from "../../src/targets/target.js";
import { change, filesPlace, never } from "../support/files.js";

const place = filesPlace();
const DEADLINE_MS = 5_000;

let stop = new AbortController();
let watching: Promise<void> = Promise.resolve();
let calls = 0;
/** As the controller does after each call. */
let observe: () => Promise<unknown> = () => Promise.resolve();

afterEach(async () => {
  vi.useRealTimers();
  stop.abort();
  await watching;
  stop = new AbortController();
  calls = 0;
});

async function watch(names: readonly string[], options: { root?: string } = {}): Promise<Target> {
  const target = await place.open(options);
  observe = () => target.observe(new Set(names), never).catch(() => undefined);
  await observe();
  watching = target.watch?.(() => (calls += 1), stop.signal) ?? Promise.reject(new Error("cannot watch"));
  return target;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error("not seen before the deadline");
    await setTimeout(2);
  }
}

/** Until the events of what was done before have come. */
async function quiet(): Promise<void> {
  for (let before = -1; before !== calls;) {
    before = calls;
    await setTimeout(80);
  }
}

async function sees(act: () => void): Promise<void> {
  await quiet();
  const before = calls;
  act();
  await until(() => calls > before);
  await observe();
}

describe("watching files", () => {
  it("sees edits, replacements, removals and new files", async () => {
    place.put("etc/app.yaml", "a: 1\n");
    await watch(["etc/app.yaml", "new.env"]);
    const path = place.path("etc/app.yaml");
    await sees(() => {
      writeFileSync(path, "a: 2\n");
    });
    await sees(() => {
      appendFileSync(path, "b: 1\n");
    });
    for (let turn = 0; turn < 3; turn += 1) {
      await sees(() => {
        place.put("etc/.tmp", `a: ${turn}\n`);
        renameSync(place.path("etc/.tmp"), path);
      });
    }
    await sees(() => {
      unlinkSync(path);
    });
    await sees(() => {
      place.put("etc/app.yaml", "a: 1\n");
    });
    await sees(() => {
      place.put("new.env", "A=1\n");
    });
  });

  it("sees files in folders that were not there, were moved or replaced", async () => {
    await watch(["a/b/c/app.yaml"]);
    await sees(() => {
      place.put("a/b/c/app.yaml", "a: 1\n");
    });
    await sees(() => {
      place.put("a/b/c/app.yaml", "a: 2\n");
    });
    await sees(() => {
      renameSync(place.path("a/b"), place.path("a/b.old"));
    });
    await sees(() => {
      place.put("a/b/c/app.yaml", "a: 3\n");
    });
    await sees(() => {
      rmSync(place.path("a"), { recursive: true });
      place.put("a/b/c/app.yaml", "a: 4\n");
    });
    await sees(() => {
      place.put("a/b/c/app.yaml", "a: 5\n");
    });
  });

  it("sees a root that goes and comes back, also where it was missing at first", async () => {
    const root = place.path("mount/root");
    await watch(["app.yaml"], { root });
    await sees(() => {
      place.put("mount/root/app.yaml", "a: 1\n");
    });
    await sees(() => {
      renameSync(root, place.path("mount/away"));
    });
    await sees(() => {
      renameSync(place.path("mount/away"), root);
    });
    await sees(() => {
      place.put("mount/root/app.yaml", "a: 2\n");
    });
  });

  it("sees through links, and links that are swapped", async () => {
    place.put("releases/1/app.yaml", "a: 1\n");
    place.put("releases/2/app.yaml", "a: 2\n");
    symlinkSync("releases/1", place.path("current"));
    mkdirSync(place.path("etc"));
    symlinkSync("../current/app.yaml", place.path("etc/app.yaml"));
    await watch(["current/app.yaml", "etc/app.yaml"]);
    await sees(() => {
      place.put("releases/1/app.yaml", "a: 3\n");
    });
    await sees(() => {
      symlinkSync("releases/2", place.path("next"));
      renameSync(place.path("next"), place.path("current"));
    });
    await sees(() => {
      place.put("releases/2/app.yaml", "a: 4\n");
    });
  });

  it("watches what the next observation names", async () => {
    const target = await watch(["a.yaml"]);
    observe = () => target.observe(new Set(["later/b.yaml"]), never);
    await observe();
    await sees(() => {
      place.put("later/b.yaml", "b: 1\n");
    });
  });

  it("is not woken by neighbours, nor by its own temporary files", async () => {
    place.put("app.yaml", "a: 1\n");
    // Of a file that is so young an unchanged stat proves nothing, and the watch would rather call once too often.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5_000 });
    await watch(["app.yaml"]);
    await quiet();
    for (let line = 0; line < 20; line += 1) {
      place.put(`.app.yaml.trueup-1-${"0".repeat(15)}${(line % 10).toString()}`, "x");
      place.put("app.log", `line ${line}\n`);
      await setTimeout(5);
    }
    await quiet();
    expect(calls).toBe(0);
    await sees(() => {
      place.put("app.yaml", "a: 2\n");
    });
  });

  it("is told by the system: it looks once the burst of an event is over, and sets no clock of its own before", async () => {
    place.put("app.yaml", "a: 0\n");
    await watch(["app.yaml"]);
    await quiet();
    const before = calls;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    try {
      expect(vi.getTimerCount()).toBe(0);
      place.put("app.yaml", "a: 1\n");
      await until(() => vi.getTimerCount() === 1);
      expect(calls).toBe(before);
      vi.advanceTimersByTime(20);
      expect(calls).toBe(before + 1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("comes to rest after Trueup's own writes", async () => {
    place.put("a.env", "A=1\n");
    const target = await watch(["a.env"]);
    await target.apply([change("/a.env/A", "1", "2")], never);
    await target.observe(new Set(["a.env"]), never);
    await quiet();
    const before = calls;
    await target.observe(new Set(["a.env"]), never);
    await quiet();
    expect(calls).toBe(before);
  });

  it("ends when the signal aborts, before or after it began", async () => {
    await watch(["a.yaml"]);
    stop.abort();
    await watching;
    const target = await place.open();
    await target.watch?.(() => undefined, AbortSignal.abort());
    const seen = calls;
    place.put("a.yaml", "a: 1\n");
    await quiet();
    expect(calls).toBe(seen);
  });
});
