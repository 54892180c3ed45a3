import type { JudgedGate } from "../core/gate.js";
import type { Value } from "../core/value.js";
import type { PullRequestContent } from "../forges/forge.js";
import { stringifyJson } from "../lib/json.js";
import { code } from "../proposals/text.js";
import type { HopLook } from "./look.js";
import type { Hop } from "./policy.js";
import type { Difference } from "./report.js";

/** What nobody reads beyond. GitHub takes 65,536 characters. */
const ROWS = 100;
const COMMITS = 50;
const FILES = 20;

const MARKS: Readonly<Record<JudgedGate["state"], string>> = {
  passed: "✅ passed",
  waived: "☑️ waived",
  pending: "⏳ pending",
  failed: "❌ failed",
};

/** Title, body and labels of a promotion's pull request. Everything from outside stands in `<code>`. */
export function promotionContent(hop: Hop, { revision, candidate, gates, changes, why }: HopLook): PullRequestContent {
  const { commits, bySetting } = candidate.relation === "ahead" ? candidate : { commits: [], bySetting: [] };
  const travelling = commits
    .slice(0, COMMITS)
    .map(({ id, subject, author }) => `- ${code(id.slice(0, 10))} ${code(subject)} (${code(author)})`);
  return {
    title: `Promote ${hop.from} to ${hop.to}: ${revision.slice(0, 10)}`,
    body: [
      `Brings ${code(revision.slice(0, 10))} of ${code(hop.from)} into ${code(hop.to)}.`,
      hop.auto
        ? "Trueup merges it once all gates have passed. **Close** it to decline this revision."
        : "**Merge** it once all gates have passed, or **close** it to decline this revision.",
      "",
      ...(why === undefined ? [] : [`**Blocked**: ${code(why)}`, ""]),
      "### Gates",
      "",
      "| gate | state | why |",
      "| --- | --- | --- |",
      ...gates.map(({ name, state, reason }) => `| ${code(name)} | ${MARKS[state]} | ${code(reason)} |`),
      "",
      ...changesText(hop.to, changes),
      ...(bySetting.length === 0
        ? []
        : [`Both sides changed neighbouring lines of ${names(bySetting)}: merged setting by setting.`, ""]),
      "### Commits",
      "",
      ...travelling,
      ...more(commits.length, COMMITS),
      "",
    ].join("\n"),
    labels: ["trueup", "promotion"],
  };
}

/** What merging it does to an environment, setting by setting. */
export function changesText(environment: string, changes: readonly Difference[]): readonly string[] {
  const rows = changes.slice(0, ROWS).map(({ target, path, before, after }) => {
    return `| ${[code(target), code(path), shown(before), shown(after)].join(" | ")} |`;
  });
  return [
    `### What changes for ${code(environment)}`,
    "",
    ...(changes.length === 0
      ? ["Nothing: the rendered documents stay as they are."]
      : ["| target | setting | now | then |", "| --- | --- | --- | --- |", ...rows, ...more(changes.length, ROWS)]),
    "",
  ];
}

function names(files: readonly string[]): string {
  const others = files.length > FILES ? ` and ${files.length - FILES} more` : "";
  return `${files
    .slice(0, FILES)
    .map((file) => code(file))
    .join(", ")}${others}`;
}

function more(count: number, shownAtMost: number): readonly string[] {
  return count > shownAtMost ? ["", `… and ${count - shownAtMost} more.`] : [];
}

function shown(value: Value): string {
  return value === null ? "*absent*" : code(stringifyJson(value));
}
