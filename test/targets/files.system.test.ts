import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { ApplyReport } from "../support/files-process.js";
import { change, filesPlace, never } from "../support/files.js";
import { often } from "../support/often.js";

const place = filesPlace();
const PROGRAM = fileURLToPath(new URL("../support/files-process.ts", import.meta.url));
const NODE = [process.execPath, "--import", "tsx", PROGRAM];

/** A namespace in which this process may mount: as root, or as root of a user namespace. */
const UNSHARE = process.getuid?.() === 0 ? ["-m"] : ["-rm"];
const canMount = spawnSync("unshare", [...UNSHARE, "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0;

/** Runs `script` (with the root as $1) and then applies the changes, both in a mount namespace of their own. */
function applyAfter(script: string, changes: readonly object[]): ApplyReport {
  const words = ["sh", "-ec", `${script}\nshift\nexec "$@"`, "sh", place.root];
  const result = spawnSync("unshare", [...UNSHARE, ...words, ...NODE, "apply", place.root, JSON.stringify(changes)], {
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as ApplyReport;
}

describe.skipIf(!canMount)("files on mounts (needs a mount namespace)", () => {
  it("writes in place over a bind mount of the single file", () => {
    place.put("backing/a.env", "A=1\nB=1\n");
    place.put("a.env", "");
    const { ino } = statSync(place.path("backing/a.env"));
    const { outcomes, files } = applyAfter('mount --bind "$1/backing/a.env" "$1/a.env"', [
      change("/a.env/A", "1", "22"),
    ]);
    expect(outcomes).toEqual([{ result: "applied" }]);
    expect(files).toEqual({ "a.env": "A=22\nB=1\n" });
    expect(place.read("backing/a.env")).toBe("A=22\nB=1\n");
    expect(statSync(place.path("backing/a.env")).ino).toBe(ino);
    expect(place.read("a.env")).toBe("");
  });

  it("writes in place over a writable file in a read-only folder", () => {
    place.put("backing/a.env", "A=1\n");
    mkdirSync(place.path("ro"));
    const { outcomes } = applyAfter(
      `mount -t tmpfs none "$1/ro"; : > "$1/ro/a.env"
      mount --bind "$1/backing/a.env" "$1/ro/a.env"; mount -o remount,ro "$1/ro"`,
      [change("/ro~1a.env/A", "1", "2")],
    );
    expect(outcomes).toEqual([{ result: "applied" }]);
    expect(place.read("backing/a.env")).toBe("A=2\n");
  });

  it("cannot remove a bind mount, and says so", () => {
    place.put("backing/a.env", "A=1\n");
    place.put("a.env", "");
    const { outcomes } = applyAfter('mount --bind "$1/backing/a.env" "$1/a.env"', [
      { path: "/a.env", expected: { A: "1" } },
    ]);
    expect(outcomes).toEqual([{ result: "failed", code: "WRITE_FAILED" }]);
    expect(place.read("backing/a.env")).toBe("A=1\n");
  });

  const full = `mount -t tmpfs -o size=64k none "$1"; printf 'A=1\\nB=%04000d\\n' 7 > "$1/a.env"`;
  const before = `A=1\nB=${"7".padStart(4_000, "0")}\n`;
  const grow = change("/a.env/A", "1", "x".repeat(9_000));

  it("leaves the old file and nothing else on a full disk", () => {
    const { outcomes, files } = applyAfter(`${full}; cat /dev/zero > "$1/filler" || true`, [
      grow,
      change("/new.env/A", undefined, "x"),
      change("/dir~1new.env/A", undefined, "x"),
    ]);
    expect(outcomes).toEqual(Array(3).fill({ result: "failed", code: "WRITE_FAILED" }));
    expect(files["a.env"]).toBe(before);
    expect(Object.keys(files).sort()).toEqual(["a.env", "filler"]);
  });

  it("puts the old content back where the disk fills up while it writes in place", () => {
    const { outcomes, files } = applyAfter(`${full}; ln "$1/a.env" "$1/other"; cat /dev/zero > "$1/filler" || true`, [
      grow,
    ]);
    expect(outcomes).toEqual([{ result: "failed", code: "WRITE_FAILED" }]);
    expect(files["a.env"]).toBe(before);
  });

  it("says so where the file system is read-only", () => {
    const { outcomes, files } = applyAfter(`${full}; mount -o remount,ro "$1"`, [
      grow,
      change("/new.env/A", undefined, "x"),
    ]);
    expect(outcomes).toEqual(Array(2).fill({ result: "failed", code: "WRITE_FAILED" }));
    expect(files).toEqual({ "a.env": before });
  });
});

describe("a process that is killed while it writes", () => {
  const FILES = ["a.env", "b.env", "c.env"];
  const KEYS = 40;
  const KILLS = often({ usually: 20, nightly: 200 });
  const text = (value: string) => Array.from({ length: KEYS }, (_, index) => `K${index}=${value}\n`).join("");

  it("leaves every file whole, again and again, and its traces are gone after the next write", async () => {
    for (const name of FILES) place.put(name, `# ${name}\n${text("0")}`);
    let torn = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const [program = "", ...words] = NODE;
      const child = spawn(program, [...words, "forever", place.root, FILES.join(","), String(KEYS)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
      expect(child.exitCode).toBe(null);
      await setTimeout(Math.random() * 25);
      child.kill("SIGKILL");
      await once(child, "exit");
      torn += FILES.filter((name) => {
        const value = /^K0=(\d+)$/m.exec(place.read(name))?.[1] ?? "";
        return place.read(name) !== `# ${name}\n${text(value)}`;
      }).length;
    }
    expect(torn).toBe(0);
    const target = await place.open();
    const { document } = await target.observe(new Set(FILES), never);
    const values = FILES.map((name) => (document[name] as Record<string, string>).K0);
    expect(Math.max(...values.map(Number))).toBeGreaterThan(0);
    const outcomes = await target.apply(
      FILES.map((name, index) => change(`/${name}/K0`, values[index], "done")),
      never,
    );
    expect(outcomes.map(({ result }) => result)).toEqual(["applied", "applied", "applied"]);
    expect(place.list()).toEqual(FILES);
  }, 300_000);
});
