import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type GitServer, startGitServer } from "../support/git-server.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { said } from "../support/in-process.js";
import { leaksIn, sampled, secretKey, secretLine, secretWord } from "../support/leaks.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { makeWorld, type World } from "../support/world.js";

vi.setConfig({ testTimeout: 120_000 });

const TARGETS = "targets: { host: { kind: files, connection: host, sensitive: [/app.yaml/marked] } }\n";
const FORMS = ["table", "json", "yaml", "markdown", "github"];

/** Every secret that the world ever held, by a name that says where. */
const secrets = new Map<string, string>();
/** Everything that Trueup ever said, by where. */
const heard: [what: string, text: string][] = [];

function secret(name: string, arbitrary = secretLine): string {
  const text = sampled(arbitrary);
  secrets.set(name, text);
  return text;
}

/** What comes from the source of secrets, and what git itself has in the clear where nobody should have put it. */
const kept = (environment: string) => ({
  ...{ login: secret(`login (${environment})`), part: secret(`part (${environment})`, secretWord) },
  ...{ pem: secret(`pem (${environment})`, secretKey), opaque: secret(`opaque (${environment})`) },
});
const inGit = (when: string) => ({
  ...{ token: secret(`named (${when})`), marked: secret(`marked (${when})`) },
  ...{ link: secret(`link (${when})`, secretWord) },
});
type InGit = ReturnType<typeof inGit>;

describe.skipIf(postgresUnavailable !== undefined)("secrets in promotions", () => {
  let postgres: TestPostgres;
  let store = "";
  let git: GitServer;
  let sink: HttpSink;
  let world: World;
  const credentials = {
    ...{ git: secret("credential: git", secretWord), hmac: secret("credential: hmac", secretWord) },
    ...{ path: secret("credential: path", secretWord), header: secret("credential: header", secretWord) },
    ...{ database: secret("credential: database", secretWord) },
  };
  const [first, second, hotfix] = [inGit("first"), inGit("second"), inGit("hotfix")];

  beforeAll(async () => {
    postgres = await startPostgres();
    store = await postgres.newDatabase();
    sink = await startSink(({ body, headers }) => ({ status: 200, body: JSON.stringify({ body, headers }) }));
    world = await makeWorld({ environments: ["dev", "prod"], store });
    git = await startGitServer({ root: world.folder, token: credentials.git });
    configure();
    await commit(first, {});
    await world.repository.git("branch", "prod", "dev");
  });
  afterAll(async () => {
    await world.close();
    await Promise.all([git.close(), sink.close(), postgres.close()]);
  });
  afterEach(() => {
    expect(leaksIn(heard.splice(0), secrets)).toEqual([]);
  });

  function configure(change: Readonly<Record<string, unknown>> = {}): void {
    const at = `http://127.0.0.1:${sink.port}`;
    const reference = (name: keyof typeof credentials): string => `\${LEAK_${name.toUpperCase()}}`;
    for (const [name, text] of Object.entries(credentials)) vi.stubEnv(`LEAK_${name.toUpperCase()}`, text);
    const environments = Object.fromEntries(
      ["dev", "prod"].map((name) => {
        const folder = join(world.folder, "secrets", name);
        mkdirSync(folder, { recursive: true });
        for (const [key, text] of Object.entries(kept(name))) writeFileSync(join(folder, key), text);
        const probes = {
          http: { kind: "http", url: `${at}/${reference("path")}`, headers: { x: reference("header") }, contains: "y" },
          sql: { kind: "sql", url: store, password: reference("database"), query: "select 1" },
        };
        const connections = { host: { root: world.root(name) } };
        return [name, { connections, probes, secrets: [{ kind: "directory", path: folder }] }];
      }),
    );
    const file = {
      ...{ stateDirectory: world.stateDirectory, store, environments },
      repository: { url: `${git.url}/environments-repository/.git`, token: reference("git") },
      webhooks: { board: { url: `${at}/${reference("path")}`, secret: reference("hmac") } },
      ...change,
    };
    writeFileSync(world.configFile, JSON.stringify(file));
  }

  /** The base as it is on a branch; prod's own overlay is of the first commit. */
  async function commit(at: InGit, more: Readonly<Record<string, string | null>>, branch = "dev") {
    const app = {
      ...{ api_token: at.token, marked: { deep: at.marked }, link: `amqp://app:${at.link}@queue/` },
      ...{ login: "${secret:login}", banner: "Hello ${secret:part} and welcome", bundle: "${secret:pem}", level: 1 },
    };
    const file = { "environments/base/host/app.yaml": `${JSON.stringify(app, undefined, 1)}\n`, ...more };
    if (at !== first) return world.commit(file, { branch });
    const gates = "[ { approvals: { by: [nobody] } }, { webhook: board }, { health: [http, sql] } ]";
    return world.commit(
      {
        ...{ "environments/base/environment.yaml": TARGETS, "policies/drift.yaml": "rules: []\n" },
        "environments/base/host/nginx.conf": 'server { set $x "${secret:opaque}"; }\n',
        "environments/dev/environment.yaml": "layers: [base]\n",
        "environments/prod/environment.yaml": "layers: [base]\n",
        "policies/promotion.yaml": `order: [dev, prod]\ninto: { prod: { gates: ${gates} } }\n`,
        ...file,
      },
      { branch },
    );
  }

  async function run(...args: string[]): Promise<string> {
    const text = await said("--config", world.configFile, ...args);
    heard.push([`trueup ${args.join(" ")}`, text]);
    return text;
  }

  /** All that only looks: as data and as text, where not every form is asked for. */
  async function lookAround(forms: readonly string[] = ["json", "table"]): Promise<void> {
    for (const form of forms) {
      await run("promote", "dev", "prod", "--dry-run", "-o", form);
      await run("promotions", "-o", form);
      await run("compare", "dev", "prod", "-o", form);
    }
  }

  it("are in no command that promotes, compares or rolls back, in no form", async () => {
    await run("sync");
    await commit(second, { "environments/prod/host/app.yaml": "level: 2\n" });
    await run("sync", "dev");
    expect(await run("promote", "dev", "prod", "--dry-run")).toMatch(/api_token +\(sensitive/);
    await lookAround(FORMS);
    expect(await run("compare", "dev", "prod")).toMatch(/login +\(sensitive [0-9a-f]+\) +\(sensitive/);
    await run("promote", "dev", "prod", "--approve", "-o", "github");
    expect(sink.requests.length).toBeGreaterThan(1);
    const waived = ["approvals", "webhook", "health"].flatMap((gate) => ["--waive", gate]);
    expect(await run("promote", "dev", "prod", ...waived, "--because", "INC-1", "--merge")).toContain("promoted");
    await run("sync");
    expect(leaksIn([["live", readFileSync(join(world.root("prod"), "app.yaml"), "utf8")]], secrets)).not.toEqual([]);
    for (const form of FORMS) await run("rollback", "prod", "--dry-run", "-o", form);
    expect(await run("rollback", "prod", "--because", "INC-2")).toContain("rolls back prod");
    for (const form of FORMS) await run("history", "-o", form);
  });

  it("are not shown where only one side takes them for such, or takes them away", async () => {
    const open = { "environments/base/environment.yaml": "targets: { host: { kind: files, connection: host } }\n" };
    await commit(hotfix, { ...open, "environments/base/host/nginx.conf": null });
    await lookAround();
    await run("promote", "dev", "prod");
  });

  it("are in no conflict, and in no error of what would be", async () => {
    await world.repository.git("branch", "rolled-back", "prod");
    await commit(inGit("prod's own"), {}, "prod");
    expect(await run("promote", "dev", "prod")).toContain("blocked");
    await lookAround();
    const broken = `api_token: *${secret("an alias", secretWord)}\n  x: 1\n`;
    await world.commit({ "environments/base/host/app.yaml": broken }, { branch: "dev" });
    expect(await run("promote", "dev", "prod")).toContain("blocked");
    await lookAround();
    await commit(hotfix, { "environments/dev/host/app.yaml": broken, "environments/base/environment.yaml": TARGETS });
    await lookAround(["json"]);
    const schema = '{ "properties": { "app.yaml": { "properties": { "login": { "const": "x", "maxLength": 1 } } } } }';
    const rules = "rules: [ { name: x, match: { target: host }, require: 'document[\"app.yaml\"].login == 1.0' } ]\n";
    for (const wrong of [{ "policies/schemas/host.schema.json": schema }, { "policies/validation.yaml": rules }]) {
      await commit(hotfix, { "environments/dev/host/app.yaml": null, ...wrong });
      // As if prod had never been apart.
      await world.repository.git(
        "branch",
        "--force",
        "prod",
        (await world.repository.git("rev-list", "dev")).split("\n").at(-1) ?? "",
      );
      expect(await run("promote", "dev", "prod")).toMatch(/validation +failed/);
      await lookAround(["json"]);
    }
  });

  it("are in nothing that is kept, in no request, and in nothing that was committed beyond what git had", async () => {
    const tables = await postgres.sql(
      "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_schema = 'trueup'",
      { url: store },
    );
    let pulls = "";
    for (const { name } of tables) {
      const rows = await postgres.sql(`SELECT to_jsonb(t)::text AS row FROM ${String(name)} t`, { url: store });
      const text = rows.map(({ row }) => String(row)).join("\n");
      heard.push([`table ${String(name)}`, text]);
      if (name === "trueup.pull_request") pulls = text;
    }
    expect(pulls).toContain("What changes for");
    for (const { body } of sink.requests) heard.push(["a request", body]);
    const messages = await world.repository.git("log", "--all", "--format=%B%an%ae", "--grep=Trueup\\|Roll");
    expect(messages).toContain("INC-2");
    heard.push(["messages", messages], ["refs", await world.repository.git("for-each-ref")]);
    const fromSource = [...secrets].filter(([name]) => /^(login|part|pem|opaque|credential)/.test(name));
    const objects = await world.repository.git("log", "--all", "-p", "-m", "--format=%H");
    expect(leaksIn([["objects", objects]], fromSource)).toEqual([]);
  });

  it("are in no error of what cannot be reached", async () => {
    const wrong = [
      { repository: { url: `${git.url}/environments-repository/.git`, token: secret("a wrong token", secretWord) } },
      { repository: { url: git.url.replace("//", `//ann:${secret("in an address", secretWord)}@`) } },
      { store: store.replace(/:[^:@/]*@/, `:${secret("a wrong password", secretWord)}@`) },
    ];
    for (const change of wrong) {
      configure(change);
      for (const verb of [["promotions"], ["compare", "dev", "prod"], ["rollback", "prod"], ["promote", "dev"]]) {
        expect(await run(...verb, "-o", "json")).toContain("error");
      }
    }
  });
});
