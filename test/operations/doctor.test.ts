import { afterAll, beforeAll, expect, it } from "vitest";
import { doctor } from "../../src/operations/doctor.js";
import { deadPort, type HttpSink, startSink } from "../support/http-sink.js";
import { newStores } from "../support/stores.js";
import { makeWorld, type World } from "../support/world.js";

const newStore = newStores();
let sink: HttpSink;
let world: World;
beforeAll(async () => {
  sink = await startSink(({ path }) => (path === "/silent" ? undefined : { status: path === "/well" ? 200 : 503 }));
  const http = (path: string, more = {}) => ({ kind: "http", url: `http://127.0.0.1:${sink.port}/${path}`, ...more });
  const probes = {
    prod: {
      ...{ well: http("well"), ill: http("ill"), late: http("silent", { timeout: "50ms" }) },
      away: { kind: "sql", url: `postgres://app:hunter2@127.0.0.1:${await deadPort()}/shop`, query: "SELECT true" },
    },
  };
  world = await makeWorld({ ...(await newStore()), probes, url: "/nowhere/that/is/a/repository" });
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

it("doctor asks every probe once, and says how it is, also without git", async () => {
  const session = world.open();
  const report = await doctor.run(session, {}, { signal: session.stop, progress: () => undefined });
  expect(report.healthy).toBe(false);
  expect(report.checks.map(({ what, result }) => [what, result])).toEqual([
    ["git", "failed"],
    ["store", "ok"],
    ["prod/probes/well", "ok"],
    ["prod/probes/ill", "unhealthy"],
    ["prod/probes/late", "unhealthy"],
    ["prod/probes/away", "unhealthy"],
  ]);
  const details = report.checks.slice(2).map(({ detail }) => detail);
  expect(details[1]).toBe(`127.0.0.1:${sink.port} answered 503 instead of 2xx`);
  expect(details[2]).toBe(`127.0.0.1:${sink.port} did not answer within 50 ms`);
  expect(details[3]).toContain("127.0.0.1");
  expect(JSON.stringify(report)).not.toContain("hunter2");
  expect(sink.requests.map(({ path }) => path).filter((path) => path !== "/silent")).toEqual(["/well", "/ill"]);
});
