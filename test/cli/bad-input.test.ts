import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { z } from "zod";
import { ENVIRONMENT_YAML, makeWorld, serverStore, TRUEUP_YAML, type World } from "../support/cli.js";
import { answer, type errorShape } from "../support/json-shapes.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

const GOOD = {
  "environments/dev/environment.yaml": ENVIRONMENT_YAML,
  "environments/dev/host/app.yaml": "server:\n  port: 8080 # the good one\n",
  "environments/dev/host/api.env": "LEVEL=info\n",
};
const LIVE = "# by hand\nserver:\n  port: 8080\n";

let world: World;
let store: Awaited<ReturnType<typeof serverStore>>;
beforeAll(async () => {
  store = await serverStore();
  world = await makeWorld({ config: TRUEUP_YAML + store.line, files: GOOD });
  await world.repository.git("tag", "good");
  world.put("live/app.yaml", LIVE);
  expect((await world.run(["sync"])).code).toBe(0);
});
afterAll(async () => {
  world.remove();
  await store.close();
});

interface Fault {
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly code: string;
  /** `file:line:column` */
  readonly where?: string | RegExp;
  readonly says: string | RegExp;
  readonly hint?: string | RegExp;
}

const app = (text: string | Buffer, name = "app.yaml") => ({ [`environments/dev/host/${name}`]: text });
const environment = (text: string) => ({ "environments/dev/environment.yaml": text });
const drift = (text: string) => ({ "policies/drift.yaml": text });

const laughs = [
  "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]",
  ...Array.from({ length: 9 }, (_, index) => {
    const aliases = Array.from({ length: 10 }, () => `*a${index}`).join(", ");
    return `a${index + 1}: &a${index + 1} [${aliases}]`;
  }),
].join("\n");

const documents: Readonly<Record<string, Fault>> = {
  "malformed YAML": {
    files: app("server: {port: 8080\nname: x\n"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/app\.yaml:\d+:\d+$/, says: /./ },
  },
  "malformed JSON": {
    files: app('{"a": 1,\n "b": }\n', "a.json"),
    ...{ code: "DOCUMENT_INVALID", where: "environments/dev/host/a.json:2:7", says: /./ },
  },
  "malformed TOML": {
    files: app("a = 1\nb = \n", "a.toml"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/a\.toml:2:\d+$/, says: /./ },
  },
  "malformed dotenv": {
    files: app("A=1\nnot an assignment\n", "a.env"),
    ...{ code: "DOCUMENT_INVALID", where: "environments/dev/host/a.env:2:1", says: /./ },
  },
  "malformed INI": {
    files: app("a=1\n[section\n", "a.ini"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/a\.ini:2:\d+$/, says: /./ },
  },
  "malformed properties": {
    files: app("a=1\nb=\\u12\n", "a.properties"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/a\.properties:2:\d+$/, says: /./ },
  },
  "bytes that are no UTF-8": {
    files: app(Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe])),
    ...{ code: "DOCUMENT_INVALID", where: "environments/dev/host/app.yaml", says: "the file is not UTF-8 text" },
  },
  "a billion laughs": {
    files: app(laughs),
    ...{ code: "DOCUMENT_TOO_LARGE", where: /^environments\/dev\/host\/app\.yaml/, says: /alias|nodes/ },
  },
  "a file of 100 MB": {
    files: app(Buffer.alloc(100 * 1024 * 1024, "a: b\n")),
    ...{ code: "DOCUMENT_TOO_LARGE", where: "environments/dev/host/app.yaml", says: "104857600 bytes" },
  },
  "10,000 levels of YAML": {
    files: app(`a: ${"[".repeat(10_000)}${"]".repeat(10_000)}\n`),
    ...{ code: "DOCUMENT_TOO_LARGE", where: /^environments\/dev\/host\/app\.yaml/, says: /level|deep/ },
  },
  "10,000 levels of JSON": {
    files: app("[".repeat(10_000) + "]".repeat(10_000), "a.json"),
    ...{ code: "DOCUMENT_TOO_LARGE", where: /^environments\/dev\/host\/a\.json/, says: /level|deep/ },
  },
  "10,000 levels of TOML": {
    files: app(`a = ${"[".repeat(10_000)}${"]".repeat(10_000)}\n`, "a.toml"),
    ...{ code: "DOCUMENT_TOO_LARGE", where: /^environments\/dev\/host\/a\.toml/, says: /level|deep/ },
  },
  "a duplicate key in YAML": {
    files: app("server:\n  port: 1\n  port: 2\n"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/app\.yaml:3:\d+$/, says: /port|unique|twice/ },
  },
  "a duplicate key in JSON": {
    files: app('{"a": 1,\n "a": 2}\n', "a.json"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/a\.json:2:\d+$/, says: /./ },
  },
  "a duplicate key in TOML": {
    files: app("a = 1\na = 2\n", "a.toml"),
    ...{ code: "DOCUMENT_INVALID", where: /^environments\/dev\/host\/a\.toml:\d+:\d+$/, says: /./ },
  },
  "an unknown tag": {
    files: app("server: !include other.yaml\n"),
    ...{
      code: "DOCUMENT_INVALID",
      where: /^environments\/dev\/host\/app\.yaml:1:\d+$/,
      says: "unknown tag",
      hint: "tags: keep",
    },
  },
  "a secret that no source has": {
    files: app("server:\n  password: ${secret:smtpPassword}\n"),
    ...{ code: "SECRET_MISSING", where: "environments/dev/host/app.yaml:2:13", says: "smtpPassword", hint: "secrets" },
  },
  "a file name that leaves the root": {
    files: { "environments/dev/host.yaml": "../outside.env: { A: '1' }\n" },
    ...{ code: "TARGET_REFUSED", says: "../outside.env", hint: "below the root" },
  },
  "an absolute file name": {
    files: { "environments/dev/host.yaml": "/etc/outside.env: { A: '1' }\n" },
    ...{ code: "TARGET_REFUSED", says: "is absolute", hint: "below the root" },
  },
  "a value that the format cannot hold": {
    files: { "environments/dev/host.yaml": "a.env: { LIST: [1, 2] }\n" },
    ...{ code: "DOCUMENT_UNREPRESENTABLE", says: /./ },
  },
  "an unknown kind of target": {
    files: environment("targets:\n  host: { kind: fiels, connection: host }\n"),
    ...{ code: "ENVIRONMENT_INVALID", where: "environments/dev/environment.yaml:2:17" },
    ...{ says: "no target kind `fiels`", hint: 'did you mean "files"?' },
  },
  "an unknown connection": {
    files: environment("targets:\n  host: { kind: files, connection: hots }\n"),
    ...{ code: "ENVIRONMENT_INVALID", where: "environments/dev/environment.yaml:2:36" },
    ...{ says: "gives dev no connection `hots`", hint: 'did you mean "host"?' },
  },
  "a key of the kind that is misspelt": {
    files: environment("targets:\n  host:\n    kind: files\n    connection: host\n    mdoe: '0640'\n"),
    ...{ code: "ENVIRONMENT_INVALID", where: /^environments\/dev\/environment\.yaml:5:\d+$/ },
    ...{ says: "unknown key `mdoe` under `targets.host`", hint: 'did you mean "mode"?' },
  },
  "a document that its JSON Schema refuses": {
    files: {
      "policies/schemas/host.schema.json":
        '{"properties":{"app.yaml":{"properties":{"server":{"properties":{"port":{"maximum":1000}}}}}}}',
    },
    ...{ code: "DOCUMENT_INVALID", where: "environments/dev/host/app.yaml:2:9" },
    ...{ says: "/app.yaml/server/port must be <= 1000", hint: "policies/schemas/host.schema.json" },
  },
  "a document that validation.yaml refuses": {
    files: {
      "policies/validation.yaml":
        "rules:\n  - name: ports\n    require: 'document[\"app.yaml\"].server.port < 1000.0'\n    message: only low ports\n",
    },
    ...{ code: "DOCUMENT_INVALID", says: "only low ports", hint: 'rule "ports"' },
  },
  "two targets that claim one file": {
    files: {
      ...environment(`${ENVIRONMENT_YAML}  twin: { kind: files, connection: host }\n`),
      "environments/dev/twin/app.yaml": "server: { port: 1 }\n",
    },
    ...{
      code: "TARGET_CONFLICT",
      says: /target dev\/twin claims files .*\/live\/app\.yaml, too/,
      hint: "one target own it",
    },
  },
};

const environments: Readonly<Record<string, Fault>> = {
  "a malformed environment.yaml": {
    files: environment("targets: {host\n"),
    ...{ code: "ENVIRONMENT_INVALID", where: /^environments\/dev\/environment\.yaml:\d+:\d+$/, says: /./ },
  },
  "a misspelt key of environment.yaml": {
    files: environment(`${ENVIRONMENT_YAML}tragets: {}\n`),
    ...{ code: "ENVIRONMENT_INVALID", where: /^environments\/dev\/environment\.yaml:3:\d+$/ },
    ...{ says: "unknown key `tragets`", hint: 'did you mean "targets"?' },
  },
  "a misspelt key that every target has": {
    files: environment("targets:\n  host: { kind: files, connection: host, exclusiv: true }\n"),
    ...{ code: "ENVIRONMENT_INVALID", where: /^environments\/dev\/environment\.yaml:2:\d+$/ },
    ...{ says: "unknown key `exclusiv` under `targets.host`", hint: 'did you mean "exclusive"?' },
  },
  "a layer that is not there": {
    files: environment(`layers: [bsae]\n${ENVIRONMENT_YAML}`),
    ...{ code: "ENVIRONMENT_INVALID", where: /^environments\/dev\/environment\.yaml:1:\d+$/, says: "no layer `bsae`" },
  },
  "malformed drift.yaml": {
    files: drift("rules: [\n"),
    ...{ code: "POLICY_INVALID", where: /^policies\/drift\.yaml:\d+:\d+$/, says: /./ },
  },
  "a policy field that does not exist": {
    files: drift("rules:\n  - name: x\n    severty: low\n"),
    ...{ code: "POLICY_INVALID", where: /^policies\/drift\.yaml:\d+:\d+$/, says: /severty|severity/ },
  },
  "an extra policy field": {
    files: drift("rules:\n  - name: x\n    severity: low\n    actoins: [heal]\n"),
    ...{ code: "POLICY_INVALID", where: /^policies\/drift\.yaml:4:\d+$/, says: "unknown key `actoins`" },
    hint: 'did you mean "actions"?',
  },
  "a severity that does not exist": {
    files: drift("rules:\n  - name: x\n    severity: loww\n"),
    ...{ code: "POLICY_INVALID", where: "policies/drift.yaml:3:15", says: /low.*medium/ },
  },
  "invalid CEL": {
    files: drift("rules:\n  - name: x\n    severity: low\n    when: 'finding.path =='\n"),
    ...{ code: "POLICY_INVALID", where: /^policies\/drift\.yaml:4:\d+$/, says: "CEL" },
  },
  "CEL with a variable that does not exist": {
    files: drift("rules:\n  - name: x\n    severity: low\n    when: 'findng.path == \"/a\"'\n"),
    ...{ code: "POLICY_INVALID", where: /^policies\/drift\.yaml:4:\d+$/, says: "findng" },
  },
  "CEL that is no condition": {
    files: drift("rules:\n  - name: x\n    severity: low\n    when: 'finding.path'\n"),
    ...{ code: "POLICY_INVALID", where: /^policies\/drift\.yaml:4:\d+$/, says: "not a bool" },
  },
  "a path of a rule that is no pointer": {
    files: drift("rules:\n  - name: x\n    match: { path: server/port }\n    severity: low\n"),
    ...{ code: "POLICY_INVALID", where: "policies/drift.yaml:3:20", says: "must begin with", hint: "`/server/port`" },
  },
  "a JSON Schema that is none": {
    files: { "policies/schemas/host.schema.json": '{"type": "objekt"}' },
    ...{ code: "POLICY_INVALID", where: "policies/schemas/host.schema.json", says: "JSON Schema" },
  },
};

const CLEAN = /\n\s+at .*(node_modules|dist|node:)|undefined|\[object/;

function hold(error: z.output<typeof errorShape> | undefined, { code, where, says, hint }: Fault): void {
  expect(error).toMatchObject({ code });
  const found = { where: error?.where ?? "", says: error?.message ?? "", hint: error?.hint ?? "" };
  for (const [part, expected] of Object.entries({ where, says, hint })) {
    if (typeof expected === "string") expect(found[part as keyof typeof found]).toContain(expected);
    else if (expected !== undefined) expect(found[part as keyof typeof found]).toMatch(expected);
  }
}

/** Commits the fault, looks at it with validate and sync, and takes it back: what was there before must be as it was. */
/** The first error that a text tells. */
function told(text: string) {
  const [, message = "", code = ""] = /(?:error: |^ {2})(.*) \(([A-Z_]+)\)$/m.exec(text) ?? [];
  const where = /^ *at (.*)$/m.exec(text)?.[1];
  const hint = /^ *hint: (.*)$/m.exec(text)?.[1];
  return { code, message, where, hint };
}

async function meet(fault: Fault, scope: "target" | "environment"): Promise<void> {
  const { repository } = world;
  await world.commit(fault.files);
  try {
    const validated = await world.run(["validate"]);
    expect(validated).toMatchObject({ code: 1, stderr: "" });
    expect(validated.stdout).not.toMatch(CLEAN);
    hold(told(validated.stdout), fault);

    const synced = await world.run(["sync", "-o", "json"]);
    expect(synced.code).toBe(1);
    const state = answer("sync", synced.stdout).environments[0];
    expect(state?.state).toBe("Failed");
    const ofTarget = state?.targets.find(({ name }) => name === "host")?.error;
    hold(scope === "target" ? ofTarget : (state?.error ?? ofTarget), fault);
    expect(world.read("live/app.yaml")).toBe(LIVE);
    expect(world.read("live/api.env")).toBe("LEVEL=info\n");
  } finally {
    await repository.git("rm", "-rqf", ".");
    await repository.git("checkout", "good", "--", ".");
    await repository.git("commit", "-qm", "Take it back");
  }
}

describe("a document that is wrong fails its target with its place, and nothing is lost", () => {
  it.each(Object.entries(documents))("%s", (_, fault) => meet(fault, "target"));
});

describe("an environment or policy that is wrong fails the environment with its place, and nothing is lost", () => {
  it.each(Object.entries(environments))("%s", (_, fault) => meet(fault, "environment"));

  it("goes on from where it was once the fault is taken back", async () => {
    // Not first contact: what was applied before all of this is remembered, so a moved value is drift, not a conflict.
    expect((await world.run(["diff"])).code).toBe(0);
    world.put("live/app.yaml", LIVE.replace("8080", "9"));
    const report = answer("diff", (await world.run(["diff", "-o", "json"])).stdout);
    expect(report.environments[0]?.targets[0]?.findings.map(({ kind }) => kind)).toEqual(["modified"]);
    world.put("live/app.yaml", LIVE);
  });

  it("a branch that is not there", async () => {
    world.put("other.yaml", TRUEUP_YAML.replace("  dev:\n", "  dev:\n    branch: dve\n"));
    for (const verb of ["diff", "sync"]) {
      const ran = await world.run([verb, "--config", "other.yaml", "-o", "json"]);
      expect(ran.code).toBe(1);
      hold(answer("diff", ran.stdout).environments[0]?.error, {
        files: {},
        ...{
          code: "GIT_REVISION_MISSING",
          says: "follows the branch `dve`, which is not there",
          hint: "branches: dev",
        },
      });
    }
    expect((await world.run(["validate", "--config", "other.yaml"])).code).toBe(1);
    expect(world.read("live/app.yaml")).toBe(LIVE);
  });

  it("an environment's folder that is not there", async () => {
    world.put("other.yaml", `${TRUEUP_YAML}  dve: { branch: dev, connections: { host: { root: live } } }\n`);
    const ran = await world.run(["sync", "dve", "--config", "other.yaml", "-o", "json"]);
    expect(ran.code).toBe(1);
    hold(answer("sync", ran.stdout).environments[0]?.error, {
      files: {},
      ...{ code: "ENVIRONMENT_INVALID", says: "no environments/dve/environment.yaml", hint: "never taken for empty" },
    });
    expect(world.read("live/app.yaml")).toBe(LIVE);
  });

  it("two environments that claim one file", async () => {
    world.put("other.yaml", `${TRUEUP_YAML}  twin: { branch: twin, connections: { host: { root: live } } }\n`);
    await world.repository.git("checkout", "-qb", "twin");
    await world.commit({
      "environments/twin/environment.yaml": ENVIRONMENT_YAML,
      "environments/twin/host/app.yaml": "server: { port: 1 }\n",
    });
    await world.repository.git("checkout", "-q", "dev");
    const ran = await world.run(["validate", "--config", "other.yaml", "-o", "json"]);
    expect(ran.code).toBe(1);
    const { environments: both } = answer("validate", ran.stdout);
    expect(both.map(({ targets }) => targets[0]?.error?.code)).toEqual(["TARGET_CONFLICT", "TARGET_CONFLICT"]);
    expect(both[0]?.targets[0]?.error?.message).toContain("target twin/host claims files");
  });

  it("a rule that matches nothing is a warning of validate, and no error", async () => {
    await world.commit(
      drift('rules:\n  - name: lost\n    match: { path: "/app.yaml/severs/**" }\n    severity: low\n'),
    );
    const ran = await world.run(["validate", "-o", "json"]);
    expect(ran.code).toBe(0);
    expect(answer("validate", ran.stdout).warnings).toEqual([
      'policies/drift.yaml:2:5: the rule "lost" matches no setting of any environment',
    ]);
    expect((await world.run(["validate"])).stdout).toContain("warning: policies/drift.yaml:2:5: the rule");
  });
});

describe("a promotion policy that is wrong", () => {
  const policy = async (text: string) => {
    await world.commit({ "policies/promotion.yaml": text });
    const ran = await world.run(["validate", "-o", "json"]);
    return { code: ran.code, report: answer("validate", ran.stdout) };
  };

  it("is an error of validate with its place, and stops nothing else", async () => {
    const { code, report } = await policy(
      "order: [dev, prod]\ninto: { prod: { gates: [ { soak: { for: soon } } ] } }\n",
    );
    expect(code).toBe(1);
    hold(report.environments[0]?.error, {
      files: {},
      ...{
        code: "POLICY_INVALID",
        where: "policies/promotion.yaml:2:41",
        says: "expected a duration",
        hint: "- soak: {",
      },
    });
    expect(report.environments[0]?.targets.every(({ error }) => error === undefined)).toBe(true);
    expect((await world.run(["diff"])).code).toBe(0);
  });

  it("that names what trueup.yaml does not is a warning: it may be another's", async () => {
    const { code, report } = await policy("order: [dev, prod]\n");
    expect(code).toBe(0);
    expect(report.warnings).toContain("policies/promotion.yaml:1:14: the order names prod, which trueup.yaml does not");
  });
});

describe("a trueup.yaml that is wrong is refused with its place", () => {
  const SECRET = "hunter2-hunter2";
  it.each<[string, string, Omit<Fault, "files">]>([
    ["malformed", "repository: {url: x\n", { code: "CONFIG_INVALID", where: /^bad\.yaml:\d+:\d+$/, says: /./ }],
    [
      "an unset ${NAME}",
      TRUEUP_YAML.replace("./repo", '"${NO_SUCH_NAME}/x"'),
      { code: "CONFIG_INVALID", where: "bad.yaml:1:20", says: "NO_SUCH_NAME is not set", hint: "$${NO_SUCH_NAME}" },
    ],
    [
      "a misspelt key",
      `${TRUEUP_YAML}intervall: 1m\n`,
      {
        code: "CONFIG_INVALID",
        where: /^bad\.yaml:6:\d+$/,
        says: "unknown key `intervall`",
        hint: 'did you mean "interval"?',
      },
    ],
    [
      "a misspelt key beside a token",
      TRUEUP_YAML.replace("./repo }", `"https://ops:${SECRET}@git.example/x.git", tokn: ${SECRET} }`),
      { code: "CONFIG_INVALID", where: /^bad\.yaml:1:\d+$/, says: "unknown key `tokn`", hint: 'did you mean "token"?' },
    ],
    [
      "a duration that is none",
      `${TRUEUP_YAML}interval: often\n`,
      { code: "CONFIG_INVALID", where: "bad.yaml:6:11", says: "expected a duration such as 500ms" },
    ],
    [
      "no environment",
      "repository: { url: ./repo }\nenvironments: {}\n",
      { code: "CONFIG_INVALID", says: "names no environment" },
    ],
    [
      "no repository",
      "environments: { dev: {} }\n",
      { code: "CONFIG_INVALID", says: "`repository` is missing: expected a map" },
    ],
    [
      "a duplicate key",
      `${TRUEUP_YAML}interval: 1m\ninterval: 2m\n`,
      { code: "CONFIG_INVALID", where: /^bad\.yaml:7:/, says: /./ },
    ],
    [
      "a source of secrets of no kind",
      TRUEUP_YAML.replace("    connections:", `    secrets: [{ kind: vualt, token: ${SECRET} }]\n    connections:`),
      { code: "CONFIG_INVALID", where: /^bad\.yaml:4:\d+$/, says: "has no known `kind`: expected env or directory" },
    ],
    [
      "an address that runs a command",
      TRUEUP_YAML.replace("./repo", '"ext::sh -c id"'),
      { code: "CONFIG_INVALID", says: "ext::" },
    ],
  ])("%s", async (_, config, fault) => {
    world.put("bad.yaml", config);
    const ran = await world.run(["diff", "--config", "bad.yaml"]);
    expect(ran.code).toBe(1);
    const text = ran.stdout + ran.stderr;
    expect(text).not.toContain(SECRET);
    expect(text).not.toMatch(CLEAN);
    hold(told(text), { files: {}, ...fault });
  });

  it("a connection's misspelt key fails the targets that use it, with the place in trueup.yaml", async () => {
    world.put("bad.yaml", TRUEUP_YAML.replace("root:", "rot:"));
    const ran = await world.run(["validate", "--config", "bad.yaml", "-o", "json"]);
    expect(ran.code).toBe(1);
    hold(answer("validate", ran.stdout).environments[0]?.targets[0]?.error, {
      files: {},
      ...{
        code: "CONFIG_INVALID",
        where: /^bad\.yaml:5:\d+$/,
        says: "unknown key `rot`",
        hint: 'did you mean "root"?',
      },
    });
  });

  it("takes relative paths from trueup.yaml's folder, wherever it is run", async () => {
    world.put(
      "ops/trueup.yaml",
      `repository: { url: ../repo }\nenvironments:\n  dev:\n    connections: { host: { root: ../live } }\n    secrets: [{ kind: directory, path: secrets }]\n`,
    );
    world.put("ops/secrets/port", "1234\n");
    await world.commit(app('server:\n  port: 8080\n  note: "${secret:port}"\n'));
    const ran = await world.run(["diff", "--config", "ops/trueup.yaml", "-o", "json"]);
    expect(ran.code).toBe(2);
    expect(answer("diff", ran.stdout).environments[0]?.targets[0]?.findings).toMatchObject([
      { path: "/app.yaml/server/note", kind: "pending", sensitive: true },
    ]);
    expect(ran.stdout).not.toContain("1234");
  });
});
