import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import type { IncidentView } from "../../src/core/incident.js";
import { compileRoutes, type Route } from "../../src/delivery/routes.js";
import { incident } from "../contract/notifier.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-routes-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const route = async (routing: object): Promise<Route> => {
  const file = join(folder, "trueup.yaml");
  const notifiers = [{ kind: "webhook", url: "https://x.example", ...routing }];
  writeFileSync(file, JSON.stringify({ repository: { url: "." }, environments: { prod: {} }, notifiers }));
  const [first] = await compileRoutes(loadConfig(file, {}));
  if (first === undefined) throw new Error("no route");
  return first;
};
/** When what is found at a time is sent. */
const sentAt = (one: Route, time: string, severity: IncidentView["severity"] = "high"): string => {
  const until = one.waitsUntil(severity, Date.parse(time)) ?? Date.parse(time);
  return new Date(until).toISOString().slice(0, 16);
};

describe("quiet hours", () => {
  const night = { quiet: { cron: "0 22 * * *", duration: "8h", timezone: "Europe/Berlin" } };

  // In winter Berlin is an hour ahead of UTC, in summer two.
  it.each([
    ["by day", "2026-01-15T12:00Z", "2026-01-15T12:00"],
    ["in the evening", "2026-01-15T21:30Z", "2026-01-16T05:00"],
    ["after midnight", "2026-01-16T02:00Z", "2026-01-16T05:00"],
    ["as they begin", "2026-01-15T21:00Z", "2026-01-16T05:00"],
    ["as they end", "2026-01-16T05:00Z", "2026-01-16T05:00"],
    ["in summer", "2026-07-15T21:30Z", "2026-07-16T04:00"],
    // Eight hours as time goes by: seven in the morning by the clock that jumped, five by the one that went back.
    ["in the night that lacks an hour", "2026-03-28T23:30Z", "2026-03-29T05:00"],
    ["in the night that has one twice", "2026-10-24T23:30Z", "2026-10-25T04:00"],
  ])("keep what comes %s until they are over", async (_, found, sent) => {
    expect(sentAt(await route(night), found)).toBe(sent);
  });

  it("keep nothing that is critical", async () => {
    expect(sentAt(await route(night), "2026-01-15T23:00Z", "critical")).toBe("2026-01-15T23:00");
    expect(sentAt(await route(night), "2026-01-15T23:00Z", "low")).toBe("2026-01-16T05:00");
  });

  it("that follow each other are one", async () => {
    const weekend = await route({ quiet: { cron: "0 0 * * 6,0", duration: "24h" } });
    expect(sentAt(weekend, "2026-01-17T10:00Z")).toBe("2026-01-19T00:00");
  });
});

describe("a digest", () => {
  const daily = { digest: { cron: "0 7 * * *", timezone: "Europe/Berlin" } };

  it.each([
    ["2026-01-15T05:59Z", "2026-01-15T06:00"],
    ["2026-01-15T06:00:01Z", "2026-01-16T06:00"],
    ["2026-03-28T12:00Z", "2026-03-29T05:00"],
    ["2026-10-24T12:00Z", "2026-10-25T06:00"],
  ])("collects what comes at %s until %s, critical or not", async (found, sent) => {
    const one = await route(daily);
    expect(one.digest).toBe(true);
    expect(sentAt(one, found)).toBe(sent);
    expect(sentAt(one, found, "critical")).toBe(sent);
  });

  it("that would come in quiet hours comes at their end", async () => {
    const quiet = { cron: "0 22 * * *", duration: "10h", timezone: "Europe/Berlin" };
    expect(sentAt(await route({ ...daily, quiet }), "2026-01-15T05:00Z")).toBe("2026-01-15T07:00");
  });
});

describe("a condition", () => {
  it("sees the incident and the step", async () => {
    const one = await route({
      when: 'severity in ["high", "critical"] && environment == "prod" && path.startsWith("/pool") && step == "opened"',
    });
    const view = incident({ path: "/pool/max" });
    expect(one.concerns(view, "opened")).toBe(true);
    expect(one.concerns(view, "changed")).toBe(false);
    expect(one.concerns(incident({ path: "/pool/max", severity: "low" }), "opened")).toBe(false);
    expect(one.concerns(incident({ path: "/logging" }), "opened")).toBe(false);
  });

  it("that cannot be evaluated lets the incident through", async () => {
    const one = await route({ when: "int(path) > 1" });
    expect(one.concerns(incident({ path: "/pool" }), "opened")).toBe(true);
  });
});
