import { describe, expect, it } from "vitest";
import type { FindingKind } from "../../src/core/finding.js";
import { readDriftPolicy } from "../../src/policies/drift.js";

const FILE = "policies/drift.yaml";
const subject = (path: string, { kind = "modified", live = 2, targetKind = "files" }: { kind?: FindingKind; live?: number; targetKind?: string } = {}) => ({
  ...{ environment: "prod", target: "settings", targetKind, sensitive: false },
  finding: { path, kind, action: "update" as const, desired: 10, live, lastApplied: 10 },
});
const matches = async (rule: string, what: ReturnType<typeof subject>) =>
  (await readDriftPolicy(`rules: [{ name: r, severity: low, ${rule} }]`, FILE)).rules[0]?.matches(what);

describe("a drift policy", () => {
  it.each([
    ["match: { path: '/**/tls/**' }", "/server/tls/min", true],
    ["match: { path: '/**/tls/**' }", "/tls/min", true],
    ["match: { path: '/**/*password*' }", "/smtp/password2", true],
    ["match: { path: '/pool/*' }", "/pool/max", true],
    ["match: { path: '/pool/*' }", "/pool/max/deep", false],
    ["match: { path: '/rooms~1*/setpoint' }", "/rooms~1kitchen/setpoint", true],
    ["match: { path: ['/a', '/b'], environment: prod }", "/b", true],
    ["match: { path: '/a', environment: dev }", "/a", false],
    ["match: { target: set*, kind: modified }", "/x", true],
    ["match: { kind: mqtt }", "/x", false],
    ["match: { kind: [files, mqtt] }", "/x", true],
    ["match: { kind: missing }", "/x", false],
    ["when: 'double(finding.live) < 0.5 * double(finding.desired)'", "/x", true],
    ["", "/.hidden/x", true],
  ])("%s on %s: %s", async (rule, path, expected) => {
    expect(await matches(rule, subject(path))).toBe(expected);
  });

  it.each([
    ["rules:\n  - { name: a, severity: hgih }\n", 2, 26],
    ["rules:\n  - { name: a, severity: low, wen: x }\n", 2, 36],
    ["rules:\n  - { name: a, severity: low, match: { path: pool/max } }\n", 2, 46],
    ["rules:\n  - { name: a, severity: low, when: 'finding.lvie == 1' }\n", 2, 37],
    ["rules:\n  - { name: a, severity: low, actions: [sync] }\n", 2, 41],
    ["guards: { blastRadius: { share: 3, atLeast: 1 } }\n", 1, 33],
    ["guards: { blastRadios: {} }\n", 1, 11],
  ])("that says %j is refused with the place", async (text, line, column) => {
    await expect(readDriftPolicy(text, FILE)).rejects.toMatchObject({
      code: "POLICY_INVALID",
      where: { file: FILE, line, column },
    });
  });

  it("has the values of the guards that it names, and the defaults of the others", async () => {
    const { guards } = await readDriftPolicy("guards: { flapping: { heals: 2, within: 1h }, acceptLoss: [b] }", FILE);
    expect(guards).toMatchObject({
      ...{ flapping: { heals: 2, within: 3_600_000 }, acceptLoss: ["b"], blastRadius: { share: 0.3, atLeast: 10 } },
    });
    expect(guards.freeze("prod", 0)).toBeUndefined();
    const { guards: defaults } = await readDriftPolicy("", FILE);
    expect(defaults).toMatchObject({ flapping: { heals: 3, within: 1_800_000 } });
  });
});
