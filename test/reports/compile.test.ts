import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileReport } from "../../src/reports/compile.js";
import { spreadOf } from "../../src/reports/spread.js";
import { BEGIN, believableWeek, inputOf, type Told, toldEvents } from "../support/report-week.js";

const MINUTE = 60_000;
const at = (minutes: number) => new Date(BEGIN + minutes * MINUTE).toISOString();
const report = (told: readonly Told[], input: Parameters<typeof inputOf>[1] = {}) =>
  compileReport(inputOf(told, input));
const OPEN = { kind: "modified", rule: "default", live: 1, desired: 2, severity: "high" as const };

describe("time to resolve", () => {
  it("is from the finding to the end, however drift ends", () => {
    const { total } = report([
      { at: 10, type: "drifted", path: "/a" },
      { at: 11, type: "healed", path: "/a" },
      { at: 10, type: "drifted", path: "/b" },
      { at: 15, type: "resolved", path: "/b" },
      { at: 10, type: "drifted", path: "/c" },
      { at: 40, type: "adopted", path: "/c" },
      { at: 10, type: "drifted", path: "/d" },
      { at: 12, type: "pending-restart", path: "/d" },
    ]);
    expect(total.ended).toEqual({ healed: 2, adopted: 1, resolved: 1 });
    expect(total.timeToResolve).toEqual({ count: 4, median: 2 * MINUTE, p90: 30 * MINUTE, max: 30 * MINUTE });
  });

  it("is nothing for drift that the pass which found it healed", () => {
    const { total } = report([{ at: 10, type: "healed", path: "/a" }]);
    expect(total.timeToResolve).toEqual({ count: 1, median: 0, p90: 0, max: 0 });
    expect(total.found).toEqual({ low: 1, medium: 0, high: 0, critical: 0 });
  });

  it("counts drift from before the span where it ended in it, but not as found", () => {
    const { total, noisiest } = report([
      { at: -100, type: "drifted", path: "/a" },
      { at: 20, type: "healed", path: "/a" },
    ]);
    expect(total.timeToResolve?.max).toBe(120 * MINUTE);
    expect(total.found.low).toBe(0);
    expect(noisiest).toEqual([]);
  });

  it("does not count what ended before the span, nor what is open at its end", () => {
    const { total } = report([
      { at: -100, type: "drifted", path: "/a" },
      { at: -50, type: "healed", path: "/a" },
      { at: 10, type: "drifted", path: "/b" },
    ]);
    expect(total.timeToResolve).toBeNull();
    expect(total.ended).toEqual({ healed: 0, adopted: 0, resolved: 0 });
  });

  it("goes through a change of the live value: it is the same drift", () => {
    const { total } = report([
      { at: 10, type: "drifted", path: "/a" },
      { at: 20, type: "drifted", path: "/a", severity: "critical" },
      { at: 30, type: "resolved", path: "/a" },
    ]);
    expect(total.timeToResolve).toMatchObject({ count: 1, max: 20 * MINUTE });
    expect(total.found).toEqual({ low: 0, medium: 0, high: 0, critical: 1 });
  });

  it("ends where git moves instead of the live side, and where git no longer names the setting", () => {
    const { total } = report([
      { at: 10, type: "drifted", path: "/a" },
      { at: 20, type: "pending", path: "/a", kind: "pending" },
      { at: 30, type: "synced", path: "/a", kind: "pending" },
      { at: 10, type: "drifted", path: "/b" },
      { at: 50, type: "unmanaged", path: "/b", kind: "unmanaged" },
    ]);
    expect(total.ended.resolved).toBe(2);
    expect(total.timeToResolve?.max).toBe(40 * MINUTE);
    expect(total.synced).toBe(1);
  });

  it("is not known of a target that git no longer names: nobody looks any more", () => {
    const { total } = report([
      { at: 10, type: "drifted", path: "/a" },
      { at: 20, type: "retired" },
      { at: 30, type: "drifted", path: "/a" },
    ]);
    expect(total.timeToResolve).toBeNull();
    expect(total.found.low).toBe(2);
  });
});

describe("what is no drift", () => {
  it.each([
    { at: 10, type: "pending", path: "/a", kind: "pending" },
    { at: 10, type: "synced", path: "/a", kind: "pending" },
    { at: 10, type: "unmanaged", path: "/a", kind: "unmanaged" },
    { at: 10, type: "healed", path: "/a", kind: "unmanaged" },
    { at: 10, type: "pending-restart", path: "/a", kind: "pending" },
    { at: 10, type: "resolved", path: "/a" },
    { at: 10, type: "suspended", target: null },
  ])("$type of $kind is not counted", (told: Told) => {
    const { total } = report([told]);
    expect(total.found).toEqual({ low: 0, medium: 0, high: 0, critical: 0 });
    expect(total.timeToResolve).toBeNull();
  });
});

describe("open drift", () => {
  it("is what the last passes left, worst first, with the time of its finding, from before the span too", () => {
    const place = { environment: "prod", target: "settings" };
    const { open, total } = report(
      [
        { at: -500, type: "drifted", path: "/old" },
        { at: 10, type: "drifted", path: "/new" },
        { at: 20, type: "drifted", path: "/new" },
        { at: 30, type: "drifted", path: "/worst", severity: "critical" },
      ],
      {
        open: [
          { ...place, ...OPEN, path: "/new" },
          { ...place, ...OPEN, path: "/untold", severity: "low" },
          { ...place, ...OPEN, path: "/old" },
          { ...place, ...OPEN, path: "/worst", severity: "critical", restrained: "held", note: "held by ana" },
        ],
      },
    );
    expect(open.map(({ path, since }) => [path, since])).toEqual([
      ["/worst", at(30)],
      ["/old", at(-500)],
      ["/new", at(10)],
      ["/untold", null],
    ]);
    expect(open[0]).toMatchObject({ restrained: "held", note: "held by ana" });
    expect(total.open).toEqual({ low: 1, medium: 0, high: 2, critical: 1 });
    expect(total.suppressed.held).toBe(1);
  });
});

describe("time to detect", () => {
  it("is at most the time since a look that left a trace, and unknown where none did", () => {
    const { total } = report([
      { at: 10, type: "drifted", path: "/first" },
      { at: 10, type: "synced", path: "/other", kind: "pending" },
      { at: 40, type: "drifted", path: "/second" },
      { at: 40, type: "drifted", path: "/third" },
      { at: 45, type: "healed", path: "/fourth", target: "broker" },
    ]);
    expect(total.timeToDetect).toEqual({ count: 2, median: 30 * MINUTE, p90: 30 * MINUTE, max: 30 * MINUTE });
  });

  it("does not take for a look that a target was away", () => {
    const { total } = report([
      { at: 10, type: "synced", path: "/a", kind: "pending" },
      { at: 20, type: "unknown" },
      { at: 60, type: "recovered" },
      { at: 60, type: "drifted", path: "/a" },
    ]);
    expect(total.timeToDetect?.max).toBe(50 * MINUTE);
  });
});

describe("what else is counted", () => {
  it("recurrence and noise are by setting: the same path elsewhere is another setting", () => {
    const heal = (minute: number, target: string): Told => ({ at: minute, type: "healed", path: "/a", target });
    const { total, noisiest } = report([
      ...[heal(1, "settings"), heal(2, "settings"), heal(3, "broker"), heal(4, "settings")],
      { at: 5, type: "drifted", path: "/a", target: "settings", severity: "high" },
    ]);
    expect(total.recurring).toBe(1);
    expect(noisiest).toEqual([
      { environment: "prod", target: "settings", path: "/a", times: 4, healed: 3, severity: "high", last: at(5) },
      { environment: "prod", target: "broker", path: "/a", times: 1, healed: 1, severity: "low", last: at(3) },
    ]);
  });

  it("the time in which a target was away is cut to the span, open at its end or its beginning", () => {
    const { total, environments } = report(
      [
        { at: -100, type: "unknown", target: "broker" },
        { at: 15, type: "recovered", target: "broker" },
        { at: 20, type: "unknown", target: "settings" },
        { at: 25, type: "failed", target: "settings" },
        { at: 30, type: "recovered", target: "settings" },
        { at: 7 * 1440 - 10, type: "failed", target: "settings", environment: "dev" },
      ],
      { environments: ["dev", "prod"], to: new Date(BEGIN + 7 * 1440 * MINUTE) },
    );
    expect(total.unknown).toBe((15 + 10 + 10) * MINUTE);
    expect(environments.map(({ name, unknown }) => [name, unknown])).toEqual([
      ["dev", 10 * MINUTE],
      ["prod", 25 * MINUTE],
    ]);
  });

  it("holds, flapping settings, refused plans and failures are those of the span", () => {
    const told = ["held", "flapping", "refused", "failed"].flatMap((type): Told[] => [
      { at: -5, type, path: "/a" },
      { at: 5, type, path: "/a" },
    ]);
    expect(report(told).total).toMatchObject({ suppressed: { held: 0, flapping: 1, refused: 1 }, holds: 1, failed: 1 });
  });

  it("a write that failed leaves drift open", () => {
    const { total } = report([
      { at: 5, type: "drifted", path: "/a" },
      { at: 5, type: "failed", path: "/a" },
      { at: 9, type: "healed", path: "/a" },
    ]);
    expect(total.timeToResolve).toMatchObject({ count: 1, max: 4 * MINUTE });
  });
});

describe("the timeline", () => {
  it("has a bar a day, the days without drift too, and by the week where the span is long", () => {
    const week = report([{ at: 3 * 1440, type: "healed", path: "/a" }]).timeline;
    expect(week.days).toBe(1);
    expect(week.bars.map(({ day, low }) => [day.slice(8), low])).toEqual([
      ...[
        ["09", 0],
        ["10", 0],
        ["11", 0],
        ["12", 1],
      ],
      ...[
        ["13", 0],
        ["14", 0],
        ["15", 0],
      ],
    ]);
    const quarter = report([{ at: 90 * 1440, type: "healed", path: "/a" }], {
      to: new Date(BEGIN + 90 * 1440 * MINUTE),
    }).timeline;
    expect(quarter.days).toBe(7);
    expect(quarter.bars).toHaveLength(13);
    expect(quarter.bars.at(-1)).toEqual({ day: "2027-02-01", low: 1, medium: 0, high: 0, critical: 0 });
  });
});

describe("the figures", () => {
  it("do not depend on the order in which events come", () => {
    const input = believableWeek();
    const expected = compileReport(input);
    fc.assert(
      fc.property(fc.shuffledSubarray([...input.events], { minLength: input.events.length }), (events) => {
        expect(compileReport({ ...input, events })).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  it("of all environments together are the sums of each, and every time to resolve is in one bar", () => {
    const events = fc.array(
      fc.record({
        at: fc.integer({ min: -2000, max: 7 * 1440 - 1 }),
        type: fc.constantFrom("drifted", "healed", "adopted", "resolved", "pending", "unknown", "recovered", "retired"),
        environment: fc.constantFrom("dev", "prod"),
        path: fc.constantFrom("/a", "/b"),
        severity: fc.constantFrom("low" as const, "critical" as const),
      }),
    );
    fc.assert(
      fc.property(events, (told) => {
        const of = told.map(({ path, ...event }) =>
          ["unknown", "recovered", "retired"].includes(event.type) ? event : { ...event, path },
        );
        const { total, environments, resolveTimes, timeline } = report(of, { environments: ["dev", "prod"] });
        for (const name of ["synced", "failed", "recurring", "unknown"] as const) {
          expect(environments.reduce((sum, one) => sum + one[name], 0)).toBe(total[name]);
        }
        expect(resolveTimes.reduce((sum, { count }) => sum + count, 0)).toBe(total.timeToResolve?.count ?? 0);
        expect(timeline.bars.reduce((sum, { low, critical }) => sum + low + critical, 0)).toBe(
          total.found.low + total.found.critical,
        );
        expect(total.timeToResolve === null || total.timeToResolve.median >= 0).toBe(true);
      }),
    );
  });

  it("ids decide where instants are equal", () => {
    const events = toldEvents([
      { at: 5, type: "drifted", path: "/a" },
      { at: 5, type: "healed", path: "/a" },
    ]);
    expect(compileReport(inputOf([], { events: events.toReversed() })).total.ended.healed).toBe(1);
  });
});

describe("a spread", () => {
  it("is by nearest rank: each figure is a time that was measured", () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([7])).toEqual({ count: 1, median: 7, p90: 7, max: 7 });
    expect(spreadOf([10, 1, 9, 2, 8, 3, 7, 4, 6, 5])).toEqual({ count: 10, median: 5, p90: 9, max: 10 });
  });
});
