import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { openProbe } from "../../src/config/probes.js";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-probes-"));
  file = join(folder, "trueup.yaml");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function load(probes: string, rest = "") {
  writeFileSync(file, `repository: { url: . }\nenvironments:\n  staging:\n    probes:\n${probes}${rest}`);
  return loadConfig(file, { TOKEN: "hunter2" });
}

describe("probes in trueup.yaml", () => {
  it("are of every kind, with paths from its folder", () => {
    const { environments } = load(
      [
        "      api: { kind: http, url: 'http://h/health', status: 200, contains: ok, timeout: 5s, headers: { a: '${TOKEN}' } }",
        "      rows: { kind: sql, url: 'postgres://h/shop', ca: db.pem, query: 'select true' }",
        "      bus: { kind: mqtt, url: 'mqtt://h', ca: bus.pem, topic: app/alive, within: 30s }",
        "      check: { kind: command, run: [./check.sh, staging], timeout: 10s }\n",
      ].join("\n"),
    );
    const probes = environments.get("staging")?.probes ?? new Map<never, never>();
    expect([...probes].map(([name, { kind, spec }]) => [name, kind.kind, spec])).toEqual([
      [
        "api",
        "http",
        { url: "http://h/health", status: 200, contains: "ok", timeout: 5_000, headers: { a: "hunter2" } },
      ],
      ["rows", "sql", { url: "postgres://h/shop", ca: join(folder, "db.pem"), query: "select true", timeout: 5_000 }],
      [
        "bus",
        "mqtt",
        { url: "mqtt://h", ca: join(folder, "bus.pem"), topic: "app/alive", within: 30_000, retained: false },
      ],
      ["check", "command", { run: ["./check.sh", "staging"], timeout: 10_000 }],
    ]);
  });

  it.each([
    ["{ kind: htpt, url: 'http://h' }", "5:20", /no kind of probe `htpt`/, 'did you mean "http"?'],
    ["{ url: 'http://h' }", "5:7", /a probe needs a `kind`/, "known: command, http, mqtt, sql"],
    ["{ kind: http, urk: 'http://h' }", "5:31", /unknown key `urk`/, 'did you mean "url"?'],
    ["{ kind: http, url: 'http://u:hunter2@h' }", "5:31", /must not have a user or password/, undefined],
    ["{ kind: sql, url: 'mysql://h/d', query: x }", "5:30", /begins with postgres:/, undefined],
    ["{ kind: mqtt, url: 'mqtt://h', topic: a, within: soon }", "5:61", /duration/, undefined],
    ["{ kind: command, run: [] }", "5:29", /`environments.staging.probes.api.run.0` is missing/, undefined],
  ])("refuse %s at %s", (probe, place, message, hint) => {
    let fault: unknown;
    try {
      load(`      api: ${probe}\n`);
    } catch (error) {
      fault = error;
    }
    expect(fault).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringMatching(message) as string });
    const { where, hint: told } = fault as { where: { line: number; column: number }; hint?: string };
    expect([`${where.line}:${where.column}`, told]).toEqual([place, hint]);
    expect(JSON.stringify(fault)).not.toContain("hunter2");
  });

  it("are opened by their name", async () => {
    const { environments } = load("      api: { kind: http, url: 'http://h' }\n");
    const { probes } = environments.get("staging") ?? { probes: new Map<never, never>() };
    const context = { environment: "staging", folder };
    await expect(openProbe(probes, "apy", context)).rejects.toMatchObject({
      ...{ code: "CONFIG_INVALID", message: "trueup.yaml gives staging no probe `apy`", hint: 'did you mean "api"?' },
    });
    expect(await openProbe(probes, "api", context)).toHaveProperty("check");
  });
});

describe("webhooks in trueup.yaml", () => {
  it("have an address, and may have a secret", () => {
    const { webhooks } = load("      {}\n", "webhooks: { board: { url: 'https://h/ask', secret: '${TOKEN}' } }\n");
    expect([...webhooks]).toEqual([["board", { url: "https://h/ask", secret: "hunter2", timeout: 10_000 }]]);
    expect(() => load("      {}\n", "webhooks: { board: { uri: 'https://h/ask' } }\n")).toThrow("unknown key `uri`");
  });
});
