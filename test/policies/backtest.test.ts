import { describe, expect, it } from "vitest";
import { type Recorded, replay } from "../../src/policies/backtest.js";
import { readDriftPolicy } from "../../src/policies/drift.js";

const FILE = "policies/drift.yaml";
const RECORDED: Recorded = {
  ...{ environment: "prod", target: "settings", path: "/pool/max", kind: "modified", targetKind: "postgres-table" },
  ...{ desired: 40, live: 10, was: { severity: "medium", actions: ["propose"], rule: "default" }, restrained: false },
};
const SENSITIVE = { path: "/smtp/password", desired: "(sensitive 5f0c1b9e)", live: "(sensitive 93ab01d2)" };
const replayed = async (rules: string, recorded: Partial<Recorded> = {}) =>
  replay({ ...RECORDED, ...recorded }, await readDriftPolicy(`rules: [${rules}]`, FILE));
const rule = (text: string) => `{ name: r, severity: medium, ${text} }`;

describe("a recorded finding under other policies", () => {
  it("is decided alike where severity and actions are the same, whichever rule says so", async () => {
    expect(await replayed("")).toEqual({ verdict: "same", wouldBe: RECORDED.was });
    expect(await replayed(rule("match: { path: /pool/* }"))).toMatchObject({ verdict: "same", wouldBe: { rule: "r" } });
  });

  it("is decided otherwise where one of them is not", async () => {
    expect(await replayed("{ name: r, severity: high, match: { kind: postgres-table } }")).toEqual({
      verdict: "changed",
      wouldBe: { severity: "high", actions: ["propose", "alert"], rule: "r" },
    });
    expect(await replayed(rule("actions: [heal]"))).toMatchObject({
      verdict: "changed",
      wouldBe: { actions: ["heal"] },
    });
    const halved = "when: 'double(finding.live) < 0.5 * double(finding.desired)', actions: [alert]";
    expect(await replayed(rule(halved))).toMatchObject({ verdict: "changed", wouldBe: { actions: ["alert"] } });
    expect(await replayed(rule(halved), { live: 20 })).toMatchObject({ verdict: "same", wouldBe: { rule: "default" } });
  });

  it("takes no actions for a change that a hold or a guard had taken away", async () => {
    const held = { was: { severity: "low", actions: [], rule: "x" }, restrained: true } as const;
    expect(await replayed("{ name: r, severity: low }", held)).toMatchObject({ verdict: "same" });
    expect(await replayed("{ name: r, severity: high }", held)).toMatchObject({ verdict: "changed" });
  });

  it("that is pending is applied whatever a policy says", async () => {
    const pending = { kind: "pending", was: { severity: "medium", actions: ["sync"], rule: "default" } } as const;
    expect(await replayed(rule("actions: [alert]"), pending)).toMatchObject({
      verdict: "same",
      wouldBe: { actions: ["sync"], rule: "r" },
    });
    const waiting = { ...pending, was: { ...pending.was, actions: [] } };
    expect(await replayed("{ name: r, severity: low }", waiting)).toMatchObject({
      verdict: "changed",
      wouldBe: { severity: "low", actions: [] },
    });
  });

  it("that is unmanaged is not reported where no rule asks for it, unless its target is exclusive", async () => {
    const unmanaged = { kind: "unmanaged", desired: null, was: { severity: "low", actions: [], rule: "x" } } as const;
    expect(await replayed("", unmanaged)).toEqual({ verdict: "changed", wouldBe: "none" });
    expect(await replayed("{ name: r, severity: low, match: { kind: unmanaged } }", unmanaged)).toMatchObject({
      verdict: "same",
    });
    const exclusive = { ...unmanaged, was: { severity: "low", actions: ["heal"], rule: "x" } } as const;
    expect(await replayed("{ name: r, severity: low }", exclusive)).toMatchObject({ verdict: "same" });
  });

  it.each([
    ["when: 'finding.live == \"a\"'", "live"],
    ["when: 'double(finding.desired) > 1.0'", "desired"],
    ["when: 'finding.lastApplied == finding.live'", "lastApplied"],
    ["match: { path: /smtp/** }, when: 'size(finding.live) < 8'", "live"],
  ])("that is sensitive cannot be told of where %s reads its %s", async (text, missing) => {
    expect(await replayed(rule(text), SENSITIVE)).toEqual({ verdict: "unclear", rule: "r", missing });
  });

  it.each([
    "match: { path: /smtp/** }, actions: [alert]",
    "when: 'finding.sensitive', actions: [alert]",
    // Neither is a value asked for that is of no account, nor one that is absent.
    "match: { path: /smtp/** }, when: 'finding.path == \"/smtp/password\" || finding.live == 1', actions: [alert]",
  ])("that is sensitive is told of where %s does not", async (text) => {
    expect(await replayed(rule(text), SENSITIVE)).toMatchObject({ verdict: "changed", wouldBe: { rule: "r" } });
  });

  it("is told of by rules that come before one that reads a hidden value, and by those that do not come so far", async () => {
    const reads = rule("when: 'finding.live == 1'");
    expect(await replayed(`{ name: first, severity: low, actions: [alert] }, ${reads}`, SENSITIVE)).toMatchObject({
      verdict: "changed",
      wouldBe: { rule: "first" },
    });
    const other = rule("when: 'finding.path == \"/pool/max\" && finding.live == 1'");
    const was = { severity: "high", actions: ["alert"], rule: "default: sensitive settings" } as const;
    expect(await replayed(other, { ...SENSITIVE, was })).toEqual({ verdict: "same", wouldBe: was });
  });

  it("says of an absent side that it is absent, also of a sensitive setting", async () => {
    const missing = { ...SENSITIVE, kind: "missing", live: null } as const;
    expect(await replayed(rule("when: 'finding.live == null && finding.action == \"create\"'"), missing)).toMatchObject({
      wouldBe: { rule: "r" },
    });
  });

  it("knows last applied where the kind says it, and says so where it does not", async () => {
    const asks = rule("when: 'finding.lastApplied == 40.0'");
    expect(await replayed(asks)).toMatchObject({ verdict: "same", wouldBe: { rule: "r" } });
    expect(await replayed(asks, { kind: "conflicted" })).toEqual({
      verdict: "unclear",
      rule: "r",
      missing: "lastApplied",
    });
  });
});
