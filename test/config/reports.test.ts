import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-reports-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const NOTIFIERS = [
  { kind: "slack", name: "ops-slack", url: "https://hooks.example/T0/B0" },
  { kind: "pagerduty", routingKey: "k" },
  { kind: "mqtt", url: "mqtt://broker.example" },
];
const load = (report: Readonly<Record<string, unknown>>) => {
  const file = join(folder, "trueup.yaml");
  const reports = [{ cron: "0 7 * * 1", file: "week.html", ...report }];
  const config = { repository: { url: "." }, environments: { prod: {} }, notifiers: NOTIFIERS, reports };
  writeFileSync(file, JSON.stringify(config));
  return loadConfig(file, {}).reports;
};

describe("reports in trueup.yaml", () => {
  it("are of the last seven days, in UTC, in a file beside it, where nothing else is said", () => {
    expect(load({})).toEqual([
      { cron: "0 7 * * 1", timezone: "UTC", since: 7 * 86_400_000, file: join(folder, "week.html"), to: [] },
    ]);
  });

  it("are as docs/reports.md shows them", () => {
    const page = readFileSync(new URL("../../docs/reports.md", import.meta.url), "utf8");
    const [, example = ""] = /```yaml\n(reports:\n[^]*?)```/.exec(page) ?? [];
    const file = join(folder, "trueup.yaml");
    const notifiers = JSON.stringify(NOTIFIERS);
    writeFileSync(file, `repository: { url: . }\nenvironments: { prod: {} }\nnotifiers: ${notifiers}\n${example}`);
    expect(loadConfig(file, {}).reports).toMatchObject([{ timezone: "Europe/Berlin", environments: ["prod"] }]);
  });

  it("go to notifiers in place of a file, or beside it", () => {
    const { to, file } = load({ to: ["ops-slack"], file: undefined })[0] ?? {};
    expect(to?.map(({ name }) => name)).toEqual(["ops-slack"]);
    expect(file).toBeUndefined();
    expect(load({ to: ["ops-slack"] })[0]?.file).toBe(join(folder, "week.html"));
  });

  it.each(["*/5 * * * *", "0 7 * * MON-FRI", "30 6 1,15 * *", "0 7 29 2 *"])("come at %s", (cron) => {
    expect(load({ cron })[0]?.cron).toBe(cron);
  });

  it.each(["*/61 * * * *", "0 25 * * *", "0 7 31 2 *", "0 0 7 * * 1", "7 o'clock", "", "* * * *"])(
    "do not come at `%s`: that is said when the file is read",
    (cron) => {
      expect(() => load({ cron })).toThrow(/`reports\.0\.cron` is not valid: expected five fields/);
    },
  );

  it.each([
    [{ timezone: "Europe/Berln" }, "`reports.0.timezone` is not valid: expected an IANA time zone"],
    [{ since: "a week" }, "`reports.0.since` is not valid: expected a duration"],
    [{ since: "99999d" }, "`reports.0.since` is not valid: expected less than fifty years"],
    [{ file: "week.pdf" }, "`reports.0.file` is not valid: expected a name that ends in .html, .md or .json"],
    [{ environments: ["prd"] }, "`environments` names no environment `prd`"],
    [{ file: undefined }, "the report goes nowhere"],
    [{ to: [] }, "`reports.0.to` is not valid"],
    [{ to: ["ops-slak"] }, "`to` names no notifier `ops-slak`"],
    [{ to: ["ops-slack", "pagerduty"] }, "the notifier `pagerduty` (pagerduty) takes no reports"],
    [{ to: ["mqtt"] }, "the notifier `mqtt` (mqtt) takes no reports"],
    [{ every: "1d" }, "unknown key `every` under `reports.0`"],
  ])("refuse %o", (report, message) => {
    expect(() => load(report)).toThrow(message);
  });
});
