import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { adopt } from "../../src/operations/adopt.js";
import { compareEnvironments } from "../../src/operations/compare.js";
import { doctor } from "../../src/operations/doctor.js";
import { hold } from "../../src/operations/hold.js";
import { promote } from "../../src/operations/promote.js";
import { renderDocuments } from "../../src/operations/render.js";
import { revert } from "../../src/operations/revert.js";
import { validateEnvironments } from "../../src/operations/validate.js";
import type { Session } from "../../src/reconcile/session.js";
import { startSink } from "../support/http-sink.js";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import { cycle, makeWorld, until, type World } from "../support/world.js";

vi.setConfig({ testTimeout: 60_000 });

/*
 * The tip of prod's branch failed as it was rolled out: prod follows the commit before. Whatever looks at prod must look at that,
 * and say so.
 */
let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
let sink: Awaited<ReturnType<typeof startSink>>;
let world: World;
let session: Session;
let good: string;
let bad: string;
const place = (): string => join(world.root("prod"), "app.yaml");
const context = () => ({ signal: session.stop, progress: () => undefined });
const ENVIRONMENT =
  "adopt: direct\nlayers: [base]\nrollout: { groups: [ { name: all, targets: ['*'], probes: [api] } ], probeTimeout: 1ms }\n";

beforeAll(async () => {
  if (postgresUnavailable === undefined) server = await startPostgres();
  sink = await startSink(() => ({ status: readFileSync(place(), "utf8").includes("sick") ? 503 : 200 }));
  const store = await server?.newDatabase();
  world = await makeWorld({
    environments: ["dev", "prod"],
    probes: { prod: { api: { kind: "http", url: `http://127.0.0.1:${sink.port}/` } } },
    ...(store === undefined ? {} : { store }),
  });
  session = world.open();
  good = await world.commit(
    {
      "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
      "environments/base/host/app.yaml": "value: well\n",
      "environments/dev/environment.yaml": "layers: [base]\n",
      "environments/prod/environment.yaml": ENVIRONMENT,
      "environments/prod/host/app.yaml": "level: info\nformat: json\n",
      "policies/drift.yaml": "rules: [ { name: told, severity: critical } ]\n",
    },
    { branch: "prod" },
  );
  await world.repository.git("branch", "dev", good);
  for (const name of ["dev", "prod"]) await cycle(session, name);
  const more =
    "targets:\n  host: { kind: files, connection: host }\n  later: { kind: files, connection: host, root: later }\n";
  bad = await world.commit(
    {
      "environments/base/host/app.yaml": "value: sick\n",
      "environments/base/environment.yaml": more,
      "environments/base/later/one.yaml": "one: 1\n",
    },
    { branch: "prod" },
  );
  await until(async () => {
    await cycle(session, "prod");
    return (await (await session.store()).rollouts.failure("prod", bad)) !== undefined;
  });
  await world.commit({ "environments/base/host/fresh.yaml": "fresh: 1\n" }, { branch: "dev" });
  await cycle(session, "dev");
});
afterAll(async () => {
  await world.close();
  await sink.close();
  await server?.close();
});

describe("after a rollout that failed", () => {
  it("compare puts side by side what is followed, and says what failed", async () => {
    const failedRevision = { revision: bad, reason: expect.stringContaining("api") as string };
    const report = await compareEnvironments.run(session, { from: "prod", to: "dev" }, context());
    expect(report).toMatchObject({ from: { name: "prod", revision: good, failedRevision }, to: { name: "dev" } });
    const shown = report.settings.map(({ path, from, to, promoted, why }) => [path, from, to, promoted, why]);
    expect(shown).toEqual([
      ["/app.yaml/level", "info", null, undefined, "overlay"],
      ["/app.yaml/format", "json", null, undefined, "overlay"],
      ["/fresh.yaml/fresh", null, 1, undefined, "branch"],
      ["/app.yaml/value", "well", "well", "sick", "promotion"],
      ["/one.yaml/one", null, null, 1, "promotion"],
    ]);
    expect(report.settings.map(({ where }) => where)).toMatchObject([
      { from: "environments/prod/host/app.yaml:1:8" },
      { from: "environments/prod/host/app.yaml:2:9" },
      { to: "environments/base/host/fresh.yaml:1:8" },
      { from: "environments/base/host/app.yaml:1:8", to: "environments/base/host/app.yaml:1:8" },
      {},
    ]);
  });

  it("a dry run of a promotion says what becomes of what runs, the failed commit's share with it", async () => {
    // Another setting than the failed commit's: that one comes along, and would be tried again.
    const aside = await world.commit({ "environments/dev/host/more.yaml": "own: 1\n" }, { branch: "dev", from: good });
    await cycle(session, "dev");
    const asked = { from: "dev", to: "prod", merge: false, approve: false, waive: [], by: "ann" };
    const { hop } = await promote.run(session, { ...asked, dryRun: true, revision: aside }, context());
    expect(hop.changes).toEqual([
      { target: "host", path: "/app.yaml/value", before: "well", after: "sick" },
      { target: "later", path: "/one.yaml/one", before: null, after: 1 },
    ]);
  });

  it("hold knows the targets that are followed, and no others", async () => {
    const set = { owner: "ann", reason: "INC-1", until: "2099-01-01T00:00:00.000Z" };
    await expect(hold.run(session, { word: "prod/later", by: "ann", set }, context())).rejects.toMatchObject({
      message: "environment prod has no target `later`",
    });
  });

  it("doctor asks the targets that are followed, and warns", async () => {
    const { checks, warnings } = await doctor.run(session, {}, context());
    expect(checks.map(({ what }) => what)).toEqual(["git", "store", "dev/host", "prod/host", "prod/probes/api"]);
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^prod: ${bad.slice(0, 10)} failed, and is not tried again; it follows ${good.slice(0, 10)}: `),
      ),
    ]);
  });

  it("validate and render speak of the branch, before and after", async () => {
    const { environments } = await validateEnvironments(session, ["prod"], context());
    expect(environments).toMatchObject([
      { name: "prod", revision: bad, targets: [{ name: "host" }, { name: "later" }] },
    ]);
    const rendered = await renderDocuments(session, { environment: "prod", explain: false }, context());
    expect(rendered).toMatchObject({ revision: bad });
    expect(rendered.targets[0]?.document).toMatchObject({ "app.yaml": { value: "sick" } });
  });

  it("adopt takes what drifted from what is followed, and leaves the failed commit out of it", async () => {
    writeFileSync(place(), readFileSync(place(), "utf8").replace("info", "debug"));
    const asked = { environment: "prod", dryRun: false, by: "ann" };
    await expect(adopt.run(session, { ...asked, direct: true }, context())).rejects.toMatchObject({
      ...{ code: "GUARD_REFUSED", hint: expect.stringContaining("trueup rollback prod") as string },
      message: `prod does not follow ${bad.slice(0, 10)}, the tip of its branch, which failed`,
    });
    const { settings, revision, branch } = await adopt.run(session, { ...asked, direct: false }, context());
    expect(settings).toMatchObject([{ path: "/app.yaml/level", live: "debug" }]);
    expect(revision).toBe(good);
    expect(await world.repository.git("rev-parse", `${branch ?? ""}^`)).toBe(good);
  });

  it("revert heals to what is followed", async () => {
    const { environments } = await revert.run(session, { environment: "prod", confirm: false, by: "ann" }, context());
    expect(environments[0]?.targets).toMatchObject([{ outcomes: [{ path: "/app.yaml/level", result: "healed" }] }]);
    expect(readFileSync(place(), "utf8")).toMatch(/value: well[^]*level: info/);
  });
});
