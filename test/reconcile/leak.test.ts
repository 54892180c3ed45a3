import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { deliverNow } from "../../src/delivery/delivery.js";
import { environmentStates } from "../../src/delivery/states.js";
import { type Broker, startBroker } from "../../src/demo/mqtt-broker.js";
import type { Log } from "../../src/lib/log.js";
import { openSession, type Session } from "../../src/reconcile/session.js";
import { serveControl } from "../../src/server/control.js";
import { lockDirectory, type OwnedDirectory } from "../../src/store/directory-lock.js";
import { embeddedDatabase } from "../../src/store/embedded.js";
import { cleanEnv, MAIN } from "../support/cli.js";
import { type GitServer, startGitServer } from "../support/git-server.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { said } from "../support/in-process.js";
import { leaksIn, sampled, secretKey, secretLine, secretWord } from "../support/leaks.js";
import { connectClient, retain } from "../support/mqtt.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { cycle, makeWorld, until, type World } from "../support/world.js";

/** Every secret that the world ever held, by a name that says where. */
const secrets = new Map<string, string>();
/** Everything that Trueup ever said, by where. */
const heard: [what: string, text: string][] = [];

function secret(name: string, arbitrary = secretLine): string {
  const text = sampled(arbitrary);
  secrets.set(name, text);
  return text;
}

/** What one state of the world has at each place that is sensitive; all but the last three come from `${secret:…}` in git. */
function values(side: string) {
  const of = (name: string, arbitrary = secretLine) => secret(`${name} (${side})`, arbitrary);
  return {
    ...{ line: of("line"), pem: of("pem", secretKey), word: of("word", secretWord), part: of("part", secretWord) },
    ...{ peer: of("peer"), ana: of("ana"), north: of("north"), member: of("member"), nginx: of("nginx") },
    ...{ conn: of("conn"), toml: of("toml"), json: of("json", secretWord), row: of("row"), cell: of("cell") },
    ...{ guc: of("guc", secretWord), topic: of("topic") },
    ...{ marked: of("marked"), named: of("named"), link: of("link", secretWord) },
  };
}
type Values = ReturnType<typeof values>;

/** The texts of git, with a reference at each place, or of a live file. */
function app(at: Values, plain: object, flags: object) {
  return {
    mail: { login: at.line },
    bundle: at.pem,
    address: `postgres://app:${at.word}@db/app`,
    banner: `Hello ${at.part} and welcome`,
    peers: ["a", at.peer, "b"],
    users: [
      { id: "ana", note: at.ana },
      { id: "north", note: at.north },
    ],
    members: ["x", at.member],
    marked: { deep: at.marked },
    api_token: at.named,
    link: `amqp://app:${at.link}@queue/`,
    flags,
    plain,
  };
}
const nginx = (at: Values): string => `server {\n  proxy_set_header X-Auth "${at.nginx}";\n  return 200 $host;\n}\n`;

const PLAIN = {
  ...{ one: 1, uno: "1", yes: true, ja: "true", letter: "a", word: "banana", empty: "", pool: 20 },
  ...{ url: "http://127.0.0.1:1/1?true", list: [1, true, "a"] },
};
const FLAGS = { one: "1", yes: "true", letter: "a", nothing: "" };

const RULES = `
rules:
  - { name: all, match: { path: "/**" }, severity: high, actions: [propose, alert] }
guards: { acceptLoss: [host, broker, settings, server], blastRadius: { share: 1, atLeast: 100 } }
`;

const SCHEMA = JSON.stringify({
  properties: {
    "app.yaml": {
      properties: {
        mail: {
          properties: {
            login: { maxLength: 3, pattern: "^x$", format: "email", enum: ["x"], const: "x", type: "integer" },
          },
        },
        members: { maxItems: 0, uniqueItems: true, items: { not: {} }, contains: { const: 1 } },
      },
    },
  },
});
const RULES_THAT_BREAK = [
  'document["app.yaml"].mail.login == 1.0',
  'int(document["app.yaml"].mail.login) > 1',
  'document["app.yaml"].mail.login.matches(document["app.yaml"].banner + "(")',
  'document[document["app.yaml"].mail.login]',
];
/** Takes back what made an error. */
const BACK = { "policies/schemas/host.schema.json": "{}", "policies/validation.yaml": "rules: []" };

describe("secrets", { timeout: 60_000 }, () => {
  let world: World;
  let session: Session;
  let lock: OwnedDirectory;
  let control: ReturnType<typeof serveControl>;
  let github: GitHubWorld;
  let git: GitServer;
  let broker: Broker;
  let sink: HttpSink;
  let postgres: TestPostgres | undefined;
  let database = "";
  let mail: SMTPServer;
  let failing = false;
  let repository = "";
  const mails: string[] = [];
  const now = { desired: values("desired"), live: values("live") };
  const stop = new AbortController();
  const credentials = {
    ...{ git: secret("credential: git", secretWord), forge: secret("credential: forge", secretWord) },
    ...{ broker: secret("credential: broker"), database: secret("credential: database") },
    ...{ hmac: secret("credential: hmac"), hook: secret("credential: hook", secretWord) },
    ...{ slack: secret("credential: slack", secretWord), bot: secret("credential: bot", secretWord) },
    ...{ pager: secret("credential: pager", secretWord), smtp: secret("credential: smtp") },
    ...{ issue: secret("credential: issue", secretWord) },
  };

  const log: Log = Object.fromEntries(
    ["debug", "info", "warn", "error"].map((level) => [
      level,
      (fields: object, message: string) => heard.push([`log ${level}`, JSON.stringify({ ...fields, message })]),
    ]),
  ) as unknown as Log;

  beforeAll(async () => {
    postgres = postgresUnavailable === undefined ? await startPostgres() : undefined;
    if (postgres !== undefined) {
      database = await postgres.newDatabase();
      await postgres.sql("CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb)", { url: database });
      // As careless as a trigger can be: it quotes the whole row.
      await postgres.sql(
        `CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.value::text LIKE '%refuse%' THEN RAISE EXCEPTION 'the row % is refused', NEW.value::text; END IF;
           RETURN NEW; END $$;
         CREATE TRIGGER picky BEFORE INSERT OR UPDATE ON app_settings FOR EACH ROW EXECUTE FUNCTION picky()`,
        { url: database },
      );
    }
    broker = await startBroker({ username: "trueup", password: credentials.broker });
    github = await githubWorld();
    repository = await github.repository();
    sink = await startSink(({ method, path, body, headers }) => {
      if (failing) return { status: 400, body: JSON.stringify({ message: body, headers }) };
      if (path.startsWith("/repos")) return { status: 200, body: method === "GET" ? "[]" : '{"number":1}' };
      if (path.startsWith("/api")) return { status: 200, body: '{"ok":true,"ts":"1.1"}' };
      return { status: path.startsWith("/pager") ? 202 : 200, body: "ok" };
    });
    mail = new SMTPServer({
      ...{ disabledCommands: ["STARTTLS"], allowInsecureAuth: true },
      onAuth({ password }, _, done) {
        if (failing) done(Object.assign(new Error(`no ${password ?? ""}`), { responseCode: 535 }));
        else done(null, { user: "trueup" });
      },
      onData(stream, _, done) {
        let text = "";
        stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        stream.on("end", () => {
          mails.push(text);
          done();
        });
      },
    });
    mail.on("error", () => undefined);
    await new Promise<void>((listening) => {
      mail.listen(0, "127.0.0.1", listening);
    });
    world = await makeWorld();
    git = await startGitServer({ root: world.folder, token: credentials.git });
    configure();
    const acquired = await lockDirectory(world.stateDirectory);
    if (acquired.kind !== "owned") throw new Error("the directory is held");
    lock = acquired;
    const config = loadConfig(world.configFile, process.env);
    session = openSession({ config, log, stop: stop.signal, holder: "test@here:1", lock, pace: "none" });
    control = serveControl(session, lock);
  });

  afterAll(async () => {
    await leave();
    await world.close();
    await Promise.all([git.close(), github.close(), sink.close(), broker.stop(), postgres?.close()]);
    await new Promise<void>((closed) => {
      mail.close(closed);
    });
  });

  async function leave(): Promise<void> {
    if (stop.signal.aborted) return;
    stop.abort();
    await control.close();
    await session.close();
    await lock.release();
  }

  // Whatever a test was about: nothing that was said since the last one shows a secret.
  afterEach(() => {
    expect(leaksIn(heard.splice(0), secrets)).toEqual([]);
  });

  function configure(): void {
    const credential = (name: keyof typeof credentials): string => `\${LEAK_${name.toUpperCase()}}`;
    const at = `http://127.0.0.1:${sink.port}`;
    const { port: smtp } = mail.server.address() as { port: number };
    const connections = {
      host: { root: world.root() },
      broker: { url: broker.url, username: "trueup", password: credential("broker") },
      ...(postgres === undefined ? {} : { database: { url: database } }),
    };
    const when = "true";
    const file = {
      repository: { url: `${git.url}/environments-repository/.git`, token: credential("git") },
      stateDirectory: world.stateDirectory,
      forge: { kind: "github", repository, token: credential("forge"), url: github.url },
      environments: {
        prod: { connections, secrets: [{ kind: "directory", path: join(world.folder, "secrets") }] },
      },
      notifiers: [
        { kind: "webhook", url: `${at}/hook/${credential("hook")}`, secret: credential("hmac"), when },
        { kind: "slack", name: "slack-hook", url: `${at}/slack/${credential("slack")}` },
        { kind: "slack", name: "slack-bot", token: credential("bot"), channel: "C1", apiUrl: `${at}/api` },
        { kind: "pagerduty", routingKey: credential("pager"), url: `${at}/pager` },
        {
          ...{ kind: "email", url: `smtp://127.0.0.1:${smtp}`, username: "trueup", password: credential("smtp") },
          ...{ plaintext: true, from: "trueup@example.org", to: ["ops@example.org"] },
        },
        { kind: "mqtt", url: broker.url, username: "trueup", password: credential("broker") },
        { kind: "github-issue", repository, token: credential("issue"), apiUrl: at },
      ],
    };
    writeFileSync(world.configFile, JSON.stringify(file));
    for (const [name, text] of Object.entries(credentials)) vi.stubEnv(`LEAK_${name.toUpperCase()}`, text);
  }

  /** Runs a command in this process, as it would be run in another terminal: it asks the controller's socket. */
  async function run(...args: string[]): Promise<string> {
    const config = args.includes("--config") ? [] : ["--config", world.configFile];
    const text = await said(...config, ...args);
    heard.push([`trueup ${args.join(" ")}`, text]);
    return text;
  }

  const keep = (name: string, text: string): void => {
    mkdirSync(join(world.folder, "secrets"), { recursive: true });
    writeFileSync(join(world.folder, "secrets", name), text);
  };

  /** What git has: references in place of what comes from the source, the rest as it is. */
  async function commit({ plain = PLAIN, more = {} }: { plain?: object; more?: Record<string, string | null> } = {}) {
    const { desired } = now;
    const reference = Object.fromEntries(
      Object.keys(desired).map((name) => [name, `\${secret:${name}}`]),
    ) as unknown as Values;
    const written: Values = { ...reference, marked: desired.marked, named: desired.named, link: desired.link };
    const flags = Object.fromEntries(Object.keys(FLAGS).map((name) => [name, `\${secret:${name}}`]));
    for (const [name, text] of Object.entries({ ...desired, ...FLAGS })) {
      keep(name, name === "json" ? JSON.stringify({ inner: text }) : text);
    }
    const tree = app(written, plain, flags);
    tree.users[1] = { id: "${site}", note: reference.north };
    const targets = {
      host: {
        ...{ kind: "files", connection: "host", sensitive: ["/app.yaml/marked"] },
        lists: { "/app.yaml/users": { key: "id" }, "/app.yaml/members": "set" },
      },
      broker: { kind: "mqtt", connection: "broker", prefix: "app" },
      ...(postgres === undefined
        ? {}
        : {
            settings: { kind: "postgres-table", connection: "database", table: "app_settings" },
            server: { kind: "postgres-settings", connection: "database", scope: "database" },
          }),
    };
    await world.commit({
      "environments/prod/environment.yaml": JSON.stringify({ variables: { site: "north" }, targets }),
      "environments/prod/host/app.yaml": yamlOf(tree),
      "environments/prod/host/nginx.conf": nginx(reference),
      "environments/prod/host/app.env": `CONN=\${secret:conn}\nLEVEL=info\n`,
      "environments/prod/host/app.toml": `[a]\nvalue = "\${secret:toml}"\n`,
      "environments/prod/broker.yaml": "text: ${secret:topic}\ntree: ${secret:json}\nplain: 1\n",
      "environments/prod/settings.yaml": "mail: { host: db, login: '${secret:row}' }\ncell: ${secret:cell}\n",
      "environments/prod/server.yaml": "MyApp.Greeting: ${secret:guc}\n",
      "policies/drift.yaml": RULES,
      ...more,
    });
  }

  /** Someone writes other values everywhere, and what they write is secret, too. */
  async function drift(plain: object, flags: object = FLAGS): Promise<void> {
    const { live } = now;
    writeFileSync(join(world.root(), "app.yaml"), yamlOf(app(live, plain, flags)));
    writeFileSync(join(world.root(), "nginx.conf"), nginx(live));
    writeFileSync(join(world.root(), "app.env"), `CONN='${live.conn.replaceAll("'", "")}'\nLEVEL=debug\n`);
    writeFileSync(join(world.root(), "app.toml"), `[a]\nvalue = ${JSON.stringify(live.toml)}\n`);
    const client = await connectClient(broker.url, { username: "trueup", password: credentials.broker });
    await retain(client, [
      ["app/text", live.topic],
      ["app/tree", JSON.stringify({ inner: live.json })],
      ["app/plain", "2"],
    ]);
    await client.endAsync();
    if (postgres === undefined) return;
    const values = [JSON.stringify({ host: "other", login: live.row }), JSON.stringify(live.cell)];
    await postgres.sql("UPDATE app_settings SET value = CASE key WHEN 'mail' THEN $1::jsonb ELSE $2::jsonb END", {
      url: database,
      values,
    });
    const [row] = await postgres.sql(
      "SELECT format('ALTER DATABASE %I SET myapp.greeting = %L', current_database(), $1::text) AS sql",
      {
        ...{ url: database, values: [live.guc] },
      },
    );
    await postgres.sql(String(row?.["sql"]), { url: database });
  }

  const environmentText = async (): Promise<string> =>
    world.repository.git("show", "prod:environments/prod/environment.yaml");
  const liveText = (): string =>
    ["app.yaml", "nginx.conf", "app.env", "app.toml"]
      .map((name) => readFileSync(join(world.root(), name), "utf8"))
      .join("\n");

  /** As the controller shows it where the medium does. */
  async function showStates(): Promise<void> {
    const routes = await session.routes();
    const at = new Date().toISOString();
    const states = (await environmentStates(session)).map((state) => ({ ...state, at }));
    for (const route of routes) await (await session.notifier(route)).show?.(states, stop.signal);
  }

  /** Every command that shows something, in every form where that is asked for. */
  async function lookAround(forms: readonly string[] = ["json"]): Promise<void> {
    for (const form of forms) {
      for (const verb of ["diff", "status", "history", "report"]) await run(verb, "-o", form);
    }
    if (forms.length > 1) await run("report", "-o", "html");
    await run("render", "prod", "--explain", "-o", "json");
    await run("adopt", "prod", "--dry-run");
    await run("policy", "explain", "prod");
  }

  it("would be found, in whatever form they were shown", () => {
    const text = `password: ${now.desired.line}`;
    const json = JSON.stringify({ text });
    const forms: Record<string, string> = {
      ...{ clear: text, json, twice: JSON.stringify(json), hex: Buffer.from(text).toString("hex") },
      ...{ percent: encodeURIComponent(text), form: new URLSearchParams({ text }).toString() },
      ...{ html: text.replaceAll("<", "&lt;"), url: Buffer.from(text).toString("base64url"), pem: now.desired.pem },
    };
    for (const before of ["", "x", "xx"])
      forms[`base64 ${before}`] = Buffer.from(`${before}${text}y`).toString("base64");
    const found = new Set(leaksIn(Object.entries(forms), secrets).map((leak) => leak.split(":")[0]));
    expect([...found]).toEqual(Object.keys(forms));
    expect(leaksIn([["nothing", "a setting (sensitive 1a2b3c4d) of prod/host"]], secrets)).toEqual([]);
  });

  it("are written to the live systems, and shown nowhere on the way", async () => {
    await commit();
    const report = await run("sync", "prod", "-o", "json");
    expect(report).toContain('"state": "Synced"');
    expect((await cycle(session)).state).toBe("Synced");
    // The forms of the secrets are found where they may be: so they would be found elsewhere.
    const { desired } = now;
    const written = Object.entries(desired).slice(0, 11);
    expect(leaksIn([["live", liveText()]], written)).toHaveLength(written.length);
    await lookAround();
  });

  it("are shown nowhere when others write other ones", async () => {
    await drift({ ...PLAIN, pool: 25, word: "ananas" });
    expect((await cycle(session)).state).toBe("Drifted");
    await cycle(session);
    await deliverNow(session, { signal: stop.signal, patience: 20_000 });
    await lookAround(["table", "json", "yaml", "markdown"]);
    await run("sync", "--dry-run");
    await run("render", "prod");
    await run("policy", "backtest", "--since", "1h");
    await run("validate");
    await run("doctor");
    // A service is told its own credential, and no other's.
    const own = /Bearer \S+|"routing_key":"[^"]*"/g;
    for (const { path, headers, body } of sink.requests) {
      const [, service = ""] = path.split("/");
      heard.push([`sink ${service}`, `${JSON.stringify(headers)}\n${body}`.replaceAll(own, "")]);
    }
    heard.push(...mails.map((text): [string, string] => ["mail", text]));
    const told = new Set(sink.requests.map(({ path }) => path.split("/")[1]));
    expect([...told].sort()).toEqual(["api", "hook", "pager", "repos", "slack"]);
    expect(mails).not.toEqual([]);
    const client = await connectClient(broker.url, { username: "trueup", password: credentials.broker });
    const states = new Promise<void>((done) => {
      client.on("message", (topic, payload) => {
        heard.push([`mqtt ${topic}`, payload.toString()]);
        if (topic.startsWith("trueup/")) done();
      });
    });
    await client.subscribeAsync(["trueup/#", "homeassistant/#"]);
    await showStates();
    await states;
    await client.endAsync();
  });

  it("are in no pull request, and in no commit beyond what git had", async () => {
    const head = "trueup/drift/prod/host";
    const shown = (...args: string[]): string =>
      execFileSync("git", args, { cwd: world.repository.folder, encoding: "utf8", maxBuffer: 1e8 });
    heard.push(["messages of commits", shown("log", "--format=%B", "--all")]);
    const proposed = shown("show", "-U0", "--format=", head);
    expect(proposed).toContain('"word":"ananas"');
    heard.push(["proposed", proposed]);
    for (const path of ["pulls?state=all", "issues?state=all", "issues/comments", "labels"]) {
      const { status, data } = await github.as(tokens.owner, "GET", `/repos/${repository}/${path}`);
      if (status === 200) heard.push([`github ${path}`, JSON.stringify(data)]);
      if (path.startsWith("pulls")) expect(JSON.stringify(data)).toContain("/app.yaml/plain/word");
    }
    await run("adopt", "prod/host", "/app.yaml/plain/pool", "--because", "it is better");
    await run("adopt", "prod/host", "/app.yaml/mail/login");
    const adopted = shown("for-each-ref", "--format=%(refname)", "refs/heads/trueup/adopt").trim();
    expect(adopted).not.toBe("");
    heard.push(["adopted", shown("show", "-U0", adopted.split("\n")[0] ?? "")]);
    // What git itself has on the line of a value is git's: only what it refers to is not.
    for (const { name, referred } of [{ name: "whole branch", referred: shown("log", "-p", "--all") }]) {
      const fromSource = [...secrets].filter(([which]) => !/^(marked|named|link) /.test(which));
      expect(leaksIn([[name, referred]], fromSource)).toEqual([]);
    }
  });

  it("are shown by no decision of a person", async () => {
    await run("hold", "prod/host", "/app.yaml/mail/login", "--for", "1h", "--because", "INC-1");
    await run("hold");
    await cycle(session);
    await run("hold", "prod/host", "/app.yaml/mail/login", "--release");
    await run("revert", "prod", "/app.yaml/mail/login", "--because", "no");
    await run("sync", "prod", "--adopt", "live", "--confirm");
    // Others insert an element: what stood behind it is at another place now.
    const { live } = now;
    const moved = app(live, PLAIN, FLAGS);
    writeFileSync(join(world.root(), "app.yaml"), yamlOf({ ...moved, peers: ["new", ...moved.peers] }));
    await run("diff", "prod", "-o", "json");
    await run("sync", "prod", "--adopt", "desired", "--confirm");
    expect(await run("diff", "prod")).toContain("Synced");
  });

  it("are in no error, however verbose", async () => {
    const inHost = [
      { "policies/schemas/host.schema.json": SCHEMA },
      ...RULES_THAT_BREAK.map((require) => ({
        "policies/validation.yaml": `rules: [{ name: x, match: { target: host }, require: ${JSON.stringify(require)} }]`,
      })),
      ...["*", "!", '"', "{ ", "&x *"].map((before) => ({
        "environments/prod/host/app.yaml": `api_token: ${before}${now.desired.named.trim()}\n  x: 1\n`,
      })),
      { "environments/prod/host/app.yaml": "users: [{ id: '${secret:ana}', note: x }]\n" },
      { "environments/prod/host/app.yaml": "users: [{ id: a, note: '${secret:ana}' }, { id: a }]\n" },
    ];
    const elsewhere = [
      { "environments/prod/server.yaml": "work_mem: ${secret:guc}\n" },
      { "environments/prod/server.yaml": "enable_seqscan: ${secret:line}\n" },
      { "environments/prod/server.yaml": "archive_command: ${secret:guc}\n" },
      { "environments/prod/broker.yaml": "text: ${secret:nothing}\n" },
      { "environments/prod/broker.yaml": "text: ${secret:unknown}\n" },
    ];
    for (const [index, error] of inHost.entries()) {
      await commit({ more: { ...BACK, ...error, ...elsewhere[index] } });
      expect(await run("diff", "prod", "-o", "json")).toMatch(/"name": "host",\s+"kind": "files",\s+"state": "Failed"/);
    }
    await run("validate", "-o", "json");
    await run("render", "prod");
    await cycle(session);
    await commit({ more: BACK });
    await run("sync", "prod", "--confirm");

    // The live systems refuse: one setting of a row, and the trigger quotes them all.
    keep("row", `refuse ${secret("refused row")}`);
    writeFileSync(join(world.root(), "app.yaml"), `api_token: *${secret("live, and wrong", secretWord)}\n`);
    expect(await run("sync", "prod")).toContain("app.yaml:1:12");
    keep("row", now.desired.row);
    await commit({ more: { "environments/prod/settings.yaml": "mail: { host: refuse, login: '${secret:row}' }\n" } });
    rmSync(join(world.root(), "app.yaml"));
    mkdirSync(join(world.root(), "app.yaml"));
    const refused = await run("sync", "prod");
    if (postgres !== undefined) expect(refused).toContain("in words that hold a sensitive value");
    rmSync(join(world.root(), "app.yaml"), { recursive: true });
    await commit();
    await run("sync", "prod", "--confirm", "--adopt", "desired");
    expect((await cycle(session)).state).toBe("Synced");
    await run("history", "-o", "json");
    await run("history", "prod", "--revisions", "-o", "json");
    // Every document as it is and as it once was, side by side.
    const first = await world.repository.git("rev-list", "--max-parents=0", "prod");
    for (const form of ["json", "table", "github"]) {
      await run("rollback", "prod", "--to", first, "--dry-run", "-o", form);
      await run("promotions", "-o", form);
    }
  });

  it("are in no error of a connection, a service or trueup.yaml", async () => {
    failing = true;
    const { notifiers } = loadConfig(world.configFile, process.env);
    for (const { name } of notifiers) await run("notify", "test", name);
    failing = false;

    const file = JSON.parse(readFileSync(world.configFile, "utf8")) as { environments: { prod: object } };
    const { prod } = file.environments;
    const wrong = join(world.folder, "wrong.yaml");
    const host = `127.0.0.1:${git.url.split(":").at(-1) ?? ""}`;
    const token = secret("wrong token", secretWord);
    const connection = (name: string, value: unknown) => ({
      environments: {
        prod: { ...prod, connections: { host: { root: world.root() }, [name]: value } },
      },
    });
    const url = `postgres://u:${token}@127.0.0.1:1/x`;
    const changes: object[] = [
      { repository: { url: `${git.url}/environments-repository/.git`, token } },
      { repository: { url: `http://u:${token}@${host}/environments-repository/.git` } },
      { repository: { url: `http://${token}@${host}/none.git` } },
      { repository: { url: `ssh://u:${token}@${host}/none.git` } },
      { repository: { url: `ext::sh -c ${token}` } },
      { store: url },
      { forge: { kind: "github", repository: token, token } },
      { forge: { kind: token } },
      { notifiers: [{ kind: "webhook", url: `htp://${token}`, secret: 1 }] },
      { notifiers: [{ kind: "slack", token, url: `https://x/${token}` }] },
      { notifiers: [{ kind: "email", url: `smtp:${token}`, from: "a@b", to: token }] },
      { interval: token },
      connection("database", { url, password: "" }),
      connection("database", { url: `postgres//${token}` }),
      connection("broker", { url: "mqtt://127.0.0.1:1", password: token, usernam: token }),
      connection("broker", { url: broker.url, username: "trueup", password: token }),
      connection("database", { url: (postgres?.url ?? url).replace(/:[^:@]+@/, `:${token}@`) }),
    ];
    for (const change of changes) {
      writeFileSync(
        wrong,
        JSON.stringify({ ...file, stateDirectory: join(world.folder, "other"), store: url, ...change }),
      );
      await run("--config", wrong, ...("store" in change ? ["status"] : ["render", "prod"]));
    }
    for (const text of [
      `store: *${token}`,
      `store: !${token}`,
      `store: "${token}`,
      `store: {a: ${token}`,
      `a: ${token}: b`,
    ]) {
      writeFileSync(wrong, `${text}\n`);
      expect(await run("--config", wrong, "status")).toContain("CONFIG_INVALID");
    }
    // The controller takes another password, and meets the server with it.
    for (const [name, value] of Object.entries({ broker: token, database: token })) {
      vi.stubEnv(`LEAK_${name.toUpperCase()}`, value);
    }
    session.reconfigure(loadConfig(world.configFile, process.env));
    expect((await cycle(session)).state).toBe("Unknown");
    await run("diff");
    await run("doctor");
    for (const name of ["broker", "database"] as const) vi.stubEnv(`LEAK_${name.toUpperCase()}`, credentials[name]);
    session.reconfigure(loadConfig(world.configFile, process.env));
    expect((await cycle(session)).state).toBe("Synced");
  });

  it("are shown nowhere when they are changed, no longer marked, and no longer managed", async () => {
    const before = now.desired;
    now.desired = values("rotated");
    await commit();
    await run("diff", "-o", "json");
    await cycle(session);
    await run("sync", "prod", "--confirm");
    // Git drops all of it: what was sealed stays so, although a rule now asks for what git does not name.
    const unmanaged = "rules: [{ name: all, when: \"finding.kind == 'unmanaged'\", severity: high, actions: [alert] }]";
    await commit({
      more: {
        "environments/prod/environment.yaml": (await environmentText()).replace("/app.yaml/marked", "/none"),
        "environments/prod/host/app.yaml": yamlOf({ plain: PLAIN }),
        "environments/prod/broker.yaml": "plain: 1\n",
        "environments/prod/settings.yaml": "mail: { host: db }\n",
        "environments/prod/server.yaml": "{}\n",
        "policies/drift.yaml": unmanaged,
      },
    });
    expect(await run("diff", "prod", "-o", "json")).toContain('"unmanaged"');
    for (let index = 0; index < 3; index += 1) await cycle(session);
    expect(await run("diff", "prod", "-o", "json")).toContain("/app.yaml/mail/login");
    await lookAround();
    expect(before).not.toEqual(now.desired);
  });

  it("blank nothing else, were they 1, true, a or nothing at all", async () => {
    const shown = async (): Promise<string> => {
      const said = [
        await run("diff", "prod", "-o", "json"),
        await run("render", "prod"),
        await run("adopt", "prod", "--dry-run"),
      ];
      // Seals, ids of objects in git, and times.
      return said.join("\n").replaceAll(/\b[0-9a-f]{7,40}\b|\d{4}-\d\d-\d\dT[\d:.]+Z/g, "…");
    };
    await commit();
    const drifted = { ...PLAIN, uno: "11", ja: "true true", letter: "aa", one: 11, yes: false };
    const shownWith = async (flags: Readonly<Record<string, string>>): Promise<string> => {
      for (const [name, text] of Object.entries(flags)) keep(name, text);
      await run("sync", "prod", "--confirm", "--adopt", "desired");
      await drift(drifted, { one: "b", yes: "b", letter: "b", nothing: "b" });
      return shown();
    };
    const withLong = await shownWith(
      Object.fromEntries(Object.keys(FLAGS).map((name) => [name, secret(`flag ${name}`, secretWord)])),
    );
    const withShort = await shownWith(FLAGS);
    expect(withShort).toBe(withLong);
    for (const text of ['"aa"', '"true true"', "http://127.0.0.1:1/1?true", '"banana"'])
      expect(withShort).toContain(text);
  });

  it("are in nothing that is kept: not in the store, nor beside it, nor beside the live files", async () => {
    await leave();
    const store = await embeddedDatabase(world.stateDirectory);
    const { rows: tables } = await store.pool.query<{ name: string }>(
      "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables WHERE table_schema = 'trueup'",
    );
    let size = 0;
    for (const { name } of tables) {
      const { rows } = await store.pool.query<{ row: string }>(`SELECT to_jsonb(t)::text AS row FROM ${name} t`);
      heard.push([`table ${name}`, rows.map(({ row }) => row).join("\n")]);
      size += rows.length;
    }
    await store.close();
    expect(tables.length).toBeGreaterThan(5);
    expect(size).toBeGreaterThan(100);
    const kept = readdirSync(world.stateDirectory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !file.includes("repository.git/objects"));
    for (const file of kept) heard.push([file, readFileSync(file, "latin1")]);
    expect(kept.some((file) => file.includes("pg_wal"))).toBe(true);
    expect(readdirSync(world.root()).sort()).toEqual(["app.env", "app.toml", "app.yaml", "nginx.conf"]);
  });

  it.skipIf(!existsSync(MAIN))(
    "are in no line of the controller's log, and in no argument of what it starts",
    async () => {
      await leave();
      now.live = values("under the controller");
      await drift({ ...PLAIN, pool: 77 });
      const git = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
      const written = join(world.folder, "arguments");
      const bin = join(world.folder, "bin");
      mkdirSync(bin);
      const script = `#!/bin/sh\nprintf '%s\\n' "$@" >> '${written}'\nexec '${git}' "$@"\n`;
      writeFileSync(join(bin, "git"), script, { mode: 0o755 });
      const variables = Object.entries(credentials).map(
        ([name, text]) => [`LEAK_${name.toUpperCase()}`, text] as const,
      );
      const PATH = `${bin}:${process.env["PATH"] ?? ""}`;
      const env = { ...cleanEnv(world.folder), ...Object.fromEntries(variables), PATH };
      const child = spawn(process.execPath, [MAIN, "run", "--verbose", "--config", world.configFile], { env });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
      }
      const ended = new Promise((done) => child.once("close", done));
      const told = ['"event":"started"', "/app.yaml/plain/pool", "/app.yaml/mail/login"];
      try {
        await until(
          () => {
            if (!told.every((text) => said.includes(text))) throw new Error(`the controller said: ${said}`);
          },
          { within: 25_000 },
        );
      } finally {
        child.kill("SIGTERM");
        await ended;
      }
      heard.push(["run", said], ["arguments", readFileSync(written, "utf8")]);
      expect(readFileSync(written, "utf8")).toContain("ls-remote");
    },
  );
});

function yamlOf(tree: object): string {
  return Object.entries(tree)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join("");
}
