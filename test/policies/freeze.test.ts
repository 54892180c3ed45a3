import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import type { Freeze } from "../../src/core/freeze.js";
import { readDriftPolicy } from "../../src/policies/drift.js";

const FILE = "policies/drift.yaml";
const windows = async (freeze: string) => (await readDriftPolicy(`guards: { freeze: [${freeze}] }`, FILE)).guards.freeze;
const at = (text: string): number => Date.parse(text);
const iso = (freeze: Freeze | undefined): string | undefined => freeze?.until;

describe("a freeze window", () => {
  it("is open from its start to just before its end, by the clock of its time zone", async () => {
    const freeze = await windows("{ cron: '0 18 * * 5', duration: 62h, timezone: Europe/Berlin }");
    expect(freeze("prod", at("2026-11-20T16:59:59.999Z"))).toBeUndefined();
    expect(freeze("prod", at("2026-11-20T17:00:00.000Z"))).toEqual({
      cause: { kind: "deny", cron: "0 18 * * 5", timezone: "Europe/Berlin" },
      until: "2026-11-23T07:00:00Z",
    });
    expect(freeze("prod", at("2026-11-23T06:59:59.999Z"))).toBeDefined();
    expect(freeze("prod", at("2026-11-23T07:00:00.000Z"))).toBeUndefined();
  });

  // What each instant says: undefined is not frozen, else when the freeze ends.
  it.each([
    // Berlin goes from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC: a start in that hour is at the end of the gap.
    ["30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:59Z", undefined],
    ["30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
    ["0,30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
    ["30 2 * * *", "Europe/Berlin", "2026-03-30T00:30:00Z", "2026-03-30T01:30:00Z"],
    // ... and from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC: a start in that hour is the first of the two.
    ["30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ["30 2 * * *", "Europe/Berlin", "2026-10-25T01:30:00Z", undefined],
    ["30 2 * * *", "Europe/Berlin", "2026-10-26T01:30:00Z", "2026-10-26T02:30:00Z"],
    // New York: 02:00 to 03:00 on 8 March 2026, at 07:00 UTC.
    ["30 2 * * *", "America/New_York", "2026-03-08T06:59:59Z", undefined],
    ["30 2 * * *", "America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"],
    ["30 2 * * *", "America/New_York", "2026-03-09T06:30:00Z", "2026-03-09T07:30:00Z"],
    // 02:00 back to 01:00 on 1 November 2026, at 06:00 UTC.
    ["30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"],
    ["30 1 * * *", "America/New_York", "2026-11-01T06:30:00Z", undefined],
    ["30 1 * * *", "America/New_York", "2026-11-02T06:30:00Z", "2026-11-02T07:30:00Z"],
    // A start by the hours that there are: none in the hour that is skipped, two in the one that is doubled.
    ["0 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", undefined],
  ])("of an hour at `%s` (%s) is at %s open until %s", async (cron, timezone, instant, expected) => {
    const duration = cron.startsWith("0 *") ? "10m" : "1h";
    const freeze = await windows(`{ cron: '${cron}', duration: ${duration}, timezone: ${timezone} }`);
    expect(iso(freeze("prod", at(instant)))).toBe(expected);
  });

  it("lasts its duration as time goes by, over the nights when the clocks change", async () => {
    const freeze = await windows("{ cron: '0 18 * * 5', duration: 62h, timezone: Europe/Berlin }");
    expect(iso(freeze("prod", at("2026-03-28T12:00:00Z")))).toBe("2026-03-30T07:00:00Z");
    expect(iso(freeze("prod", at("2026-10-24T12:00:00Z")))).toBe("2026-10-26T06:00:00Z");
  });

  it("goes on where the next one begins before it ends; one that always does has no end in sight", async () => {
    const chain = await windows("{ cron: '0 8 * * 1', duration: 4h }, { cron: '0 11 * * 1', duration: 4h }");
    expect(iso(chain("prod", at("2026-11-23T09:00:00Z")))).toBe("2026-11-23T15:00:00Z");
    const always = await windows("{ cron: '0 * * * *', duration: 2h }");
    expect(always("prod", at("2026-11-23T09:00:00Z"))).toMatchObject({ until: undefined });
  });

  it("concerns the environments that it names", async () => {
    const freeze = await windows("{ cron: '* * * * *', duration: 1h, environment: [prod, 'stag*'] }");
    expect(["prod", "staging", "dev"].map((name) => freeze(name, at("2026-11-23T09:00:00Z")) !== undefined)).toEqual([
      ...[true, true, false],
    ]);
  });
});

describe("a window that allows", () => {
  const ALLOW = "{ kind: allow, cron: '0 9 * * 1-5', duration: 8h }";

  it("freezes what is outside of it", async () => {
    const freeze = await windows(ALLOW);
    expect(freeze("prod", at("2026-11-23T09:00:00Z"))).toBeUndefined();
    expect(freeze("prod", at("2026-11-23T17:00:00Z"))).toEqual({
      cause: { kind: "allow" },
      until: "2026-11-24T09:00:00Z",
    });
  });

  it("is beaten by one that denies", async () => {
    const freeze = await windows(`${ALLOW}, { cron: '0 12 24 11 *', duration: 1d }`);
    expect(freeze("prod", at("2026-11-24T10:00:00Z"))).toBeUndefined();
    expect(freeze("prod", at("2026-11-24T13:00:00Z"))).toMatchObject({ cause: { kind: "deny" } });
    // Denied from within one window until within the next.
    expect(iso(freeze("prod", at("2026-11-24T13:00:00Z")))).toBe("2026-11-25T12:00:00Z");
    // Frozen by the night, and then denied: one end.
    const early = await windows(`${ALLOW}, { cron: '0 8 25 11 *', duration: 2h }`);
    expect(iso(early("prod", at("2026-11-24T20:00:00Z")))).toBe("2026-11-25T10:00:00Z");
  });
});

describe("the end that a freeze names", () => {
  it("is the first instant at which it is over, on any day of the year", async () => {
    const zones = await Promise.all(
      ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"].map((timezone) =>
        windows(
          `{ kind: allow, cron: '30 1 * * *', duration: 90m, timezone: ${timezone} },
           { cron: '0 2 * * 0', duration: 2h, timezone: ${timezone} }`,
        ),
      ),
    );
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: 0, max: 366 * 1440 - 1 }), (freeze, minute) => {
        const instant = at("2026-01-01T00:00:00Z") + minute * 60_000;
        const end = iso(freeze("prod", instant));
        if (end === undefined) return;
        const until = at(end);
        expect(until).toBeGreaterThan(instant);
        expect(freeze("prod", until)).toBeUndefined();
        expect(freeze("prod", until - 1)).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });
});

describe("a freeze that says", () => {
  it.each([
    ["{ cron: '*/61 * * * *', duration: 1h }", "'*/61", "not a cron expression", "five fields"],
    ["{ cron: '0 18 * * 8', duration: 1h }", "'0 18", "dayOfWeek", "five fields"],
    ["{ cron: '0 0 18 * * 5', duration: 1h }", "'0 0", "not a cron expression", "five fields"],
    ["{ cron: '2027-01-01T00:00:00', duration: 1h }", "'2027", "not a cron expression", "five fields"],
    ["{ cron: '0 0 30 2 *', duration: 1h }", "'0 0", "never comes", "no month"],
    ["{ cron: '0 18 * * 5', duration: 1h, timezone: Europe/Berln }", "Europe", "not a time zone", "Europe/Berlin"],
    ["{ cron: '0 18 * * 5', duration: 1h, timezone: '+02:00' }", "'+02", "not a time zone", "IANA"],
    ["{ cron: '0 18 * * 5', duration: 62 hours }", "62", "expected a duration", undefined],
    ["{ cron: '0 18 * * 5', duration: 1h, timezon: UTC }", "UTC", "unknown key `timezon`", "timezone"],
    ["{ cron: '0 18 * * 5', duration: 1h, kind: alow }", "alow", "kind", undefined],
  ])("%s is refused with the place and what to do", async (freeze, fault, message, hint) => {
    const text = `guards: { freeze: [${freeze}] }`;
    const error = await readDriftPolicy(text, FILE).catch((thrown: unknown) => thrown);
    if (!(error instanceof TrueupError)) throw new Error("it was not refused");
    expect(error).toMatchObject({ code: "POLICY_INVALID", where: { file: FILE, line: 1, column: text.indexOf(fault) + 1 } });
    expect(error.message).toContain(message);
    if (hint !== undefined) expect(error.hint).toContain(hint);
  });
});
