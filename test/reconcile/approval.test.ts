import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { approve, type ApproveReport } from "../../src/operations/approve.js";
import { revert } from "../../src/operations/revert.js";
import { status } from "../../src/operations/status.js";
import type { TargetReport } from "../../src/reconcile/report.js";
import { runController } from "../../src/reconcile/run.js";
import type { Session } from "../../src/reconcile/session.js";
import * as support from "../support/world.js";

/** Plans that wait for a person's approval, on real files with real git and the embedded store. */
let world: support.World;
let session: Session;
let name: string;
let next = 0;

beforeAll(async () => {
  world = await support.makeWorld({ environments: Array.from({ length: 14 }, (_, index) => `e${index}`) });
  session = world.open();
});
afterAll(() => world.close());
// Each test has an environment of its own: the repository, its mirror and the store are made once.
beforeEach(async () => {
  name = `e${next}`;
  next += 1;
  mkdirSync(world.root(name), { recursive: true });
  await commit("A=1\nB=1\n", { guards: "" });
  await support.syncNow(session, { environments: [name] });
  await commit("A=1\nB=1\n", { guards: GUARDED });
});

const GUARDED = "guards: { approval: [{ target: app }] }";
const commit = (text: string, { guards = GUARDED, environment = "" } = {}) =>
  world.commit(
    {
      [`environments/${name}/environment.yaml`]: `${environment}targets: { app: { kind: files, connection: host } }\n`,
      [`environments/${name}/app/app.env`]: text,
      "policies/drift.yaml": `rules: [{ name: all, match: { path: '/**' }, severity: low }]\n${guards}\n`,
    },
    { branch: name },
  );
const cycle = async (by = session): Promise<TargetReport> => support.targetOf(await support.cycle(by, name));
const done = ({ outcomes = [] }: TargetReport): string[] => outcomes.map(({ path, result }) => `${path} ${result}`);
const live = (): string => readFileSync(join(world.root(name), "app.env"), "utf8");
const drift = (text: string): void => {
  writeFileSync(join(world.root(name), "app.env"), text);
};
const context = { signal: new AbortController().signal, progress: () => undefined };
const ask = (plan?: string, { by = "ada", because, on = session }: { by?: string; because?: string; on?: Session } = {}) =>
  approve.run(
    on,
    {
      ...{ word: `${name}/app`, by },
      ...(plan === undefined ? {} : { plan }),
      ...(because === undefined ? {} : { because }),
    },
    context,
  );
const list = async (): Promise<ApproveReport["plans"]> =>
  (await approve.run(session, { by: "ada" }, context)).plans.filter(({ environment }) => environment === name);
/** The hash of the one plan that waits. */
const waiting = async (): Promise<string> => {
  const { plans } = await ask();
  expect(plans).toHaveLength(1);
  return plans[0]?.plan ?? "";
};
/** What the history says of approvals, oldest first. */
const told = async (): Promise<string[]> =>
  (await support.eventList(session, name)).map(({ type }) => type).filter((type) => type.startsWith("appro"));

describe("a plan that needs an approval", () => {
  it("waits, and is told once; drift is reported all the same", async () => {
    drift("A=9\nB=1\n");
    const refused = await cycle();
    expect(refused).toMatchObject({
      ...{ state: "Drifted", findings: [{ path: "/app.env/A" }], plans: [{ verb: "pass", changes: 1 }] },
      refused: { code: "APPROVAL_REQUIRED" },
    });
    const short = refused.plans?.[0]?.plan.slice(0, 12) ?? "";
    expect(refused.refused?.message).toBe(`the plan ${short} (1 change) waits for an approval`);
    expect(refused.refused?.hint).toContain(`\`trueup approve ${name}/app ${short}\``);
    const { records } = await session.store();
    const before = await records.load(name);
    for (let more = 0; more < 3; more += 1) await cycle();
    expect(await records.load(name)).toEqual(before);
    expect(live()).toBe("A=9\nB=1\n");
    expect(await told()).toEqual(["approval-wanted"]);
    // It is the same wherever one looks.
    expect(support.targetOf(await support.diffNow(session, name)).plans).toEqual(refused.plans);
    expect(support.targetOf(await support.syncNow(session, { environments: [name], dryRun: true })).plans).toEqual(
      refused.plans,
    );
    const { environments } = await status.run(session, { environments: [name] }, context);
    expect(environments[0]?.targets[0]).toMatchObject({ plans: refused.plans, refused: { code: "APPROVAL_REQUIRED" } });
    expect(await list()).toMatchObject([{ plan: refused.plans?.[0]?.plan, verb: "pass", changes: 1 }]);
  });

  it("is shown, approved by the beginning of its hash, written, and then the approval is used", async () => {
    drift("A=9\nB=1\n");
    await cycle();
    const { did, plans } = await ask();
    expect(did).toBe("shown");
    expect(plans).toMatchObject([
      {
        ...{ verb: "pass", changes: 1 },
        settings: [{ path: "/app.env/A", action: "update", live: "9", desired: "1", severity: "low" }],
      },
    ]);
    const [{ plan } = { plan: "" }] = plans;
    const approved = await ask(plan.slice(0, 8), { because: "CHG-7" });
    expect(approved).toMatchObject({ did: "approved", plans: [{ plan, approved: { by: "ada", reason: "CHG-7" } }] });
    expect(await list()).toMatchObject([{ plan, verb: "pass", changes: 1, approved: { by: "ada" } }]);
    const written = await cycle();
    expect(done(written)).toEqual(["/app.env/A healed"]);
    expect(await list()).toEqual([]);
    const [, event, used] = (await support.eventList(session, name)).filter(({ type }) => type.startsWith("appro"));
    expect(event).toMatchObject({ type: "approved", detail: { plan, by: "ada", reason: "CHG-7" } });
    expect(used).toMatchObject({ type: "approval-used", detail: { plan } });

    // The same drift once more is the same plan, and needs a new one.
    drift("A=9\nB=1\n");
    expect((await cycle()).refused?.code).toBe("APPROVAL_REQUIRED");
    expect(await waiting()).toBe(plan);
  });
});
