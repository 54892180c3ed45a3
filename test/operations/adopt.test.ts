import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import type { Session } from "../../src/reconcile/session.js";
import { adopt, type AdoptReport } from "../../src/operations/adopt.js";
import { hold } from "../../src/operations/hold.js";
import { revert } from "../../src/operations/revert.js";
import { cycle, diffNow, findings, makeWorld, outcomes, targetOf, type World } from "../support/world.js";

const POLICY = "rules: [{ name: ask, match: { path: /** }, severity: high }]\n";
const BASE = "# base\nserver:\n  port: 8080 # shared\n  host: a\n";
const OWN = "# ours\r\nlogging:\r\n  level: info # quiet\r\n  format: 'json'\r\npassword: first-secret\r\n";
const LIVE = "server:\n  port: 8080\n  host: a\nlogging:\n  level: info\n  format: json\npassword: first-secret\n";

let world: World;
let session: Session;

beforeAll(async () => {
  world = await makeWorld();
  session = world.open();
});
afterAll(() => world.close());

async function begin(more = "adopt: direct\n"): Promise<void> {
  await world.commit({
    "policies/drift.yaml": POLICY,
    "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
    "environments/base/host/app.yaml": BASE,
    "environments/prod/environment.yaml": `layers: [base]\n${more}`,
    "environments/prod/host/app.yaml": OWN,
  });
  live(LIVE);
  await cycle(session);
  expect(findings(await diffNow(session))).toEqual([]);
}
beforeEach(() => begin());

const live = (text: string): void => {
  writeFileSync(join(world.root(), "app.yaml"), text);
};
const context = () => ({ signal: session.stop, progress: () => undefined });
type AdoptArgs = Partial<Parameters<typeof adopt.run>[1]>;
const adoptNow = (args: AdoptArgs): Promise<AdoptReport> =>
  adopt.run(
    session,
    { environment: "prod", direct: false, dryRun: false, by: "ann", because: "INC-7", ...args },
    context(),
  );
const inGit = (file: string, revision = "prod"): Promise<string> => world.repository.git("show", `${revision}:${file}`);

describe("adopting", () => {
  it("commits straight to the environment's branch where that allows it, and the next pass is in sync", async () => {
    live(LIVE.replace("level: info", "level: debug"));
    const report = await adoptNow({ direct: true, path: "/app.yaml/logging" });
    expect(report).toMatchObject({ branch: "prod", direct: true });
    expect(report.settings).toMatchObject([
      { path: "/app.yaml/logging/level", live: "debug", where: "environments/prod/host/app.yaml:3:10" },
    ]);
    expect(await inGit("environments/prod/host/app.yaml")).toBe(OWN.replace("level: info", "level: debug").trimEnd());
    const log = await world.repository.git("log", "-1", "--format=%an: %B", "prod");
    expect(log).toContain("ann: Adopt live values of prod");
    expect(log).toContain('/app.yaml/logging/level: "info" → "debug"');
    expect(log).toContain("Because: INC-7");
    expect(targetOf(await cycle(session))).toMatchObject({ state: "Synced", findings: [] });
    // Last applied has advanced with it: the old value is drift now.
    live(LIVE);
    expect(findings(await diffNow(session))).toEqual(["/app.yaml/logging/level modified"]);
    const events = await (await session.store()).history.list({ environment: "prod", limit: 50 });
    expect(events.filter(({ type }) => type === "adopted").map(({ message }) => message)).toEqual([
      "ann wrote the live value of /app.yaml/logging/level to the branch prod: INC-7",
    ]);
  });

  it("makes a branch by default, once for the same values, and leaves the environment's alone", async () => {
    const tip = await world.repository.git("rev-parse", "prod");
    live(LIVE.replace("level: info", "level: warn"));
    const first = await adoptNow({ environment: "prod/host" });
    expect(first.branch).toMatch(/^trueup\/adopt\/prod-host-[0-9a-f]{8}$/);
    expect(await inGit("environments/prod/host/app.yaml", first.branch ?? "")).toContain("level: warn # quiet");
    expect(await world.repository.git("rev-parse", "prod", `${first.branch ?? ""}^`)).toBe(`${tip}\n${tip}`);
    expect(await adoptNow({ environment: "prod/host" })).toMatchObject({ branch: first.branch, commit: null });
    expect(findings(await diffNow(session))).toEqual(["/app.yaml/logging/level modified"]);
  });

  it("writes an inherited value to the environment's own layer, or to the one that is named", async () => {
    live(LIVE.replace("port: 8080", "port: 9090"));
    const own = await adoptNow({});
    expect(await inGit("environments/base/host/app.yaml", own.branch ?? "")).toBe(BASE.trimEnd());
    expect(await inGit("environments/prod/host/app.yaml", own.branch ?? "")).toMatch(/port: 9090/);
    const base = await adoptNow({ layer: "base", branch: "their-branch" });
    expect(base.branch).toBe("their-branch");
    expect(await inGit("environments/base/host/app.yaml", "their-branch")).toBe(BASE.replace("8080", "9090").trimEnd());
    expect(await inGit("environments/prod/host/app.yaml", "their-branch")).toBe(OWN.trimEnd());
  });

  it("refuses what is sensitive, and shows it nowhere", async () => {
    live(LIVE.replace("first-secret", "second-secret").replace("host: a", "host: b"));
    const report = await adoptNow({ direct: true });
    expect(report.settings.find(({ path }) => path === "/app.yaml/password")).toMatchObject({
      error: { code: "DOCUMENT_UNREPRESENTABLE" },
    });
    expect(JSON.stringify(report)).not.toMatch(/(first|second)-secret/);
    expect(await inGit("environments/prod/host/app.yaml")).toContain("host: b");
    expect(await world.repository.git("log", "-1", "-p", "prod")).not.toContain("second-secret");
    expect(findings(await diffNow(session))).toEqual(["/app.yaml/password modified"]);
  });

  it("shows what it would write in a dry run, and commits nothing", async () => {
    const refs = await world.repository.git("show-ref");
    live(LIVE.replace("level: info", "level: debug"));
    const { patch, branch, commit } = await adoptNow({ dryRun: true });
    expect(patch).toContain("-  level: info # quiet\r\n+  level: debug # quiet\r\n");
    expect([branch, commit]).toEqual([null, null]);
    expect(await world.repository.git("show-ref")).toBe(refs);
  });

  it("refuses the environment's branch where its policy does not allow it, and branches that are taken", async () => {
    await begin("");
    live(LIVE.replace("level: info", "level: debug"));
    await expect(adoptNow({ direct: true })).rejects.toMatchObject({
      code: "GUARD_REFUSED",
      hint: expect.stringContaining("adopt: direct") as string,
    });
    await expect(adoptNow({ branch: "prod" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(adoptNow({ branch: "a:refs/heads/prod" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(adoptNow({ environment: "prod/hots" })).rejects.toMatchObject({ code: "USAGE" });
    await expect(adoptNow({ path: "/app.yaml/server" })).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("what must be true of the environment", () => {
  const schema = {
    properties: { "app.yaml": { properties: { server: { properties: { port: { maximum: 9000 } } } } } },
  };
  const rules = [
    { name: "quiet", match: { environment: "prod" }, require: 'document["app.yaml"].logging.level != "debug"' },
    {
      name: "span",
      require: 'document["app.yaml"].span.min <= document["app.yaml"].span.max',
      message: "the span is empty",
    },
  ];
  const SPAN = "span: { min: 1, max: 5 }\n";
  beforeEach(async () => {
    await world.commit({
      "policies/validation.yaml": JSON.stringify({ rules }),
      "policies/schemas/host.schema.json": JSON.stringify(schema),
      "environments/base/host/app.yaml": BASE + SPAN,
    });
    live(LIVE + SPAN);
    await cycle(session);
  });
  afterAll(() => world.commit({ policies: null, "policies/drift.yaml": POLICY }));

  it("keeps out what breaks a JSON Schema or a rule, names it, and adopts the rest", async () => {
    live(LIVE.replace("8080", "9999").replace("info", "debug").replace("host: a", "host: b") + SPAN);
    const { settings } = await adoptNow({ direct: true });
    const hint = "revert the live value, or change what forbids it first";
    expect(Object.fromEntries(settings.map(({ path, error }) => [path, error]))).toEqual({
      "/app.yaml/server/host": undefined,
      "/app.yaml/server/port": {
        ...{ code: "DOCUMENT_INVALID", where: "environments/base/host/app.yaml:3:9", hint },
        message:
          "/app.yaml/server/port may not be as it is live: /app.yaml/server/port must be <= 9000 (policies/schemas/host.schema.json says what it may be)",
      },
      "/app.yaml/logging/level": {
        ...{ code: "DOCUMENT_INVALID", where: "environments/prod/host/app.yaml:3:10", hint },
        message:
          '/app.yaml/logging/level may not be as it is live: rule "quiet" is broken (policies/validation.yaml demands it: rule "quiet")',
      },
    });
    expect(await inGit("environments/prod/host/app.yaml")).toBe(`${OWN}server:\r\n  host: b`);
  });

  it("commits nothing where everything breaks a rule", async () => {
    const refs = await world.repository.git("show-ref");
    live(LIVE.replace("8080", "9999").replace("info", "debug") + SPAN);
    const report = await adoptNow({});
    expect(report.settings.map(({ error }) => error?.code)).toEqual(["DOCUMENT_INVALID", "DOCUMENT_INVALID"]);
    expect(report).toMatchObject({ branch: null, commit: null });
    expect(await world.repository.git("show-ref")).toBe(refs);
  });

  it("sees settings together that a rule sees together, whatever else is kept out", async () => {
    live(LIVE.replace("8080", "9999").replace("info", "debug") + SPAN.replace("1", "10").replace("5", "50"));
    const { settings } = await adoptNow({ direct: true });
    expect(settings.filter(({ error }) => error === undefined).map(({ path }) => path)).toEqual([
      "/app.yaml/span/min",
      "/app.yaml/span/max",
    ]);
  });

  it("holds the other environments of the branch, too, against their rules where a layer is shared", async () => {
    world.configure({ environments: ["prod", "shop"], branches: { shop: "prod" } });
    session.reconfigure(loadConfig(world.configFile, {}));
    await world.commit({
      "environments/shop/environment.yaml": "layers: [base]\n",
      "environments/shop/host/app.yaml": "logging: { level: info }\n",
      "policies/validation.yaml": JSON.stringify({
        rules: [
          { name: "one port", match: { environment: "shop" }, require: 'document["app.yaml"].server.port == 8080' },
        ],
      }),
    });
    live(LIVE.replace("8080", "8081") + SPAN);
    const own = await adoptNow({});
    expect(own.settings).toMatchObject([{ path: "/app.yaml/server/port" }]);
    expect(own.settings[0]?.error).toBeUndefined();
    const shared = await adoptNow({ layer: "base" });
    expect(shared.settings[0]?.error).toMatchObject({
      code: "DOCUMENT_INVALID",
      message: expect.stringContaining('may not be as it is live: shop/host: rule "one port" is broken') as string,
    });
    world.configure({});
    session.reconfigure(loadConfig(world.configFile, {}));
  });
});

describe("reverting", () => {
  type RevertArgs = Partial<Parameters<typeof revert.run>[1]>;
  const revertNow = async (args: RevertArgs = {}) => {
    const given = { environment: "prod", confirm: false, by: "ann", because: "a slip", ...args };
    const { environments } = await revert.run(session, given, context());
    const [report] = environments;
    if (report === undefined) throw new Error("no report");
    return report;
  };
  const text = () => readFileSync(join(world.root(), "app.yaml"), "utf8");

  it("heals what the policy leaves alone, the named setting only, and says who did it and why", async () => {
    live(LIVE.replace("level: info", "level: debug").replace("host: a", "host: b"));
    expect(outcomes(await revertNow({ path: "/app.yaml/logging" }))).toEqual(["/app.yaml/logging/level healed"]);
    expect(text()).toBe(LIVE.replace("host: a", "host: b"));
    const [last] = await (await session.store()).history.list({ environment: "prod", limit: 1 });
    expect(last).toMatchObject({ type: "reverted", message: "ann reverted /app.yaml/logging/level to git: a slip" });
    expect(outcomes(await revertNow())).toEqual(["/app.yaml/server/host healed"]);
    expect(text()).toBe(LIVE);
  });

  it("does not apply what is pending", async () => {
    await world.commit({ "environments/prod/host/app.yaml": OWN.replace("json", "text") });
    live(LIVE.replace("level: info", "level: debug"));
    const report = await revertNow();
    expect(outcomes(report)).toEqual(["/app.yaml/logging/level healed"]);
    expect(findings(report)).toEqual(["/app.yaml/logging/format pending"]);
    expect(text()).toBe(LIVE);
  });

  it("says that nothing has drifted at a setting that was named; of one that is held it says that", async () => {
    const nothing = { code: "USAGE", message: "nothing at /app.yaml/loging of prod has drifted" };
    await expect(revertNow({ path: "/app.yaml/loging" })).rejects.toMatchObject(nothing);
    live(LIVE.replace("level: info", "level: debug"));
    await expect(revertNow({ path: "/app.yaml/loging" })).rejects.toMatchObject(nothing);
    const held = { word: "prod/host", path: "/app.yaml/logging", by: "ann" };
    const set = { owner: "ann", reason: "INC-7", until: "2999-01-01T00:00:00.000Z" };
    await hold.run(session, { ...held, set }, context());
    const { findings: left } = targetOf(await revertNow({ path: "/app.yaml/logging" }));
    expect(left).toMatchObject([{ path: "/app.yaml/logging/level", restrained: "held" }]);
    await hold.run(session, held, context());
  });

  it("stops at the blast radius until a person confirms", async () => {
    const many = Array.from({ length: 12 }, (_, index) => `k${index}: 1\n`).join("");
    await world.commit({ "environments/prod/host/app.yaml": many, "environments/base/host/app.yaml": null });
    live(many);
    await cycle(session);
    live(many.replaceAll(": 1", ": 2"));
    expect(targetOf(await revertNow()).refused).toMatchObject({ code: "GUARD_REFUSED" });
    expect(text()).toBe(many.replaceAll(": 1", ": 2"));
    expect(outcomes(await revertNow({ confirm: true }))).toHaveLength(12);
    expect(text()).toBe(many);
  });
});
