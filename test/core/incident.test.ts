import { describe, expect, it } from "vitest";
import {
  type IncidentFinding,
  type OpenIncident,
  type Pass,
  type Transition,
  transitions,
} from "../../src/core/incident.js";

const HOUR = 3_600_000;
const SINCE = "2026-01-01T00:00:00.000Z";
const finding: IncidentFinding = {
  ...{ path: "/pool", kind: "modified", severity: "medium", desired: 10, live: 1, rule: "pool", actions: ["alert"] },
};
const pass: Pass = {
  ...{
    environment: "prod",
    target: "settings",
    open: [],
    findings: [],
    settled: [],
    now: SINCE,
    ages: [4 * HOUR, 8 * HOUR],
  },
  age: () => 0,
  hash: (text) => `#${text}`,
};
const opened = (): OpenIncident => {
  const [first] = transitions({ ...pass, findings: [finding] });
  if (first === undefined) throw new Error("nothing was opened");
  return first.after;
};
const after = (open: OpenIncident[], given: Partial<Pass>): readonly Transition[] =>
  transitions({ ...pass, open, ...given });
const words = (found: readonly Transition[]): unknown =>
  found.map(({ steps, ended }) => (ended === undefined ? steps.join() : `${steps.join()}: ${ended}`));

describe("the incidents of a target", () => {
  const held = { restrained: "held", actions: [], note: "held by ada" };
  const noted: OpenIncident = { ...opened(), held: true, view: { ...opened().view, note: "held by ada" } };
  it.each<[string, boolean | OpenIncident, Partial<Pass>, readonly string[]]>([
    ["with alert", false, { findings: [finding] }, ["opened"]],
    ["flapping", false, { findings: [{ ...finding, actions: [], restrained: "flapping" }] }, ["opened"]],
    ["settled in this pass", false, { settled: [{ finding, ending: "healed" }] }, ["opened,resolved: healed"]],
    ["held", false, { findings: [{ ...finding, ...held }] }, []],
    [
      "a plan that waits no more",
      { ...opened(), view: { ...opened().view, kind: "approval" } },
      {},
      ["resolved: decided"],
    ],
    ["without alert", false, { findings: [{ ...finding, actions: ["heal"] }] }, []],
    ["as it was", true, { findings: [{ ...finding, rule: "another" }] }, []],
    ["as it was, for long", true, { findings: [finding], age: () => 5 * HOUR }, ["aged"]],
    [
      "as it was, and told",
      { ...opened(), escalatedAfter: 4 * HOUR },
      { findings: [finding], age: () => 5 * HOUR },
      [],
    ],
    ["more severe", true, { findings: [{ ...finding, severity: "critical" }] }, ["escalated"]],
    ["less severe", true, { findings: [{ ...finding, severity: "low" }] }, ["changed"]],
    ["another live value", true, { findings: [{ ...finding, live: 2 }] }, ["changed"]],
    ["another desired value", true, { findings: [{ ...finding, desired: 2 }] }, ["changed"]],
    [
      "another kind, for long",
      true,
      { findings: [{ ...finding, kind: "missing" }], age: () => 5 * HOUR },
      ["changed,aged"],
    ],
    ["newly held", true, { findings: [{ ...finding, ...held }] }, [""]],
    ["still held", noted, { findings: [{ ...finding, ...held }] }, []],
    ["no longer held", noted, { findings: [finding] }, ["changed"]],
    ["without alert now", true, { findings: [{ ...finding, actions: ["heal"] }] }, ["resolved: unalerted"]],
    ["gone, healed", true, { settled: [{ finding, ending: "healed" }] }, ["resolved: healed"]],
    ["gone, adopted", true, { settled: [{ finding, ending: "adopted" }] }, ["resolved: adopted"]],
    ["gone", true, {}, ["resolved: resolved"]],
  ])("found %s (open before: %o)", (_, open, given, steps) => {
    const before = open === true ? [opened()] : open === false ? [] : [open];
    expect(words(after(before, given))).toEqual(steps);
  });

  it("are the same whenever and in whatever order they are found", () => {
    const other = { ...finding, path: "/size" };
    const names = (findings: IncidentFinding[], now: string) =>
      transitions({ ...pass, findings, now }).map(({ after: { view } }) => view.fingerprint);
    const forwards = names([finding, other], SINCE);
    expect(names([{ ...other, live: 5 }, finding], "2027-01-01T00:00:00.000Z")).toEqual(forwards.toReversed());
    expect(new Set(forwards).size).toBe(2);
  });

  it("say when a hold on them ended, and keep the time since they are open", () => {
    const [ended] = after([noted], { findings: [finding], now: "2026-01-02T00:00:00.000Z" });
    expect(ended?.after).toMatchObject({ held: false, view: { note: "the hold ended", since: SINCE } });
  });
});
