import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { printable } from "../../src/cli/output/report.js";
import { runDelivery } from "../../src/delivery/delivery.js";
import type { Session } from "../../src/reconcile/session.js";
import { writerSql, writersTable } from "../../src/targets/postgres-table/writer-setup.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { cycle, diffNow, eventList, makeWorld, syncNow, targetOf, until, type World } from "../support/world.js";

const POLICY = `rules:
  - { name: pool, match: { path: "/pool" }, severity: high, actions: [propose, alert] }
  - { name: level, match: { path: "/level" }, severity: low, actions: [heal] }
`;

/** One table, people with roles of their own, and all that is told of what they do. */
describe.skipIf(postgresUnavailable !== undefined)("who changed it", () => {
  const name = { schema: "public", table: "app_settings" };
  let server: TestPostgres;
  let sink: HttpSink;
  let world: World;
  let session: Session;
  let database: string;
  let trueup: string;
  let ana: string;
  let ben: string;
  const role = (url: string): string => new URL(url).username;
  const sql = (text: string, url = database) => server.sql(text, { url });
  const writers = async () =>
    targetOf(await cycle(session)).findings.map(({ path, changedBy }) => [path, changedBy?.by, changedBy?.certainty]);
  const warnings = () => world.logged.filter(({ fields }) => fields.event === "attribution");

  beforeAll(async () => {
    server = await startPostgres();
    sink = await startSink(() => ({ status: 204 }));
    database = await server.newDatabase();
    trueup = await server.newRole({ name: "trueup", url: database });
    ana = await server.newRole({ name: "ana", url: database });
    ben = await server.newRole({ name: "ben", url: database });
    await sql(`CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb NOT NULL);
      GRANT SELECT, INSERT, UPDATE, DELETE ON app_settings TO trueup, ana, ben;
      ${writerSql({ name, key: "key", value: "value", where: [] }, role(trueup)).install}`);
    world = await makeWorld({
      ...{ store: await server.newDatabase(), forge: { kind: "local" } },
      connections: { database: { url: trueup } },
    });
    const config = JSON.parse(readFileSync(world.configFile, "utf8")) as Record<string, unknown>;
    const notifiers = [{ kind: "webhook", name: "all", url: `http://127.0.0.1:${sink.port}/` }];
    writeFileSync(world.configFile, JSON.stringify({ ...config, notifiers }));
    await world.commit({
      "environments/prod/environment.yaml":
        "targets: { settings: { kind: postgres-table, connection: database, table: app_settings } }\n",
      "environments/prod/settings.yaml": "pool: 20\nlevel: info\n",
      "policies/drift.yaml": POLICY,
    });
    session = world.open();
    await syncNow(session);
  });
  afterAll(async () => {
    await world.close();
    await sink.close();
    await server.close();
  });

  it("stands in the report, the pull request, the history and the message, and whoever was healed is named, too", async () => {
    await sql("UPDATE app_settings SET value = '5' WHERE key = 'pool'", `${ana}?application_name=psql`);
    await sql("UPDATE app_settings SET value = '\"debug\"' WHERE key = 'level'", ben);
    expect(targetOf(await diffNow(session)).findings.map(({ changedBy }) => changedBy?.by)).toEqual(
      expect.arrayContaining(["ana (psql, 127.0.0.1)", "ben (127.0.0.1)"]),
    );
    const report = await cycle(session);
    const [finding] = targetOf(report).findings;
    const changedBy = {
      by: "ana (psql, 127.0.0.1)",
      at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      how: "recorded by the table's trigger",
      certainty: "certain",
    };
    expect(finding).toMatchObject({ path: "/pool", changedBy });

    const { table, markdown } = printable({ schemaVersion: 1, environments: [report] });
    for (const text of [table(), markdown()]) {
      expect(text).toMatch(/CHANGED BY/);
      expect(text).toMatch(/ana \(psql, 127\.0\.0\.1\), at .* \(certain: recorded by the table's trigger\)/);
    }
    const pull = await (await session.forge())?.find("trueup/drift/prod/settings", session.stop);
    expect(pull?.body).toContain("| changed by |");
    expect(pull?.body).toMatch(/<code>ana &#40;psql&#44; 127\.0\.0\.1&#41;&#44; at [^|]*certain:/);

    const events = await eventList(session, "prod");
    expect(events.find(({ type, path }) => type === "drifted" && path === "/pool")).toMatchObject({
      message: expect.stringContaining("changed by ana (psql, 127.0.0.1)") as string,
      detail: { changedBy },
    });
    expect(events.find(({ type }) => type === "healed")?.detail).toMatchObject({
      changedBy: { by: "ben (127.0.0.1)" },
    });

    const stop = new AbortController();
    const delivering = world.open({ stop: stop.signal });
    const delivery = runDelivery(delivering);
    await until(() => sink.requests.length === 1);
    stop.abort();
    await delivery;
    expect(JSON.parse(sink.requests[0]?.body ?? "")).toMatchObject({ incidents: [{ path: "/pool", changedBy }] });
  });

  it("is asked once a drift; what cannot be learned is logged once, and is no reason to fail", async () => {
    // From here on the record cannot be read: who asks fails.
    await sql(`REVOKE SELECT ON ${writersTable(name).table} FROM trueup`);
    expect(await writers()).toEqual([["/pool", "ana (psql, 127.0.0.1)", "certain"]]);
    const commits = () => execFileSync("git", ["rev-list", "--all", "--count"], { cwd: world.repository.folder });
    const before = String(commits());
    expect(await writers()).toEqual([["/pool", "ana (psql, 127.0.0.1)", "certain"]]);
    expect(String(commits())).toBe(before);
    expect(warnings()).toEqual([]);
    for (const value of [6, 7]) {
      await sql(`UPDATE app_settings SET value = '${value}' WHERE key = 'pool'`, ben);
      expect(await writers()).toEqual([["/pool", undefined, undefined]]);
    }
    expect(warnings()).toMatchObject([
      { level: "warn", fields: { code: "PERMISSION_DENIED", hint: expect.stringContaining("GRANT SELECT") as string } },
    ]);
    await sql(`GRANT SELECT ON ${writersTable(name).table} TO trueup`);
    await sql("DELETE FROM app_settings WHERE key = 'pool'", ben);
    expect(await writers()).toEqual([["/pool", "ben (127.0.0.1)", "certain"]]);
  });
});
