import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cleanEnv, MAIN } from "../support/cli.js";

/** Each begins with a repository of its own. */
const PAGES = ["cli.md", "promotion.md"] as const;
/** The folder that the pages speak of. */
const SHOWN = "/home/ops";

let home = "";
beforeAll(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "trueup-docs-")));
  mkdirSync(join(home, "bin"));
  writeFileSync(join(home, "bin/trueup"), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  chmodSync(join(home, "bin/trueup"), 0o755);
});
afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

/** One author and one moment, so that commits have the ids that the page shows. */
const IDENTITY = {
  ...{ GIT_AUTHOR_NAME: "Ops", GIT_AUTHOR_EMAIL: "ops@example.org", GIT_AUTHOR_DATE: "2026-01-01T12:00:00Z" },
  ...{ GIT_COMMITTER_NAME: "Ops", GIT_COMMITTER_EMAIL: "ops@example.org", GIT_COMMITTER_DATE: "2026-01-01T12:00:00Z" },
};

/** Runs the commands of all blocks in one shell after the other, in one folder; answers with the page as it comes out. */
function rerun(page: string): string {
  let cwd = home;
  return page.replaceAll(/```console\n([^]*?)```/g, (_, block: string) => {
    const commands = block.split("\n").filter((line) => line.startsWith("$ "));
    const shown = commands.map((line) => {
      const command = line.slice(2);
      const { stdout } = spawnSync("sh", ["-c", `{ ${command}\n} 2>&1; pwd > ${home}/cwd`], {
        cwd,
        env: { ...cleanEnv(home, IDENTITY), PATH: `${home}/bin:${process.env["PATH"] ?? ""}` },
        encoding: "utf8",
      });
      cwd = readFileSync(join(home, "cwd"), "utf8").trim();
      const user = userInfo().username;
      const named = stdout
        .replaceAll(`${user}: database`, "ops: database")
        .replaceAll(`${user}, at`, "ops, at")
        .replaceAll(`by ${user}`, "by ops")
        .replaceAll(`${user} waived`, "ops waived");
      return `${line}\n${named.replaceAll(home, SHOWN)}`;
    });
    return `\`\`\`console\n${shown.join("")}\`\`\``;
  });
}

/** Without what differs from run to run: times, latencies, widths of columns. */
function lasting(page: string): string {
  return page
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\dZ \([^)]*\)/g, "<time>")
    .replaceAll(/\b\d+ (ms|s)\b/g, "<latency>")
    .replaceAll(/ {2,}/g, "  ");
}

// GNU sed and timeout.
it.skipIf(process.platform !== "linux").each(PAGES)(
  "docs/%s shows what its commands print",
  (name) => {
    const file = new URL(`../../docs/${name}`, import.meta.url);
    const page = readFileSync(file, "utf8");
    const now = rerun(page);
    // UPDATE_DOCS=1 npx vitest run test/docs writes the pages anew.
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, now);
    else expect(lasting(now)).toBe(lasting(page));
  },
  180_000,
);
