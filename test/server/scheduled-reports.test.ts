import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getTasks } from "node-cron";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { report } from "../../src/operations/report.js";
import type { Session } from "../../src/reconcile/session.js";
import { scheduleReports } from "../../src/server/scheduled-reports.js";
import { answer } from "../support/json-shapes.js";
import { makeWorld, syncNow, type World } from "../support/world.js";

const DRIFT = `rules:
  - { name: log level, match: { path: "/app.env/LOG_LEVEL" }, severity: low }
  - { name: workers, match: { path: "/app.env/WORKERS" }, severity: high, actions: [alert] }
`;

/** One world for all: drift that is healed again and again, drift that stays, and what the reports say of it. */
let world: World;
let session: Session;
const live = (text: string): void => {
  writeFileSync(join(world.root(), "app.env"), text);
};
beforeAll(async () => {
  world = await makeWorld();
  await world.commit({
    "environments/prod/environment.yaml": "targets: { host: { kind: files, connection: host } }\n",
    "environments/prod/host/app.env": "LOG_LEVEL=info\nWORKERS=4\n",
    "policies/drift.yaml": DRIFT,
  });
  session = world.open();
  await syncNow(session);
  for (const level of ["debug", "trace"]) {
    live(`LOG_LEVEL=${level}\nWORKERS=4\n`);
    await syncNow(session);
  }
  live("LOG_LEVEL=info\nWORKERS=1\n");
  await syncNow(session);
  await syncNow(session);
});
afterAll(async () => {
  await world.close();
});

const ask = (environments: string[] = []) => {
  const since = new Date(Date.now() - 3_600_000).toISOString();
  return report.run(session, { environments, since }, { signal: session.stop, progress: () => undefined });
};

describe("the report of real passes", () => {
  it("counts what was found, healed and is open", async () => {
    const result = await ask();
    expect(() => answer("report", JSON.stringify(result))).not.toThrow();
    const { total, open, noisiest, environments } = result;
    expect(total).toMatchObject({
      ...{ found: { low: 2, medium: 0, high: 1, critical: 0 }, open: { low: 0, medium: 0, high: 1, critical: 0 } },
      ...{ ended: { healed: 2, adopted: 0, resolved: 0 }, recurring: 1, synced: 2, failed: 0, unknown: 0 },
      timeToResolve: { count: 2, max: 0 },
    });
    expect(total.timeToDetect?.count).toBe(3);
    expect(open).toMatchObject([{ path: "/app.env/WORKERS", live: "1", desired: "4", rule: "workers" }]);
    expect(Date.parse(open[0]?.since ?? "")).toBeGreaterThan(Date.now() - 60_000);
    expect(noisiest.map(({ path, times }) => [path, times])).toEqual([
      ["/app.env/LOG_LEVEL", 2],
      ["/app.env/WORKERS", 1],
    ]);
    expect(environments.map(({ name }) => name)).toEqual(["prod"]);
  });

  it("refuses a target and an environment that is not there", async () => {
    await expect(ask(["prod/host"])).rejects.toMatchObject({ code: "USAGE" });
    await expect(ask(["prd"])).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("reports by the clock", () => {
  const configure = (reports: readonly object[]): void => {
    const file = JSON.parse(readFileSync(world.configFile, "utf8")) as object;
    writeFileSync(world.configFile, JSON.stringify({ ...file, reports }));
    session.reconfigure(loadConfig(world.configFile, {}));
  };
  const tasks = () => [...getTasks().values()];

  it("are written whole, in the form of the file's name, and follow another trueup.yaml", async () => {
    const berlin = { cron: "0 7 * * 1", timezone: "Europe/Berlin" };
    configure([
      { ...berlin, file: "week.html" },
      { ...berlin, file: "week.md", environments: ["prod"] },
    ]);
    const reports = scheduleReports(session);
    // Seven o'clock in Berlin is six or five in UTC.
    expect(tasks().map((task) => task.getNextRun()?.getUTCHours())).toSatisfy((hours: number[]) =>
      hours.every((hour) => hour === 5 || hour === 6),
    );
    for (const task of tasks()) await task.execute();
    expect(readFileSync(join(world.folder, "week.html"), "utf8")).toMatch(/^<!doctype html>[^]*WORKERS[^]*<\/html>\n$/);
    expect(readFileSync(join(world.folder, "week.md"), "utf8")).toContain("# Drift report");
    expect(readdirSync(world.folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);

    configure([{ ...berlin, file: "other.json" }]);
    reports.reload();
    expect(tasks()).toHaveLength(1);
    await tasks()[0]?.execute();
    answer("report", readFileSync(join(world.folder, "other.json"), "utf8"));
    reports.stop();
    expect(tasks()).toEqual([]);
  });

  it("that cannot be written are one line of the log, and leave nothing behind", async () => {
    configure([{ cron: "0 7 * * 1", file: "no/such/folder/week.html" }]);
    const reports = scheduleReports(session);
    await tasks()[0]?.execute();
    reports.stop();
    expect(world.logged.filter(({ level }) => level === "error")).toMatchObject([
      { fields: { event: "report", code: "WRITE_FAILED" }, message: expect.stringContaining("ENOENT") as string },
    ]);
    expect(existsSync(join(world.folder, "no"))).toBe(false);
  });
});
