import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { promote } from "../../src/operations/promote.js";
import { revisions } from "../../src/operations/revisions.js";
import { rollback } from "../../src/operations/rollback.js";
import type { PastRevision } from "../../src/promotion/revisions.js";
import { tendMemory, tendPromotions } from "../../src/promotion/tend.js";
import { refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { startSink } from "../support/http-sink.js";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import { cycle, makeWorld, type World } from "../support/world.js";

vi.setConfig({ testTimeout: 120_000 });

const POLICY = `order: [dev, prod]
into:
  prod: { merge: direct, auto: true, gates: [ { soak: { for: 1h } }, { approvals: { by: [ann] } } ] }
`;
const ROLLOUT =
  "layers: [base]\nrollout: { groups: [ { name: all, targets: ['*'], probes: [api] } ], probeTimeout: 1ms }\n";

let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
let sink: Awaited<ReturnType<typeof startSink>>;
let world: World;
let session: Session;
const live = (): string => readFileSync(join(world.root("prod"), "app.yaml"), "utf8");
const set = (branch: string, name: string, value: string): Promise<string> =>
  world.commit({ [`environments/base/host/${name}.yaml`]: `value: ${value}\n` }, { branch });
const context = () => ({ signal: session.stop, progress: () => undefined });

beforeAll(async () => {
  if (postgresUnavailable === undefined) server = await startPostgres();
  sink = await startSink(() => ({ status: live().includes("sick") ? 503 : 200 }));
  const store = await server?.newDatabase();
  world = await makeWorld({
    environments: ["dev", "prod"],
    probes: { prod: { api: { kind: "http", url: `http://127.0.0.1:${sink.port}/` } } },
    ...(store === undefined ? {} : { store }),
  });
  session = world.open();
});
afterAll(async () => {
  await world.close();
  await sink.close();
  await server?.close();
});

async function pass(): Promise<void> {
  for (const name of ["dev", "prod"]) await cycle(session, name);
  await tendPromotions(session, tendMemory(), session.stop);
  await cycle(session, "prod");
}

/** Two people let what dev has through, past the soak. */
async function bring(): Promise<void> {
  const asked = { from: "dev", dryRun: false, merge: false, approve: false, waive: [] as string[] };
  await promote.run(session, { ...asked, waive: ["soak"], because: "INC-7", by: "bob" }, context());
  await promote.run(session, { ...asked, approve: true, by: "ann" }, context());
  await pass();
}

async function past(environment: string, limit?: number): Promise<readonly PastRevision[]> {
  const asked = { environments: [environment], ...(limit === undefined ? {} : { limit }) };
  const { environments } = await revisions.run(session, asked, context());
  return environments[0]?.revisions ?? [];
}

describe("the revisions of an environment", () => {
  it("say when each came, how, who let it through, and how its rollout ended", async () => {
    const first = await world.commit(
      {
        "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
        "environments/base/host/app.yaml": "value: well\n",
        "environments/dev/environment.yaml": "layers: [base]\n",
        "environments/prod/environment.yaml": ROLLOUT,
        "policies/promotion.yaml": POLICY,
      },
      { branch: "dev" },
    );
    await world.repository.git("branch", "prod", first);
    await pass();
    const along = await set("dev", "one", "1");
    const promoted = await set("dev", "two", "2");
    await pass();
    await bring();
    const hotfix = await set("prod", "three", "3");
    await pass();
    const sick = await set("dev", "app", "sick");
    await pass();
    await bring();
    const failed = await world.repository.git("rev-parse", "prod");
    // What failed is at the branch's tip, and what is followed is the hotfix.
    expect(live()).toContain("well");
    const before = await past("prod");
    expect(before.map(({ revision, followed }) => [revision, followed])).toEqual([
      ...[
        [failed, false],
        [hotfix, true],
      ],
      ...[
        [promoted, false],
        [first, false],
      ],
    ]);
    await rollback.run(
      session,
      { environment: "prod", to: hotfix, pullRequest: false, dryRun: false, by: "carl", because: "INC-8" },
      context(),
    );
    await pass();

    const [back, bad, fix, good, initial, ...rest] = await past("prod");
    expect(rest).toEqual([]);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string;
    expect(back).toMatchObject({
      ...{ came: "rolled-back", backTo: hotfix, by: "carl", because: "INC-8" },
      ...{ outcome: "in-sync", since: time, followed: true, at: time },
    });
    expect(bad).toMatchObject({
      ...{ revision: failed, came: "promoted", from: "dev", source: sick, askedBy: "ann", outcome: "failed" },
      failure: { at: time, reason: expect.stringMatching(/^the group all is not healthy: api: .*503/) as string },
    });
    expect(bad).not.toHaveProperty("since");
    expect(fix).toMatchObject({ revision: hotfix, came: "hotfix", author: "Test", outcome: "in-sync", gates: [] });
    expect(good).toMatchObject({
      revision: promoted,
      came: "promoted",
      from: "dev",
      outcome: "in-sync",
      followed: false,
    });
    expect(good?.gates).toMatchObject([
      { name: "synced", state: "passed" },
      { name: "soak", state: "waived", by: ["bob"], reason: expect.stringContaining("bob waived it: INC-7") as string },
      { name: "approvals", state: "passed", by: ["ann"], reason: "approved by ann", since: time },
      { name: "validation", state: "passed" },
    ]);
    expect(initial).toMatchObject({ revision: first, came: "merged", from: "dev", outcome: "in-sync" });
    // What only travelled along never was prod's; where promotions begin, each commit stands for itself.
    expect((await past("dev")).map(({ revision, came }) => [revision, came])).toEqual(
      [sick, promoted, along, first].map((revision) => [revision, "commit"]),
    );
    expect(await past("prod", 2)).toHaveLength(2);
  });

  it("that ran are known still where the branch was rewritten", async () => {
    const before = await past("prod");
    await world.repository.git("branch", "--force", "prod", before[3]?.revision ?? "");
    const now = await past("prod");
    const shown = ({ revision, came }: PastRevision): string => `${revision} ${came}`;
    expect(now.slice(3).map(shown)).toEqual(before.slice(3).map(shown));
    expect(new Set(now.slice(0, 3).map(shown))).toEqual(
      new Set(before.slice(0, 3).map((one) => shown({ ...one, came: "rewritten" }))),
    );
  });

  it("are known without a promotion policy, too", async () => {
    for (const branch of ["dev", "prod"]) await world.commit({ "policies/promotion.yaml": null }, { branch });
    await pass();
    // No pass over the targets sees that one: nothing changes for them.
    const readme = await world.commit({ "README.md": "read me\n" }, { branch: "prod" });
    await refresh(session, session.stop);
    await tendPromotions(session, tendMemory(), session.stop);
    expect((await past("prod"))[0]).toMatchObject({ revision: readme, came: "commit", outcome: "in-sync" });
  });

  it("are of environments that are there, and whole", async () => {
    await expect(revisions.run(session, { environments: ["prod/host"] }, context())).rejects.toMatchObject({
      code: "USAGE",
      hint: "name the environment: `trueup history prod --revisions`",
    });
    await world.repository.git("branch", "--delete", "--force", "prod");
    expect((await revisions.run(session, { environments: [] }, context())).environments).toMatchObject([
      { name: "dev" },
      { name: "prod", revision: null, error: { code: "GIT_REVISION_MISSING" }, revisions: [] },
    ]);
  });
});
