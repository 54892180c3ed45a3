import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse as parseYaml } from "yaml";
import { ENVIRONMENT_YAML, makeWorld, serverStore, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";
import { NOBODY } from "../support/user.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

const DRIFT_YAML = `rules:
  - name: the port
    match: { path: "/app.yaml/server/port" }
    severity: high
  - name: workers halved
    when: 'finding.kind == "modified" && finding.path == "/api.env/WORKERS" && double(finding.live) < 0.5 * double(finding.desired)'
    severity: critical
  - name: log level
    match: { path: "/app.yaml/logging/**" }
    severity: low
`;

const FILES = {
  "environments/base/environment.yaml": ENVIRONMENT_YAML + "variables: { site: north }\n",
  "environments/base/host/app.yaml": "server:\n  port: 8080\n  name: ${site}\nlogging:\n  level: info\n",
  "environments/base/host/api.env": "WORKERS=8\nAPI_TOKEN=t0p-s3cret\n",
  "environments/dev/environment.yaml": "layers: [base]\n",
  "environments/dev/host/app.yaml": "logging:\n  level: debug\n",
  "environments/prod/environment.yaml": "layers: [base]\nsync: manual\n",
  "policies/drift.yaml": DRIFT_YAML,
};

const CONFIG = `repository: { url: repo }
environments:
  dev: { connections: { host: { root: live/dev } } }
  prod: { connections: { host: { root: live/prod } } }
`;

/** One world for all that follows, in order: what a person would do in one sitting. */
let world: World;
let store: Awaited<ReturnType<typeof serverStore>>;
beforeAll(async () => {
  store = await serverStore();
  world = await makeWorld({ config: CONFIG + store.line, files: FILES, branches: ["prod"] });
  world.put("live/dev/neighbour.txt", "not managed\n");
  world.put("live/prod/api.env", "# by hand\nWORKERS=8\nEXTRA=1\n");
});
afterAll(async () => {
  world.remove();
  await store.close();
});

const json = async <Verb extends Parameters<typeof answer>[0]>(verb: Verb, ...rest: string[]) => {
  const ran = await world.run([...verb.split(" "), ...rest, "-o", "json"]);
  return { code: ran.code, stderr: ran.stderr, report: answer(verb, ran.stdout) };
};

describe("the verbs, one after the other", () => {
  it("validate says that every environment renders", async () => {
    const { code, report } = await json("validate");
    expect(code).toBe(0);
    expect(report).toMatchObject({ valid: true, warnings: [] });
    expect(report.environments.map(({ name, targets }) => [name, targets])).toEqual([
      ["dev", [{ name: "host", kind: "files" }]],
      ["prod", [{ name: "host", kind: "files" }]],
    ]);
    expect((await world.run(["validate", "prod"])).stdout).toMatch(/^prod at [0-9a-f]{10}: valid, 1 target\n$/);
    // Neither a store nor anything live was needed.
    expect(existsSync(join(world.folder, ".trueup/repository.git"))).toBe(true);
    expect(readdirSync(join(world.folder, ".trueup"))).toEqual(["repository.git"]);
  });

  it("render prints desired documents without secrets, and --explain where each value stands", async () => {
    const shown = await world.run(["render", "dev"]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain("# host (files)\n");
    expect(parseYaml(shown.stdout)).toEqual({
      "api.env": { WORKERS: "8", API_TOKEN: "(sensitive)" },
      "app.yaml": { server: { port: 8080, name: "north" }, logging: { level: "debug" } },
    });
    const { report } = await json("render", "dev", "--target", "host", "--explain");
    expect(report.targets[0]?.settings).toEqual([
      { path: "/api.env/WORKERS", value: "8", where: "environments/base/host/api.env:1:9" },
      { path: "/api.env/API_TOKEN", value: "(sensitive)", where: "environments/base/host/api.env:2:11" },
      { path: "/app.yaml/server/port", value: 8080, where: "environments/base/host/app.yaml:2:9" },
      { path: "/app.yaml/server/name", value: "north", where: "environments/base/host/app.yaml:3:9" },
      { path: "/app.yaml/logging/level", value: "debug", where: "environments/dev/host/app.yaml:2:10" },
    ]);
    const table = await world.run(["render", "dev", "--explain"]);
    expect(table.stdout).toMatch(
      /^TARGET +SETTING +VALUE +FROM\nhost +\/api\.env\/WORKERS +"8" +environments\/base\/host\/api\.env:1:9\n/,
    );
    expect((await json("render", "dev", "--revision", "prod")).report.environment).toBe("dev");
    for (const output of ["table", "json", "yaml", "markdown"]) {
      expect((await world.run(["render", "dev", "--explain", "-o", output])).stdout).not.toContain("t0p-s3cret");
    }
  });

  it("status and history know of nothing yet", async () => {
    expect((await json("status")).report.environments).toEqual([
      { name: "dev", branch: "dev", state: "Never seen", targets: [] },
      { name: "prod", branch: "prod", state: "Never seen", targets: [] },
    ]);
    expect((await json("history")).report.events).toEqual([]);
  });

  it("diff tells what git and live say, exits 2, and changes nothing", async () => {
    const { code, report } = await json("diff");
    expect(code).toBe(2);
    const [dev, prod] = report.environments;
    expect(dev?.state).toBe("Pending");
    expect(dev?.targets[0]?.findings[3]).toEqual({
      path: "/app.yaml/server/name",
      kind: "pending",
      desired: "north",
      live: null,
      severity: "medium",
      actions: ["sync"],
      rule: "default",
    });
    const token = dev?.targets[0]?.findings.find(({ path }) => path === "/api.env/API_TOKEN");
    expect(token).toMatchObject({ sensitive: true, live: null });
    expect(token?.desired).toMatch(/^\(sensitive [0-9a-f]{8}\)$/);
    // `sync: manual`: a person decides.
    expect(prod?.targets[0]?.findings.find(({ path }) => path === "/app.yaml/server/name")?.actions).toEqual([]);
    expect((await json("status")).report.environments[0]?.state).toBe("Never seen");
    expect(readdirSync(join(world.folder, "live/dev"))).toEqual(["neighbour.txt"]);
  });

  it("sync --dry-run says the same and writes nothing", async () => {
    const { code, report } = await json("sync", "--dry-run");
    expect(code).toBe(2);
    expect(report).toEqual((await json("diff")).report);
    expect(readdirSync(join(world.folder, "live/dev"))).toEqual(["neighbour.txt"]);
  });

  it("sync writes what is pending, and then diff exits 0", async () => {
    const { code, report } = await json("sync", "dev");
    expect(code).toBe(0);
    expect(report.environments[0]).toMatchObject({ state: "Synced" });
    expect(report.environments[0]?.targets[0]?.outcomes).toContainEqual({
      path: "/app.yaml/server/port",
      result: "synced",
    });
    expect(world.read("live/dev/app.yaml")).toBe("server:\n  port: 8080\n  name: north\nlogging:\n  level: debug\n");
    expect(world.read("live/dev/api.env")).toBe("WORKERS=8\nAPI_TOKEN=t0p-s3cret\n");
    expect(world.read("live/dev/neighbour.txt")).toBe("not managed\n");
    expect((await world.run(["diff", "dev"])).code).toBe(0);
  });

  it("sync heals low drift, and leaves to people what the policy leaves to them", async () => {
    world.put("live/dev/app.yaml", "# mine\nserver: {port: 1, name: north}\nlogging:\n  level: trace # loud\n");
    const { code, report } = await json("sync", "dev");
    expect(code).toBe(2);
    const [target] = report.environments[0]?.targets ?? [];
    expect(target?.outcomes).toEqual([{ path: "/app.yaml/logging/level", result: "healed" }]);
    expect(target?.findings).toMatchObject([
      {
        path: "/app.yaml/server/port",
        kind: "modified",
        severity: "high",
        actions: ["propose", "alert"],
        rule: "the port",
      },
    ]);
    expect(world.read("live/dev/app.yaml")).toBe(
      "# mine\nserver: {port: 1, name: north}\nlogging:\n  level: debug # loud\n",
    );
  });

  it("policy explain says which rule spoke, and why the others did not", async () => {
    const { code, report } = await json("policy explain", "dev");
    expect(code).toBe(0);
    expect(report.explanations).toEqual([
      {
        ...{ environment: "dev", target: "host", path: "/app.yaml/server/port", kind: "modified", found: true },
        ...{ severity: "high", actions: ["propose", "alert"], rule: "the port" },
        rules: [{ name: "the port", where: "policies/drift.yaml:2:5", said: "matches" }],
      },
    ]);
    const quiet = await json("policy explain", "dev/host", "/api.env/WORKERS");
    expect(quiet.report.explanations[0]).toMatchObject({
      ...{ found: false, severity: "medium", rule: "default" },
      rules: [
        { name: "the port", said: "does not speak of this setting" },
        { name: "workers halved", said: "its condition is not met" },
        { name: "log level", said: "does not speak of this setting" },
      ],
    });
    const text = await world.run(["policy", "explain", "dev"]);
    expect(text.stdout).toContain("dev/host /app.yaml/server/port modified: high, propose and alert, by the port\n");
    const unknown = await world.run(["policy", "explain", "dev", "/nothing/here"]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain("no target of dev has a setting /nothing/here (USAGE)");
    const noPointer = await world.run(["policy", "explain", "dev", "nothing"]);
    expect(noPointer).toMatchObject({ code: 1, stdout: "" });
    expect(noPointer.stderr).toContain("(USAGE)");
  });

  it("sync --adopt live keeps the live value until git says another", async () => {
    const { report } = await json("sync", "dev", "--adopt", "live");
    const [finding] = report.environments[0]?.targets[0]?.findings ?? [];
    expect(finding).toMatchObject({
      path: "/app.yaml/server/port",
      note: "the live value was adopted: commit it to git",
    });
    expect(world.read("live/dev/app.yaml")).toContain("port: 1,");
    expect((await json("sync", "dev")).report.environments[0]?.targets[0]?.outcomes).toBeUndefined();
    await world.commit({ "environments/dev/host/app.yaml": "server: { port: 1 }\nlogging: { level: debug }\n" });
    expect((await world.run(["diff", "dev"])).code).toBe(0);
  });

  it("first contact with another value is conflicted, and sync --adopt desired settles it", async () => {
    const before = await json("diff", "prod");
    expect(before.report.environments[0]?.targets[0]?.findings.map(({ path, kind }) => [path, kind])).toEqual([
      ["/api.env/API_TOKEN", "pending"],
      ["/app.yaml/server/port", "pending"],
      ["/app.yaml/server/name", "pending"],
      ["/app.yaml/logging/level", "pending"],
    ]);
    world.put("live/prod/app.yaml", "server: { port: 9999 }\n");
    const refused = await json("sync", "prod");
    expect(refused.code).toBe(2);
    expect(refused.report.environments[0]?.targets[0]?.findings).toMatchObject([
      { path: "/app.yaml/server/port", kind: "conflicted", desired: 8080, live: 9999 },
    ]);
    expect(world.read("live/prod/app.yaml")).toContain("9999");
    expect((await json("sync", "prod", "--adopt", "desired")).code).toBe(0);
    expect(world.read("live/prod/app.yaml")).toContain("port: 8080");
    expect(world.read("live/prod/api.env")).toBe("# by hand\nWORKERS=8\nEXTRA=1\nAPI_TOKEN=t0p-s3cret\n");
  });

  it("history says what happened, newest first, without a secret", async () => {
    const { report } = await json("history", "--limit", "500");
    const said = report.events.map(({ environment, type, path }) => `${environment} ${type} ${path ?? ""}`);
    expect(said).toContain("dev healed /app.yaml/logging/level");
    expect(said).toContain("dev drifted /app.yaml/server/port");
    expect(said).toContain("prod synced /app.yaml/server/name");
    expect(said.indexOf("prod synced /app.yaml/server/name")).toBeLessThan(
      said.indexOf("dev synced /app.yaml/server/name"),
    );
    expect(JSON.stringify(report)).not.toContain("t0p-s3cret");
    const some = await json("history", "prod", "--limit", "2", "--since", "1h");
    expect(some.report.events.map(({ environment }) => environment)).toEqual(["prod", "prod"]);
    expect((await json("history", "dev/host", "--limit", "1")).report.events).toHaveLength(1);
  });

  it("suspend stops writes, and resume lets them go on", async () => {
    const set = await json("suspend", "dev", "--because", "a migration", "--for", "4h");
    expect(set.report.environments).toEqual([{ name: "dev", suspended: true, changed: true }]);
    world.put("live/dev/app.yaml", "server: {port: 1, name: north}\nlogging:\n  level: trace\n");
    const paused = await json("sync", "dev");
    expect(paused.report.environments[0]?.state).toBe("Suspended");
    expect(world.read("live/dev/app.yaml")).toContain("trace");
    const status = (await json("status", "dev")).report.environments[0];
    expect(status).toMatchObject({ state: "Suspended", suspended: { reason: "a migration" } });
    expect(Date.parse(status?.suspended?.until ?? "") - Date.now()).toBeGreaterThan(3.9 * 3_600_000);
    expect((await world.run(["status", "dev"])).stdout).toContain("a migration until ");
    expect((await world.run(["resume", "dev"])).stdout).toBe("dev goes on\n");
    expect((await json("resume", "dev")).report.environments).toEqual([
      { name: "dev", suspended: false, changed: false },
    ]);
    expect((await json("sync", "dev")).code).toBe(0);
    expect(world.read("live/dev/app.yaml")).toContain("level: debug");
  });

  it("a guard refuses what is too much at once, until a person confirms", async () => {
    const many = (value: string) => Array.from({ length: 12 }, (_, index) => `KEY_${index}=${value}\n`).join("");
    await world.commit({
      "environments/dev/host/many.env": many("a"),
      "policies/drift.yaml": DRIFT_YAML + "  - { name: rest, severity: low }\n",
    });
    expect((await json("sync", "dev")).code).toBe(0);
    world.put("live/dev/many.env", many("b"));
    const refused = await json("sync", "dev");
    expect(refused.code).toBe(1);
    expect(refused.report.environments[0]?.targets[0]?.refused).toMatchObject({
      code: "GUARD_REFUSED",
      hint: expect.stringContaining("trueup sync dev --confirm") as string,
    });
    expect(world.read("live/dev/many.env")).toBe(many("b"));
    expect((await json("status", "dev")).report.environments[0]?.targets[0]?.refused?.code).toBe("GUARD_REFUSED");
    expect((await json("sync", "dev", "--confirm")).code).toBe(0);
    expect(world.read("live/dev/many.env")).toBe(many("a"));
  });

  it("doctor finds everything well, and what cannot be written", async () => {
    const well = await json("doctor");
    expect(well.code).toBe(0);
    expect(well.report.checks.map(({ what, result }) => [what, result])).toEqual([
      ["git", "ok"],
      ["store", "ok"],
      ["dev/host", "ok"],
      ["prod/host", "ok"],
    ]);
  });

  it.skipIf(process.getuid?.() !== 0)("doctor says which file its user may not write", async () => {
    const own = await makeWorld();
    try {
      expect((await own.run(["sync"])).code).toBe(0);
      for (const name of ["", ...readdirSync(own.folder, { recursive: true, encoding: "utf8" })]) {
        chownSync(join(own.folder, name), NOBODY, NOBODY);
      }
      chownSync(join(own.folder, "live/app.yaml"), 0, 0);
      chmodSync(join(own.folder, "live/app.yaml"), 0o644);
      const ran = await own.run(["doctor", "-o", "json"], { uid: NOBODY });
      expect(ran.code).toBe(1);
      expect(answer("doctor", ran.stdout).checks.at(-1)).toMatchObject({
        what: "dev/host",
        result: "read only",
        error: { code: "PERMISSION_DENIED", where: join(own.folder, "live/app.yaml") },
      });
    } finally {
      own.remove();
    }
  });

  it("init target tells where a kind needs nothing installed", async () => {
    const ran = await world.run(["init", "target", "dev/host"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("a files target needs nothing installed to tell of its changes (USAGE)");
  });

  it("every verb answers in every form", async () => {
    const verbs = [
      "validate",
      "render dev",
      "diff",
      "sync --dry-run",
      "status",
      "history",
      "policy explain dev",
      "doctor",
    ];
    for (const verb of verbs) {
      const words = verb.split(" ");
      const asJson = await world.run([...words, "-o", "json"]);
      const asYaml = await world.run([...words, "-o", "yaml"]);
      const markdown = await world.run([...words, "-o", "markdown"]);
      expect(markdown.stdout, verb).toMatch(/^(\||## |```)/);
      if (verb !== "doctor") expect(parseYaml(asYaml.stdout), verb).toEqual(JSON.parse(asJson.stdout));
    }
  });
});
