import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { command } from "../../src/probes/command/index.js";

const never = new AbortController().signal;

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "trueup-command-"))));
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function script(name: string, text: string, mode = 0o755): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode });
}

async function open(run: readonly string[], timeout = "20s") {
  return command.open(command.schema.parse({ run, timeout }), { folder, environment: "staging" });
}

describe("the probe `command`", () => {
  it("is healthy where the program exits with 0, run in the folder of trueup.yaml", async () => {
    script("check.sh", 'echo "$1 $TRUEUP_ENVIRONMENT" > said');
    const probe = await open(["./check.sh", "a b;exit 3"]);
    expect(await probe.check(never)).toEqual({ healthy: true, detail: "./check.sh exited with 0" });
    expect(readFileSync(join(folder, "said"), "utf8")).toBe("a b;exit 3 staging\n");
  });

  it.each([
    ["echo hunter2; echo hunter2 >&2; exit 3", "./check.sh exited with 3"],
    ["kill -TERM $$", "./check.sh was ended by SIGTERM"],
  ])("is unhealthy after %j, and says nothing of what it said", async (text, detail) => {
    script("check.sh", text);
    expect(await (await open(["./check.sh", "hunter2"])).check(never)).toEqual({ healthy: false, detail });
  });

  it("is unhealthy where the program is not there, or may not be run", async () => {
    expect(await (await open(["./check.sh"])).check(never)).toEqual({
      healthy: false,
      detail: "./check.sh: there is no such program",
    });
    script("check.sh", "true", 0o644);
    expect(await (await open(["./check.sh"])).check(never)).toEqual({
      healthy: false,
      detail: "./check.sh: it may not be run",
    });
  });

  it("ends what takes too long, with everything that it started", async () => {
    script("check.sh", "(while echo on; do sleep 0.02; done >> beats) & wait");
    const detail = "./check.sh did not answer within 500 ms";
    expect(await (await open(["./check.sh"], "500ms")).check(never)).toEqual({ healthy: false, detail });
    let before = -1;
    const grown = () => {
      const { size } = statSync(join(folder, "beats"));
      const more = size - before;
      before = size;
      return more;
    };
    await expect.poll(grown, { interval: 300, timeout: 10_000 }).toBe(0);
    expect(before).toBeGreaterThan(0);
  });

  it("throws nothing but the reason why nobody wants to know any more", async () => {
    script("check.sh", "touch begun; sleep 300");
    const stop = new AbortController();
    const asked = (await open(["./check.sh"])).check(stop.signal);
    await expect.poll(() => existsSync(join(folder, "begun")), { timeout: 10_000 }).toBe(true);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });
});
