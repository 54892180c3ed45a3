import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  cleanEnv,
  ENVIRONMENT_YAML,
  MAIN,
  makeWorld,
  serverStore,
  trueup,
  TRUEUP_YAML,
  type World,
} from "../support/cli.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

const COLOUR = /\u001b\[\d+m/;
const ESCAPE = "\u001b";
const run = promisify(execFile);
/** util-linux's `script` gives a command a terminal of its own. */
const noTerminal = await run("script", ["--version"]).then(
  ({ stdout }) => (stdout.includes("util-linux") ? undefined : "another `script` than util-linux's"),
  () => "util-linux's `script` is not installed",
);

let world: World;
let store: Awaited<ReturnType<typeof serverStore>>;
beforeAll(async () => {
  store = await serverStore();
  const settings = Array.from({ length: 3_000 }, (_, index) => `setting_${index}: "${"x".repeat(60)}"\n`).join("");
  world = await makeWorld({
    config: TRUEUP_YAML + store.line,
    files: { "environments/dev/environment.yaml": ENVIRONMENT_YAML, "environments/dev/host/app.yaml": settings },
  });
});
afterAll(async () => {
  world.remove();
  await store.close();
});

/** Runs trueup in a terminal of so many columns; its output as the terminal got it. */
async function inTerminal(args: readonly string[], columns: number, env: Record<string, string> = {}): Promise<string> {
  const command = `stty cols ${columns} rows 40; "${process.execPath}" "${MAIN}" ${args.join(" ")}`;
  const options = {
    cwd: world.folder,
    env: cleanEnv(world.folder, { TERM: "xterm", ...env }),
    maxBuffer: 64 * 1024 * 1024,
  };
  return (
    await run("script", ["-qec", command, "/dev/null"], options).catch((error: unknown) => error as { stdout: string })
  ).stdout;
}

describe("output", () => {
  it("has no colour where it is no terminal, and colour where it is forced", async () => {
    const piped = await world.run(["validate"]);
    expect(piped.stdout).toContain("valid");
    expect(piped.stdout).not.toMatch(COLOUR);
    expect((await world.run(["validate"], { env: { FORCE_COLOR: "1" } })).stdout).toMatch(COLOUR);
    expect((await world.run(["validate"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).stdout).not.toMatch(COLOUR);
    expect((await world.run(["validate", "--no-color"], { env: { FORCE_COLOR: "1" } })).stdout).not.toMatch(COLOUR);
    expect((await world.run(["--no-color", "validate"], { env: { FORCE_COLOR: "1" } })).stdout).not.toMatch(COLOUR);
  });

  it.skipIf(noTerminal !== undefined)("has colour in a terminal, unless it is refused", async () => {
    expect(await inTerminal(["validate"], 80)).toMatch(COLOUR);
    expect(await inTerminal(["validate", "--no-color"], 80)).not.toMatch(COLOUR);
    expect(await inTerminal(["validate"], 80, { NO_COLOR: "1" })).not.toMatch(COLOUR);
    expect(await inTerminal(["validate"], 80, { TERM: "dumb" })).not.toMatch(COLOUR);
  });

  it.skipIf(noTerminal !== undefined)("fits the terminal, and is whole in a pipe", async () => {
    for (const columns of [100, 60]) {
      const shown = await inTerminal(["render", "dev", "--explain", "--no-color"], columns);
      const rows = shown.split(/\r?\n/).filter((line) => line.startsWith("host"));
      expect(rows).toHaveLength(3_000);
      expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(columns);
      expect(rows[0]).toContain("…");
    }
    const piped = await world.run(["render", "dev", "--explain"]);
    expect(piped.stdout).toContain(`"${"x".repeat(60)}"  environments/dev/host/app.yaml:3000:15\n`);
  });

  it.skipIf(noTerminal !== undefined)(
    "shows progress on stderr of a terminal only, and takes it away again",
    async () => {
      // Long enough to be shown: git talks to a server that does not answer.
      const { createServer } = await import("node:net");
      const silent = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => silent.once("listening", resolve));
      const { port } = silent.address() as { port: number };
      world.put("silent.yaml", world.read("trueup.yaml").replace("./repo", `http://127.0.0.1:${port}/repo.git`));
      const command = `stty cols 80; timeout -s INT 2 "${process.execPath}" "${MAIN}" validate --config silent.yaml`;
      const { stdout } = await run("script", ["-qec", command, "/dev/null"], {
        cwd: world.folder,
        env: cleanEnv(world.folder, { TERM: "xterm" }),
      }).catch((error: unknown) => error as { stdout: string });
      silent.close();
      expect(stdout).toContain("asking git");
      expect(stdout.lastIndexOf(`${ESCAPE}[2K`)).toBeGreaterThan(stdout.indexOf("asking git"));
      expect(stdout).toContain("stopped");
    },
  );

  it.each(["json", "yaml", "markdown", "table"])(
    "ends in silence when the reader of %s leaves early",
    async (output) => {
      const command = `"${process.execPath}" "${MAIN}" render dev --explain -o ${output}; echo "exit $?" >&2`;
      const child = spawn("sh", ["-c", `{ ${command}; } | head -n 1`], {
        cwd: world.folder,
        env: cleanEnv(world.folder),
      });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      await new Promise((resolve) => child.once("close", resolve));
      expect(stdout.split("\n")).toHaveLength(2);
      expect(stderr).toBe("exit 0\n");
    },
  );
});

describe("the command's own words", () => {
  it("come on a plain trueup with exit 1, and on --help with exit 0", async () => {
    const bare = await world.run([]);
    expect(bare.code).toBe(1);
    expect(bare.stderr).toContain("Usage: trueup [options] [command]");
    for (const args of [["--help"], ["help"], ["diff", "--help"], ["help", "sync"]]) {
      const help = await world.run(args);
      expect(help, args.join(" ")).toMatchObject({ code: 0, stderr: "" });
      expect(help.stdout).toContain("Usage: trueup");
    }
  });

  it("tell the version of the package", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect((await world.run(["--version"])).stdout).toBe(`${version}\n`);
  });

  it.each([
    [["statsu"], "unknown command 'statsu'\n(Did you mean status?)"],
    [["diff", "--confg", "x"], "unknown option '--confg'\n(Did you mean --config?)"],
    [["sync", "--dryrun"], "unknown option '--dryrun'\n(Did you mean --dry-run?)"],
    [["policy", "explian", "dev"], "unknown command 'explian'\n(Did you mean explain?)"],
    [["sync", "--adopt", "both"], "argument 'both' is invalid. Allowed choices are desired, live."],
    [["history", "--limit", "0"], "argument '0' is invalid. expected a whole number above 0"],
    [
      ["-o", "xml", "diff"],
      "argument 'xml' is invalid. Allowed choices are table, json, yaml, markdown, github, html.",
    ],
    [["suspend", "dev"], "required option '--because <reason>' not specified"],
    [["render"], "missing required argument 'environment'"],
    [["render", "dev", "prod"], "too many arguments for 'render'"],
    [["completion", "tcsh"], "Allowed choices are bash, zsh, fish."],
  ])("say what is wrong with %j", async (args, says) => {
    const ran = await world.run(args);
    expect(ran.code).toBe(1);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).not.toContain("    at ");
  });

  it.each([
    [["diff", "devv"], "trueup.yaml names no environment `devv`", 'did you mean "dev"?'],
    [["status", "prod"], "trueup.yaml names no environment `prod`", "known: dev"],
    [["render", "dev", "--target", "hots"], "the environment has no target `hots`", 'did you mean "host"?'],
    [["render", "dev", "--revision", "devv"], 'there is no branch, tag or commit "devv"', "Did you mean dev?"],
    [["history", "--since", "yesterday"], "`yesterday` is not a duration", "write it as 30m, 4h or 7d"],
    [["suspend", "dev", "--because", "x", "--for", "1w"], "`1w` is not a duration", "write it as 30m, 4h or 7d"],
    [["init", "target", "dev/hots"], "environment dev has no target `hots`", 'did you mean "host"?'],
    [["diff", "--config", "nope.yaml"], "there is no nope.yaml", "write one with `trueup init`"],
  ])("say what is meant by %j", async (args, says, hint) => {
    const ran = await world.run(args);
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^error: .* \([A-Z_]+\)\n {2}hint: .*\n$/);
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).toContain(hint);
  });

  it("shows a stack trace with --verbose, and only then", async () => {
    const ran = await world.run(["diff", "--config", "nope.yaml", "--verbose"]);
    expect(ran.stderr).toMatch(/\n {4}at loadConfig/);
  });
});

describe("completion", () => {
  it("of bash completes verbs and options", async () => {
    const { stdout: script } = await world.run(["completion", "bash"]);
    const complete = async (...words: string[]) => {
      const text = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}; _trueup; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return (await run("bash", ["-c", text])).stdout.trim().split("\n");
    };
    expect(await complete("trueup", "s")).toEqual(["sync", "status", "suspend"]);
    expect(await complete("trueup", "sync", "--d")).toEqual(["--dry-run"]);
    expect(await complete("trueup", "policy", "e")).toEqual(["explain"]);
    expect(await complete("trueup", "diff", "--out")).toEqual(["--output"]);
  });

  it.each(["zsh", "fish"])("of %s names every verb", async (shell) => {
    const { stdout: help } = await world.run(["--help"]);
    const verbs = [...help.slice(help.indexOf("Commands:")).matchAll(/^ {2}([a-z]+)/gm)].map(([, verb]) => verb ?? "");
    expect(verbs.length).toBeGreaterThan(12);
    const { stdout: script } = await world.run(["completion", shell]);
    for (const verb of verbs.filter((name) => name !== "help")) expect(script).toMatch(new RegExp(`\\b${verb}\\b`));
    if (existsSync(`/usr/bin/${shell}`)) await run(shell, ["-n", "-c", script]);
  });
});

describe("a fast start", () => {
  /** The packages of which any module was run, by V8's own account. */
  async function loaded(...args: string[]): Promise<Set<string>> {
    const folder = mkdtempSync(join(tmpdir(), "trueup-coverage-"));
    try {
      expect((await trueup(args, { cwd: world.folder, env: { NODE_V8_COVERAGE: folder } })).code).toBe(0);
      const urls = readdirSync(folder).flatMap((name) => {
        const report = JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] };
        return report.result.map(({ url }) => url);
      });
      expect(urls.some((url) => url.endsWith("/dist/cli/program.js"))).toBe(true);
      return new Set(urls.flatMap((url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? []));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it("loads nothing but commander for --help and --version", async () => {
    expect(await loaded("--help")).toEqual(new Set(["commander"]));
    expect(await loaded("--version")).toEqual(new Set(["commander"]));
  });

  it("loads no driver that the answer does not need", async () => {
    const drivers = ["pg", "mqtt", "@electric-sql/pglite", "pino"];
    const validate = await loaded("validate");
    expect(drivers.filter((name) => validate.has(name))).toEqual([]);
    const completion = await loaded("completion", "bash");
    expect([...completion].sort()).toEqual(["commander", "lossless-json"]);
  });
});
