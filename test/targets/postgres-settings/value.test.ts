import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TrueupError } from "../../../src/core/errors.js";
import type { Value } from "../../../src/core/value.js";
import { customFacts, factsOf, type Facts } from "../../../src/targets/postgres-settings/facts.js";
import { settable } from "../../../src/targets/postgres-settings/live.js";
import { normalizeSetting } from "../../../src/targets/postgres-settings/value.js";
import { postgresMajors, postgresUnavailable, startPostgres, type TestPostgres } from "../../support/postgres.js";

describe.skipIf(postgresUnavailable !== undefined).each(postgresMajors)("values on PostgreSQL %i", (major) => {
  let server: TestPostgres;
  let client: pg.Client;
  let facts: Facts;
  beforeAll(async () => {
    server = await startPostgres({ major });
    client = new pg.Client({ connectionString: server.url, types: { getTypeParser: () => (text: string) => text } });
    await client.connect();
    facts = await factsOf(client);
  });
  afterAll(async () => {
    await client.end();
    await server.close();
  });
  const normalize = (name: string, value: Value) => normalizeSetting(facts.get(name) ?? customFacts(name), value);
  const show = async (name: string, value: string): Promise<string | undefined> => {
    try {
      await client.query(`SELECT set_config($1, $2, false)`, [name, value]);
    } catch {
      return undefined;
    }
    return (await client.query<Record<string, string>>(`SELECT current_setting($1) AS shown`, [name])).rows[0]?.shown;
  };

  it.each<[string, Value, Value]>([
    ["work_mem", "8192kB", "8MB"],
    ["work_mem", "8 MB", "8MB"],
    ["work_mem", 8192, "8MB"],
    ["work_mem", "8192", "8MB"],
    ["work_mem", " 0x2000 ", "8MB"],
    ["work_mem", "1.5GB", "1536MB"],
    ["work_mem", "8388608B", "8MB"],
    ["statement_timeout", "90s", "90s"],
    ["statement_timeout", "120s", "2min"],
    ["statement_timeout", 0, "0"],
    ["log_min_duration_statement", -1, "-1"],
    ["log_min_duration_statement", "1.5 s", "1500ms"],
    ["vacuum_cost_delay", "0.5", "500us"],
    ["vacuum_cost_delay", "2ms", "2ms"],
    ["random_page_cost", "1.10", 1.1],
    ["max_connections", "200", 200],
    ["autovacuum", true, "on"],
    ["autovacuum", "of", "off"],
    ["autovacuum", "YES", "on"],
    ["autovacuum", 1, "on"],
    ["synchronous_commit", "OFF", "off"],
    ["synchronous_commit", false, "off"],
    ["wal_level", "Logical", "logical"],
    ["log_file_mode", "0640", "0640"],
    ["log_file_mode", 416, "0640"],
    ["search_path", '"$user",public', '"$user", public'],
    ["search_path", "$user,  Public", '"$user", public'],
    ["search_path", ["$user", "Odd,Schema"], '"$user", "Odd,Schema"'],
    ["search_path", "", ""],
    ["log_destination", "stderr,csvlog", "stderr, csvlog"],
    ["log_line_prefix", "%m [%p] ", "%m [%p] "],
    ["app.flag", true, "true"],
  ])("%s = %j is %j", (name, value, expected) => {
    expect(normalize(name, value)).toBe(expected);
  });

  it("does not round what the server would round", async () => {
    expect(normalize("effective_cache_size", "5001kB")).toBe("5001kB");
    expect(await show("effective_cache_size", "5001kB")).toBe("5000kB");
    expect(normalize("statement_timeout", "1.5ms")).toBe("1500us");
    expect(normalize("work_mem", "0.1GB")).toBe("0.1GB");
    expect(normalize("default_statistics_target", "1.5")).toBe(1.5);
  });

  it.each<[string, Value, string]>([
    ["work_mem", "8KB", "units are B, kB, MB, GB, TB, in exactly this spelling"],
    ["work_mem", "8hunter2MB", "is not a number"],
    ["work_mem", "1kB", "out of range: 64kB to"],
    ["max_connections", "10MB", "takes no unit"],
    ["autovacuum", "o", "is neither on nor off"],
    ["wal_level", "hunter2", "is none of minimal, replica, logical"],
    ["work_mem", null, "is null"],
    ["work_mem", ["8MB"], "is not a scalar"],
  ])("%s = %j is refused without being quoted", (name, value, message) => {
    const attempt = () => normalize(name, value);
    expect(attempt).toThrow(TrueupError);
    expect(attempt).toThrow(message);
    expect(attempt).not.toThrow("hunter2");
  });

  it("suggests a name, and refuses what cannot be set", () => {
    expect(() => settable(facts, "work_men", "server")).toThrow(
      expect.objectContaining({ code: "DOCUMENT_INVALID", hint: expect.stringContaining('"work_mem"') as string }),
    );
    expect(() => settable(facts, "WORK_MEM", "server")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('"work_mem"') as string }),
    );
    expect(() => settable(facts, "block_size", "server")).toThrow("read-only");
    expect(() => settable(facts, "shared_buffers", "override")).toThrow("only be set for the whole server");
    expect(settable(facts, "app.tenant", "override").type).toBe("string");
  });

  it("writes a unit where the server leaves it out", () => {
    expect(normalize("tcp_keepalives_idle", "7200")).toBe("2h");
  });

  it("reports every default of the server as itself", async () => {
    const { rows } = await client.query<{ name: string; setting: string; shown: string }>(
      `SELECT name, setting, current_setting(name) AS shown FROM pg_settings
       WHERE context <> 'internal' AND vartype <> 'string' AND name NOT LIKE 'tcp_%'`,
    );
    expect(rows.length).toBeGreaterThan(200);
    for (const { name, setting, shown } of rows) {
      expect([name, text(normalize(name, setting))]).toEqual([name, shown.replace(/^(-?\d+\.\d*?)0+$/, "$1")]);
    }
  });

  const spelled = fc.record({
    name: fc.constantFrom("work_mem", "effective_cache_size", "lock_timeout", "vacuum_cost_delay", "deadlock_timeout"),
    number: fc.oneof(
      fc.integer({ min: -2, max: 100_000 }).map(String),
      fc.double({ min: 0, max: 5000 }).map((n) => n.toFixed(2)),
    ),
    unit: fc.constantFrom("", "", "B", "kB", "MB", "GB", "TB", "us", "ms", "s", "min", "h", "d", "KB", "m"),
    space: fc.constantFrom("", " "),
  });

  it("takes what the server takes, and says what it says", async () => {
    await fc.assert(
      fc.asyncProperty(spelled, async ({ name, number, unit, space }) => {
        const spelling = `${number}${space}${unit}`;
        const shown = await show(name, spelling);
        let mine: Value | undefined;
        try {
          mine = normalize(name, spelling);
        } catch {
          mine = undefined;
        }
        if (mine === undefined) return;
        // What we would write is read back as it was written, unless it lies between two of the setting's steps.
        const between = rounded(name, text(mine));
        if (!between) expect(await show(name, text(mine))).toBe(text(mine));
        // A fraction of a large unit the server rounds to the next smaller one; the number that was meant is written instead.
        if (!between && !number.includes(".")) expect(text(mine)).toBe(shown);
      }),
      { numRuns: 400 },
    );
  });

  function text(value: Value | undefined): string {
    if (typeof value === "object" || value === undefined) throw new Error("not a scalar");
    return String(value);
  }

  /** Whether a normalised value is one that lies between two of the setting's own steps. */
  function rounded(name: string, shown: string): boolean {
    const unit = facts.get(name)?.unit;
    return (
      shown.includes(".") ||
      (unit === "8kB" && /[^0]\d*(k?B)$/.test(shown)) ||
      (unit === "kB" && /\dB$/.test(shown)) ||
      shown.endsWith("us")
    );
  }
});
