import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { promotions } from "../../../src/operations/promotions.js";
import type { HopReport } from "../../../src/promotion/report.js";
import { tendMemory, tendPromotions } from "../../../src/promotion/tend.js";
import type { Session } from "../../../src/reconcile/session.js";
import { sign } from "../../../src/lib/webhook-signature.js";
import { type HttpSink, type SinkAnswer, startSink } from "../../support/http-sink.js";
import { postgresUnavailable, startPostgres } from "../../support/postgres.js";
import { cycle, makeWorld, type World, type WorldOptions } from "../../support/world.js";

vi.setConfig({ testTimeout: 120_000 });

const SECRET = "whsec_aHVudGVyMg==";

let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
beforeAll(async () => {
  if (postgresUnavailable === undefined) server = await startPostgres();
});
afterAll(() => server?.stop());

let world: World;
let session: Session;
let sink: HttpSink;
let answer: (path: string) => SinkAnswer | undefined;
let options: WorldOptions;

beforeEach(async () => {
  answer = () => ({ status: 200, body: "ok" });
  sink = await startSink(({ path }) => answer(path));
});
afterEach(async () => {
  await world.close();
  await sink.close();
});

/** dev and staging, with these gates between them; a commit of dev runs there. Answers with that commit. */
async function begin(
  gates: readonly unknown[],
  { auto = true, ...trueup }: Pick<WorldOptions, "probes" | "webhooks"> & { auto?: boolean },
): Promise<string> {
  const store = await server?.newDatabase();
  const environments = ["dev", "staging"];
  options = { environments, interval: "1s", ...trueup, ...(store === undefined ? {} : { store }) };
  world = await makeWorld(options);
  const into = { staging: { auto, merge: "direct", gates } };
  const first = await world.commit(
    {
      "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
      "environments/base/host/app.yaml": "a: 0\n",
      ...Object.fromEntries(environments.map((name) => [`environments/${name}/environment.yaml`, "layers: [base]\n"])),
      "policies/promotion.yaml": JSON.stringify({ order: environments, into }),
    },
    { branch: "dev" },
  );
  await world.repository.git("branch", "staging", first);
  session = world.open();
  for (const name of environments) await cycle(session, name);
  const revision = await world.commit({ "environments/base/host/app.yaml": "a: 1\nb: 2\n" }, { branch: "dev" });
  await cycle(session, "dev");
  return revision;
}

async function pass(): Promise<HopReport> {
  const [report] = await tendPromotions(session, tendMemory(), session.stop);
  if (report === undefined) throw new Error("nothing was tended");
  return report;
}

async function gate(name: string): Promise<{ state: string; reason: string } | undefined> {
  const found = (await pass()).gates.find((one) => one.name === name);
  return found && { state: found.state, reason: found.reason };
}

const host = (): string => `127.0.0.1:${sink.port}`;

describe("the gate `health` on a live system", () => {
  it("lets a revision go once the environment before it is healthy", async () => {
    answer = () => ({ status: 503, body: "hunter2" });
    const probes = { api: { kind: "http", url: `http://${host()}/health?token=hunter2` } };
    await begin([{ health: ["api"] }], { probes: { dev: probes } });
    const first = await pass();
    expect(first).toMatchObject({ state: "waiting" });
    expect(first.reason).toBe(`health pending: api: ${host()} answered 503 instead of 2xx`);
    expect(JSON.stringify(first)).not.toContain("hunter2");
    const asked = sink.requests.length;
    await pass();
    expect(sink.requests).toHaveLength(asked);
    answer = () => ({ status: 200 });
    await expect.poll(async () => (await pass()).state, { timeout: 30_000, interval: 200 }).toBe("promoted");
  });

  it("fails for a probe that trueup.yaml does not give that environment, until it does", async () => {
    const probes = { api: { kind: "http", url: `http://${host()}/` } };
    await begin([{ health: ["apy"] }], { probes: { staging: { apy: probes.api }, dev: probes } });
    expect(await gate("health")).toEqual({
      state: "failed",
      reason: 'trueup.yaml gives dev no probe `apy` (did you mean "api"?)',
    });
    world.configure({ ...options, probes: { dev: { apy: probes.api } } });
    session.reconfigure(world.open().config);
    expect(await pass()).toMatchObject({ state: "promoted" });
  });
});

describe("the gate `webhook` with a live system", () => {
  const webhooks = () => ({ board: { url: `http://${host()}/ask?token=hunter2`, secret: SECRET, timeout: "300ms" } });

  it("asks with everything that it takes to decide, signed, and once in a burst of passes", async () => {
    answer = () => ({
      status: 200,
      body: JSON.stringify({ state: "pending", reason: "CHG-1\n waits  for Ann", by: 1 }),
    });
    const revision = await begin([{ webhook: "board", name: "board" }], { webhooks: webhooks() });
    const [first, second] = await Promise.all([gate("board"), gate("board")]);
    expect(first).toEqual({ state: "pending", reason: "CHG-1 waits for Ann" });
    expect(second).toEqual(first);
    const [request, ...others] = sink.requests;
    expect(others).toEqual([]);
    const { body = "", headers } = request ?? {};
    expect(JSON.parse(body)).toEqual({
      ...{ schemaVersion: 1, id: `dev/staging/${revision}`, from: "dev", to: "staging", revision, changes: 2 },
      commits: [{ id: revision, author: expect.any(String) as string, subject: expect.any(String) as string }],
    });
    const id = String(headers?.["webhook-id"]);
    const timestamp = Number(headers?.["webhook-timestamp"]);
    expect(headers?.["webhook-signature"]).toBe(sign(SECRET, { id, timestamp, body }));
    answer = () => ({ status: 200, body: JSON.stringify({ state: "passed", reason: "CHG-1 was approved" }) });
    await expect.poll(async () => (await pass()).state, { timeout: 30_000, interval: 200 }).toBe("promoted");
    expect(new Set(sink.requests.map((one) => one.headers["webhook-id"])).size).toBe(sink.requests.length);
  });

  it("is not asked about what nobody wants to promote", async () => {
    await begin([{ webhook: "board" }], { webhooks: webhooks(), auto: false });
    const context = { signal: session.stop, progress: () => undefined };
    const { hops } = await promotions.run(session, promotions.args.parse({}), context);
    expect(hops[0]?.gates).toContainEqual({
      ...{ name: "webhook", state: "pending" },
      reason: "it is asked once somebody asks for the promotion",
    });
    expect(sink.requests).toEqual([]);
  });
});
