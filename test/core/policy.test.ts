import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Finding, FindingKind } from "../../src/core/finding.js";
import { type Action, decide, DEFAULT_GUARDS, type Rule, SEVERITIES, type Subject } from "../../src/core/policy.js";

const KINDS: readonly FindingKind[] = ["pending", "modified", "missing", "conflicted", "unmanaged"];
const ACTIONS: readonly Action[] = ["heal", "propose", "alert"];

const subjects = fc
  .record({ kind: fc.constantFrom(...KINDS), sensitive: fc.boolean() })
  .map(({ kind, sensitive }): Subject => {
    const finding: Finding = { path: "/a", kind, action: "update", desired: 1, live: 2, lastApplied: 1 };
    return { environment: "prod", target: "t", targetKind: "files", finding, sensitive };
  });
const rules = fc.array(
  fc.record({
    says: fc.constantFrom("match", "no", "throws"),
    severity: fc.constantFrom(...SEVERITIES),
    actions: fc.option(fc.subarray([...ACTIONS]), { nil: undefined }),
    asksForUnmanaged: fc.boolean(),
  }),
);
const options = fc.record({ sync: fc.constantFrom("auto" as const, "manual" as const), exclusive: fc.boolean() });

function rule({ says, ...rest }: { says: string } & Omit<Rule, "name" | "matches">, index: number): Rule {
  return {
    ...rest,
    name: `rule ${index}`,
    matches: () => {
      if (says === "throws") throw new Error("no such member");
      return says === "match";
    },
  };
}

describe("a decision", () => {
  it("is the first rule's that matches, and the defaults' where none does", () => {
    fc.assert(
      fc.property(subjects, rules, options, (subject, specs, how) => {
        const decision = decide(subject, { rules: specs.map(rule), guards: DEFAULT_GUARDS }, how);
        const unasked = subject.finding.kind === "unmanaged" && !how.exclusive;
        const speaking = specs
          .map((spec, index) => ({ ...spec, index }))
          .filter((spec) => !unasked || spec.asksForUnmanaged);
        const first = speaking.find(({ says }) => says === "match");
        if (first === undefined && unasked) {
          expect(decision).toBeUndefined();
          return;
        }
        expect(decision?.rule).toBe(
          first === undefined ? (subject.sensitive ? "default: sensitive settings" : "default") : `rule ${first.index}`,
        );
        expect(decision?.severity).toBe(first?.severity ?? (subject.sensitive ? "high" : "medium"));
        const before = speaking.slice(0, first === undefined ? undefined : speaking.indexOf(first));
        expect(decision?.passedOver.map((one) => one.rule)).toEqual(
          before.filter(({ says }) => says === "throws").map(({ index }) => `rule ${index}`),
        );
      }),
    );
  });

  it("never heals a conflict, never syncs drift, never removes a stranger from a shared target", () => {
    fc.assert(
      fc.property(subjects, rules, options, (subject, specs, how) => {
        const actions = decide(subject, { rules: specs.map(rule), guards: DEFAULT_GUARDS }, how)?.actions ?? [];
        const { kind } = subject.finding;
        expect(new Set(actions).size).toBe(actions.length);
        if (kind === "conflicted") expect(actions).not.toContain("heal");
        if (subject.sensitive) expect(actions).not.toContain("propose");
        if (kind === "unmanaged" && !how.exclusive) expect(actions).not.toContain("heal");
        if (kind === "pending") expect(actions).toEqual(how.sync === "auto" ? ["sync"] : []);
        else expect(actions).not.toContain("sync");
      }),
    );
  });

  it.each([
    ["low", ["heal"]],
    ["medium", ["propose"]],
    ["high", ["propose", "alert"]],
    ["critical", ["alert"]],
  ] as const)("of severity %s does %j", (severity, actions) => {
    const finding: Finding = { path: "/a", kind: "modified", action: "update", desired: 1, live: 2, lastApplied: 1 };
    const subject = { environment: "prod", target: "t", targetKind: "files", finding, sensitive: false };
    const spec = rule({ says: "match", severity, actions: undefined, asksForUnmanaged: false }, 0);
    const decision = decide(subject, { rules: [spec], guards: DEFAULT_GUARDS }, { sync: "auto", exclusive: false });
    expect(decision?.actions).toEqual(actions);
  });

  it.each([
    ["pending", false, ["sync"]],
    ["pending", true, ["sync"]],
    ["modified", false, ["heal", "propose"]],
    ["modified", true, ["heal", "alert"]],
    ["missing", false, ["heal", "propose"]],
    ["missing", true, ["heal", "alert"]],
    ["conflicted", false, ["propose"]],
    ["conflicted", true, ["alert"]],
    ["unmanaged", false, ["propose"]],
    ["unmanaged", true, ["alert"]],
  ] as const)(
    "that is to heal and propose, on a %s finding (sensitive: %j), comes to %j",
    (kind, sensitive, actions) => {
      const finding: Finding = { path: "/a", kind, action: "update", desired: 1, live: 2, lastApplied: 1 };
      const subject = { environment: "prod", target: "t", targetKind: "files", finding, sensitive };
      const says = rule({ says: "match", severity: "low", actions: ["heal", "propose"], asksForUnmanaged: true }, 0);
      const decision = decide(subject, { rules: [says], guards: DEFAULT_GUARDS }, { sync: "auto", exclusive: false });
      expect(decision?.actions).toEqual(actions);
    },
  );

  it("on a sensitive setting that no rule speaks of is to alert", () => {
    const finding: Finding = { path: "/a", kind: "modified", action: "update", desired: 1, live: 2, lastApplied: 1 };
    const subject = { environment: "prod", target: "t", targetKind: "files", finding, sensitive: true };
    const decision = decide(subject, { rules: [], guards: DEFAULT_GUARDS }, { sync: "auto", exclusive: false });
    expect(decision).toMatchObject({ severity: "high", actions: ["alert"] });
  });
});
