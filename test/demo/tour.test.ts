import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findPostgres } from "../../src/demo/postgres-binaries.js";
import { cleanEnv, eventually, trueup } from "../support/cli.js";

/** The built demonstration: `npm test` builds it first. */
const MAIN = fileURLToPath(new URL("../../dist/demo/main.js", import.meta.url));
const CONFIG = ["--config", ".trueup/trueup.yaml"];
/** Milliseconds: three servers are made, and other tests run beside it. */
const PATIENCE = 150_000;

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "trueup-tour-"));
});
afterEach(() => {
  rmSync(cwd, { recursive: true, force: true });
});

describe.skipIf((await findPostgres()).length === 0)("npm start", () => {
  it(
    "shows drift and a promotion that waits for a person, whose approval in a second terminal changes prod",
    async () => {
      const child = spawn(process.execPath, [MAIN], { cwd, env: cleanEnv(cwd) });
      const closed = once(child, "close");
      try {
        let [stdout, stderr] = ["", ""];
        child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
        child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
        const says = (...words: string[]) =>
          eventually(
            () => words.every((word) => stdout.includes(word)),
            () => stdout + stderr,
            PATIENCE,
          );

        await says("npx trueup history");
        expect(stdout).not.toMatch(/not (healed|reported|applied|promoted|offered) within/);
        const revision = /someone commits (\w{10})/.exec(stdout)?.[1];
        expect(stdout).toContain(`promoted ${revision} of dev after`);
        expect(stdout).toMatch(/held back: staging is not in sync at \w+: .*settings is Drifted/);
        expect(stdout).toMatch(/^ +staging +prod +waiting +branch trueup\/promote\/prod$/m);
        const gates = [...stdout.matchAll(/^ +(synced|soak|approvals|validation) +(passed|pending) /gm)];
        expect(gates.map(([, gate, state]) => `${gate} ${state}`)).toEqual([
          ...["synced passed", "soak passed", "approvals pending", "validation passed"],
        ]);
        const live = (environment: string) =>
          readFileSync(join(cwd, ".trueup", "hosts", environment, "api.env"), "utf8");
        expect(live("staging")).toContain("MAX_AGE_SECONDS=150\n");
        const before = live("prod");
        expect(before).toContain("MAX_AGE_SECONDS=120\n");

        const approved = await trueup(["promote", "staging", "prod", "--approve", ...CONFIG], { cwd });
        expect(approved).toMatchObject({ code: 0, stderr: "" });
        await says(...["settings", "broker", "host"].map((target) => `prod/${target}: synced `));
        expect(stdout.match(/prod: promoted .*/g)).toEqual([
          expect.stringMatching(`^prod: promoted ${revision} of staging`),
        ]);
        expect(live("prod")).toBe(before.replace("=120", "=150"));
        expect(stderr).toBe("");
      } finally {
        child.kill("SIGINT");
        await closed;
      }
      expect(await closed).toEqual([0, null]);
    },
    2 * PATIENCE,
  );
});
