import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DEFAULT_POLICY, readDriftPolicy } from "../../src/policies/drift.js";
import { readPolicyTests, runCase, uncovered } from "../../src/policies/testing.js";

const FILE = "policies/tests/drift.yaml";
const KINDS = ["files", "mqtt"] as const;
const read = (finding: string, expected = "{ severity: medium }") =>
  readPolicyTests(`cases:\n  - name: c\n    finding: ${finding}\n    expect: ${expected}\n`, FILE, [...KINDS]);
const PROD = "environment: prod, target: t, path: /a";

describe("a case of a policy's tests", () => {
  it("is a finding as a pass would see it", () => {
    const [one] = read(`{ ${PROD}, targetKind: mqtt, kind: modified, desired: 20, live: 5 }`);
    expect(one).toMatchObject({
      name: "c",
      where: { file: FILE, line: 2, column: 5 },
      subject: {
        ...{ environment: "prod", target: "t", targetKind: "mqtt", sensitive: false },
        finding: { path: "/a", kind: "modified", action: "update", desired: 20, live: 5, lastApplied: 20 },
      },
      options: { sync: "auto", exclusive: false },
    });
  });

  it.each([
    ["kind: missing, desired: 1", { action: "create", live: undefined, lastApplied: 1 }],
    ["kind: pending, desired: 2, live: 1", { action: "update", lastApplied: 1 }],
    ["kind: pending, live: 1", { action: "remove", desired: undefined, lastApplied: 1 }],
    ["kind: conflicted, desired: 2, live: 1", { action: "update", lastApplied: undefined }],
    ["kind: conflicted, desired: 2, live: 1, lastApplied: 0", { lastApplied: 0 }],
    ["kind: modified, desired: 1, live: null", { action: "update", live: null }],
    ["kind: unmanaged, live: 1", { action: "remove", lastApplied: undefined }],
  ])("that says %s means %o", (finding, expected) => {
    expect(read(`{ ${PROD}, ${finding} }`)[0]?.subject.finding).toMatchObject(expected);
  });

  it.each([
    ["path: /smtp/password, kind: modified, desired: a, live: b", true],
    ["path: /url, kind: modified, desired: 'https://u:p@h/', live: b", true],
    ["path: /smtp/password, kind: modified, desired: a, live: b, sensitive: false", false],
    ["path: /a, kind: modified, desired: a, live: b, sensitive: true", true],
    ["path: /a, kind: modified, desired: a, live: b", false],
  ])("with %s is sensitive: %s", (finding, sensitive) => {
    expect(read(`{ environment: prod, target: t, ${finding} }`)[0]?.subject.sensitive).toBe(sensitive);
  });

  it.each<[string, string | undefined, number, RegExp, RegExp | undefined]>([
    [`{ ${PROD}, kind: modified, desired: 1, live: 2, lvie: 3 }`, undefined, 3, /unknown key `lvie`/, /"live"/],
    [`{ ${PROD}, kind: modified, desired: 1, live: 2 }`, "{ severity: hgih }", 4, /expect.severity` .*"high"/, undefined],
    [`{ ${PROD}, kind: modified, desired: 1, live: 2 }`, "nothing", 4, /`cases.0.expect` is not valid: expected a map, found a text/, undefined],
    [`{ ${PROD}, kind: modified, desired: 1, live: 2 }`, "{ severity: low, action: [heal] }", 4, /unknown key `action`/, /"actions"/],
    [`{ ${PROD}, kind: modifed, desired: 1, live: 2 }`, undefined, 3, /kind` is not valid/, undefined],
    [`{ ${PROD}, targetKind: mqt, kind: missing, desired: 1 }`, undefined, 3, /targetKind` is not valid.*"mqtt"/, undefined],
    [`{ ${PROD}, kind: modified, desired: 1 }`, undefined, 3, /both `desired` and `live`/, /`missing`/],
    [`{ ${PROD}, kind: missing, desired: 1, live: 2 }`, undefined, 3, /no `live`/, undefined],
    [`{ ${PROD}, kind: unmanaged, desired: 1, live: 2 }`, undefined, 3, /no `desired`/, undefined],
    ["{ environment: prod, target: t, path: a, kind: missing, desired: 1 }", undefined, 3, /must begin with "\/"/, /write \/a/],
    ["{ target: t, path: /a, kind: missing, desired: 1 }", undefined, 3, /environment` is missing/, undefined],
  ])("that says %s, %s is refused with the place", (finding, expected, ...[line, message, hint]) => {
    const refusal = (): unknown => {
      try {
        return read(finding, expected);
      } catch (error) {
        return error;
      }
    };
    expect(refusal()).toMatchObject({
      code: "POLICY_INVALID",
      message: expect.stringMatching(message) as string,
      where: { file: FILE, line },
      ...(hint === undefined ? {} : { hint: expect.stringMatching(hint) as string }),
    });
  });

  it("is needed: a file without one is refused", () => {
    expect(() => readPolicyTests("cases: []\n", FILE, [...KINDS])).toThrow(/`cases` is not valid/);
    expect(() => readPolicyTests("", FILE, [...KINDS])).toThrow(/`cases` is missing: expected a list/);
  });
});

describe("a case passes", () => {
  const decided = async (expected: string, finding = `{ ${PROD}, kind: conflicted, desired: 2, live: 1 }`) => {
    const policy = await readDriftPolicy(
      `rules:
  - { name: text, when: 'double(finding.live) > 7.0', severity: low }
  - { name: a, match: { path: /a }, severity: low, actions: [heal, alert] }
  - { name: never, match: { path: /c }, severity: low }
`,
      "policies/drift.yaml",
    );
    const [one] = read(finding, expected);
    if (one === undefined) throw new Error("no case");
    return { policy, result: runCase(one, policy) };
  };

  it.each([
    ["{ severity: low }", true],
    ["{ severity: high }", false],
    ["{ severity: low, actions: [alert, propose] }", true],
    ["{ severity: low, actions: [propose] }", false],
    ["{ severity: low, actions: [alert, propose, heal] }", false],
    ["{ severity: low, rule: a }", true],
    ["{ severity: low, rule: b }", false],
    ["none", false],
  ])("where %s is what is decided: %s", async (expected, passed) => {
    const { result } = await decided(expected);
    expect(result).toEqual({
      passed,
      got: { severity: "low", actions: ["propose", "alert"], rule: "a" },
      passedOver: [],
    });
  });

  it("that expects none where nobody asks for what git does not name", async () => {
    const finding = `{ ${PROD}, kind: unmanaged, live: 1 }`;
    expect((await decided("none", finding)).result).toMatchObject({ passed: true, got: "none" });
    expect((await decided("{ severity: low }", finding)).result).toMatchObject({ passed: false, got: "none" });
    const exclusive = `{ ${PROD}, kind: unmanaged, live: 1, exclusive: true }`;
    expect((await decided("{ severity: low, actions: [heal, alert] }", exclusive)).result.passed).toBe(true);
  });

  it("or says which rules could not be evaluated, and which rules it does not cover", async () => {
    const { policy, result } = await decided("none", `{ ${PROD}, kind: modified, desired: 8MB, live: 4MB }`);
    expect(result.passedOver).toEqual([{ rule: "text", reason: "double() cannot take the value" }]);
    expect(uncovered(policy, [result]).map(({ name }) => name)).toEqual(["text", "never"]);
    expect(uncovered(DEFAULT_POLICY, [])).toEqual([]);
  });
});

describe("the tests of the policies that are shipped", () => {
  it.each(["../../policies", "../../src/cli/init/template/policies"])("pass, and cover every rule: %s", async (folder) => {
    const text = (name: string) => readFileSync(new URL(`${folder}/${name}`, import.meta.url), "utf8");
    const policy = await readDriftPolicy(text("drift.yaml"), "policies/drift.yaml");
    const cases = readPolicyTests(text("tests/drift.yaml"), FILE, ["files", "mqtt", "postgres-settings", "postgres-table"]);
    const results = cases.map((one) => runCase(one, policy));
    expect(cases.filter((_, index) => results[index]?.passed !== true).map(({ name }) => name)).toEqual([]);
    expect(uncovered(policy, results)).toEqual([]);
  });
});
