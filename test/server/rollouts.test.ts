import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runController } from "../../src/reconcile/run.js";
import { runRollouts } from "../../src/server/rollouts.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { newStores } from "../support/stores.js";
import { eventList, makeWorld, until, type World } from "../support/world.js";

vi.setConfig({ testTimeout: 60_000 });

const newStore = newStores();
let sink: HttpSink;
let world: World;
beforeEach(async () => {
  sink = await startSink(({ path }) => (path === "/dev" ? undefined : { status: 200 }));
  const probes = Object.fromEntries(
    ["dev", "prod"].map((name) => {
      const probe = { kind: "http", url: `http://127.0.0.1:${sink.port}/${name}`, timeout: "1h" };
      return [name, { service: probe }];
    }),
  );
  world = await makeWorld({ ...(await newStore()), environments: ["dev", "prod"], interval: "1s", probes });
});
afterEach(async () => {
  await world.close();
  await sink.close();
});

const live = (environment: string): string => join(world.root(environment), "app.yaml");

it("a probe that does not answer holds up neither other environments, nor heals, nor the end of the process", async () => {
  for (const name of ["dev", "prod"]) {
    const files = {
      [`environments/${name}/environment.yaml`]: `rollout: { groups: [ { name: all, targets: ["*"], probes: [service] } ] }
targets: { host: { kind: files, connection: host } }
`,
      [`environments/${name}/host/app.yaml`]: "value: one\n",
      "policies/drift.yaml": "rules: [ { name: all, severity: low } ]\n",
    };
    await world.commit(files, { branch: name });
  }
  const stop = new AbortController();
  const session = world.open({ stop: stop.signal });
  const controller = runController(session);
  const tending = runRollouts(session);
  const asked = (path: string): number => sink.requests.filter((request) => request.path === path).length;
  await until(() => asked("/dev") === 1, { within: 30_000 });
  const rolledOut = async () => (await eventList(session, "prod")).filter(({ type }) => type === "rolled-out").length;
  await until(async () => (await rolledOut()) === 1, { within: 30_000 });
  await world.commit({ "environments/prod/host/app.yaml": "value: two\n" }, { branch: "prod" });
  writeFileSync(live("dev"), "value: drifted\n");
  await until(async () => (await rolledOut()) === 2, { within: 30_000 });
  await until(() => readFileSync(live("dev"), "utf8") === "value: one\n", { within: 30_000 });
  // All the while that one question was on its way.
  expect(asked("/dev")).toBe(1);
  stop.abort();
  await Promise.all([controller.done, tending]);
  expect((await eventList(session, "dev")).map(({ type }) => type)).not.toContain("rollout-failed");
});
