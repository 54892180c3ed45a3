import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { cleanEnv, trueup } from "../support/cli.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

let home = "";
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "trueup-init-")));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const git = (folder: string, ...args: string[]) =>
  execFileSync("git", args, { cwd: folder, env: cleanEnv(home), encoding: "utf8" }).trim();

const IDENTITY = {
  ...{ GIT_AUTHOR_NAME: "Test Author", GIT_AUTHOR_EMAIL: "author@example.org" },
  ...{ GIT_COMMITTER_NAME: "Test Author", GIT_COMMITTER_EMAIL: "author@example.org" },
};
const AUTHOR = ["-c", "user.name=Test Author", "-c", "user.email=author@example.org"];

/** A line that begins with # and no space is an example. */
const uncommented = (text: string) => text.replaceAll(/^(\s*)#(?=[^\s#])/gm, "$1");

describe("trueup init", () => {
  it("writes a repository and a trueup.yaml that validate, differ, sync and are in sync", async () => {
    const made = await trueup(["init", "myconf"], { cwd: home });
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toContain("next:\n  cd myconf\n  trueup validate\n  trueup diff\n  trueup sync\n");
    const cwd = join(home, "myconf");
    expect(git(cwd, "branch", "--format=%(refname:short)").split("\n").sort()).toEqual(["dev", "prod", "staging"]);
    // trueup.yaml is the operator's: it is not in the repository.
    expect(git(cwd, "ls-files")).not.toContain("trueup.yaml");
    for (const name of ["drift-detection", "drift-report", "promote", "validate"]) {
      expect(git(cwd, "ls-files")).toContain(`.github/workflows/${name}.yml`);
    }
    expect(git(cwd, "status", "--porcelain")).toBe("");

    const valid = await trueup(["validate"], { cwd });
    expect(valid).toMatchObject({ code: 0, stderr: "" });
    expect(valid.stdout).not.toContain("warning");
    expect((await trueup(["diff"], { cwd })).code).toBe(2);
    expect(await trueup(["sync"], { cwd })).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(cwd, "live/prod/app.env"), "utf8")).toBe("LOG_FORMAT=json\nWORKERS=8\nSITE=east\n");
    expect(readFileSync(join(cwd, "live/dev/app.yaml"), "utf8")).toContain("level: debug\n");
    expect((await trueup(["diff"], { cwd })).code).toBe(0);
    // Nothing is to be promoted yet, and nothing moves by itself.
    const promotion = await trueup(["promote", "dev", "staging", "--dry-run"], { cwd });
    expect(promotion).toMatchObject({ code: 0, stderr: "" });
    expect(promotion.stdout).toMatch(/^dev → staging: idle\n/);
    expect(git(cwd, "status", "--porcelain")).toBe("");
  });

  it("gives examples that load once the # is taken away", async () => {
    await trueup(["init", "."], { cwd: home });
    const examples = readdirSync(home, { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".yaml") && !name.startsWith("live"),
    );
    expect(examples).toContain("environments/base/broker.yaml");
    for (const name of examples) {
      const text = uncommented(readFileSync(join(home, name), "utf8"));
      // Nothing in this repository is signed.
      writeFileSync(join(home, name), text.replace(/^ *signers:.*\n/m, ""));
    }
    git(home, ...AUTHOR, "commit", "--quiet", "--all", "--message", "Use the examples");
    const env = {
      GIT_TOKEN: "unused",
      GITHUB_TOKEN: "unused",
      TRUEUP_STORE: "postgres://store.example/trueup",
      DEV_DATABASE_PASSWORD: "x-database",
      DEV_MQTT_PASSWORD: "x-broker",
      DEV_SECRET_SMTP: "x-smtp",
      CHANGE_BOARD_SECRET: "unused",
    };
    const valid = await trueup(["validate", "dev"], { cwd: home, env });
    expect(valid.stdout + valid.stderr).toMatch(/^dev at [0-9a-f]{10}: valid, 4 targets\n$/);
    const rendered = await trueup(["render", "dev", "-o", "json"], { cwd: home, env });
    expect(rendered.stdout).not.toMatch(/x-smtp|x-broker|x-database/);
    const { targets } = JSON.parse(rendered.stdout) as { targets: { name: string; document: object }[] };
    expect(Object.fromEntries(targets.map(({ name, document }) => [name, Object.keys(document)]))).toEqual({
      host: ["app.env", "app.yaml"],
      settings: ["pool", "smtp"],
      server: ["work_mem", "statement_timeout"],
      broker: ["rooms/kitchen", "publish_every"],
    });
  });

  it("overwrites nothing, names what is in the way, and leaves nothing half written", async () => {
    mkdirSync(join(home, "conf/policies"), { recursive: true });
    writeFileSync(join(home, "conf/policies/validation.yaml"), "mine\n");
    const refused = await trueup(["init", "conf"], { cwd: home });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${home}/conf/policies/validation.yaml is there already`);
    expect(refused.stderr).toContain("(USAGE)");
    expect(refused.stderr).toContain("hint: name an empty folder");
    expect(readdirSync(join(home, "conf"), { recursive: true }).sort()).toEqual([
      "policies",
      "policies/validation.yaml",
    ]);
    expect(readFileSync(join(home, "conf/policies/validation.yaml"), "utf8")).toBe("mine\n");
  });

  it("only writes files inside a repository, and says which git commands to run", async () => {
    git(home, "init", "--quiet", "--initial-branch=main");
    writeFileSync(join(home, "README"), "mine\n");
    git(home, ...AUTHOR, "add", ".");
    git(home, ...AUTHOR, "commit", "--quiet", "--message", "Mine");
    const made = await trueup(["init", "ops/conf"], { cwd: home });
    expect(made.code).toBe(0);
    expect(git(home, "log", "--format=%s")).toBe("Mine");
    expect(git(home, "branch", "--format=%(refname:short)")).toBe("main");
    // The commands that it tells are what makes it work.
    const told = made.stdout
      .slice(made.stdout.indexOf("next:\n") + 6)
      .trimEnd()
      .split("\n");
    const commands = told.filter((line) => /^ {2}(cd|git) /.test(line)).join(" &&");
    expect(commands).toContain("git branch prod");
    // Of a workflow in a folder below, GitHub knows nothing.
    expect(existsSync(join(home, "ops/conf/.github"))).toBe(false);
    execFileSync("sh", ["-c", commands], { cwd: home, env: cleanEnv(home, IDENTITY) });
    const cwd = join(home, "ops/conf");
    expect(readFileSync(join(cwd, "trueup.yaml"), "utf8")).toMatch(/ {2}url: \.\.\/\.\. #.*\n {2}path: ops\/conf #/);
    const valid = await trueup(["validate"], { cwd });
    expect(valid).toMatchObject({ code: 0, stderr: "" });
    expect((await trueup(["sync", "dev"], { cwd })).code).toBe(0);
    expect(existsSync(join(cwd, "live/dev/app.yaml"))).toBe(true);
  });

  it("leaves a .gitignore as it is, and says what it should have", async () => {
    writeFileSync(join(home, ".gitignore"), "node_modules/\n");
    const made = await trueup(["init"], { cwd: home });
    expect(made.code).toBe(0);
    expect(made.stdout).toContain(".gitignore is yours; it should have: /trueup.yaml /.trueup/ /live/");
    expect(readFileSync(join(home, ".gitignore"), "utf8")).toBe("node_modules/\n");
  });

  it("says what is wrong where it cannot write, or git is missing", async () => {
    writeFileSync(join(home, "file"), "");
    const blocked = await trueup(["init", "file/conf"], { cwd: home });
    expect(blocked.code).toBe(1);
    expect(blocked.stderr).toMatch(/^error: cannot write to .*\/file\/conf \(ENOTDIR\) \(WRITE_FAILED\)\n {2}hint: /);
    const without = await trueup(["init", "conf"], { cwd: home, env: { PATH: "/nowhere" } });
    expect(without.code).toBe(1);
    expect(without.stderr).toContain("error: git was not found (GIT_FAILED)\n  hint: install git");
    expect(existsSync(join(home, "conf"))).toBe(false);
  });

  it("tells a program what it did", async () => {
    const made = await trueup(["init", "conf", "-o", "json"], { cwd: home });
    const report = z
      .strictObject({
        schemaVersion: z.literal(1),
        folder: z.literal(join(home, "conf")),
        files: z.array(z.string()).min(10),
        repository: z.enum(["made", "found"]),
        next: z.array(z.string()).min(3),
      })
      .parse(JSON.parse(made.stdout));
    for (const file of report.files) expect(existsSync(join(home, "conf", file))).toBe(true);
  });
});
