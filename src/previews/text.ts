import type { Value } from "../core/value.js";
import type { CommitStatus } from "../forges/forge.js";
import { stringifyJson } from "../lib/json.js";
import { code } from "../proposals/text.js";
import { broughtBy, type EnvironmentPreview, type Fault, type Preview } from "./preview.js";

/** What a preview is of. */
export interface Subject {
  /** The branch that it is to be merged into. */
  readonly base: string;
  readonly commit: string;
}

/** A table beyond this is read by nobody. */
const ROWS = 100;
const WORDS = 500;
/** What GitHub takes of a status. */
const DESCRIPTION = 140;

/** The comment, in Markdown. Everything from outside stands in `<code>`, where no mark-up and no mention works. */
export function previewText(subject: Subject, preview: Preview): string {
  return [...head(subject, preview), ...body(preview)].join("\n").trimEnd();
}

function head({ base, commit }: Subject, preview: Preview): readonly string[] {
  const [what, into] = [code(commit.slice(0, 10)), code(base)];
  switch (preview.relation) {
    case "untrusted":
      return [
        `${what} comes from a fork. It is looked at once somebody who may write to this repository approves it as it is now.`,
      ];
    case "unrelated":
      return [`${what} and ${into} have no common history: it cannot be merged.`];
    case "conflicting":
      return [
        `${what} does not merge into ${into}. Both changed:`,
        "",
        ...preview.conflicts.slice(0, ROWS).map(({ path, kind }) => `- ${code(path)} (${code(kind)})`),
        ...more(preview.conflicts.length, ROWS),
      ];
    case "merging":
      return [`What ${what} changes, once it is merged into ${into}:`];
  }
}

function body(preview: Preview): readonly string[] {
  if (preview.relation !== "merging") return [];
  const { environments, policies, promotion, later } = preview;
  const brought = broughtBy(preview);
  const already = environments.flatMap(({ name, faults }) =>
    faults.flatMap((fault) =>
      fault.already ? [`- ${subjectOf({ environment: name, ...fault })}: ${faultText(fault)}`] : [],
    ),
  );
  const old = promotion.flatMap((fault) => (fault.already ? [`- ${faultText(fault)}`] : []));
  return [
    ...(brought.length === 0
      ? []
      : [
          "",
          "### ❌ What it breaks",
          "",
          ...brought.slice(0, ROWS).map((fault) => `- ${subjectOf(fault)}: ${faultText(fault)}`),
          ...more(brought.length, ROWS),
        ]),
    ...environments.flatMap(ofEnvironment),
    ...(environments.length === 0 ? ["", "Nothing of what the environments render."] : []),
    ...(policies.length === 0 ? [] : ["", `Policies change: ${codes(policies)}.`]),
    ...(later.length === 0
      ? []
      : [
          "",
          `Files of ${codes(later)} change, too. These follow other branches: a promotion or a back-port brings it there.`,
        ]),
    ...(already.length + old.length === 0 ? [] : ["", "Not right before it, either:", "", ...already, ...old]),
    "",
  ];
}

function ofEnvironment({ name, changes, faults, mended, notes }: EnvironmentPreview): readonly string[] {
  const rows = changes.slice(0, ROWS).map(({ target, path, before, after }) => {
    return `| ${[code(target), code(path), shown(before), shown(after)].join(" | ")} |`;
  });
  const silent =
    faults.length + mended.length === 0
      ? "The rendered documents stay as they are."
      : "No setting of the targets that load before and after it.";
  return [
    "",
    `### ${code(name)}`,
    "",
    ...(rows.length === 0 ? [silent] : ["| target | setting | now | then |", "| --- | --- | --- | --- |", ...rows]),
    ...more(changes.length, ROWS),
    ...(mended.length + notes.length === 0 ? [] : [""]),
    ...mended.map((target) => `- Mends ${subjectOf({ environment: name, target })}, which does not load now.`),
    ...notes.map((note) => `- ${note}`),
  ];
}

function subjectOf({ environment, target = "" }: { readonly environment?: string; readonly target?: string }): string {
  if (environment === undefined) return "Promotion";
  return code(target === "" ? environment : `${environment}/${target}`);
}

function faultText({ message, where, hint }: Fault): string {
  return [
    ...(where === undefined ? [] : [code(where, WORDS)]),
    code(message, WORDS),
    ...(hint === undefined ? [] : [`(${code(hint, WORDS)})`]),
  ].join(" ");
}

function shown(value: Value): string {
  return value === null ? "*absent*" : code(stringifyJson(value));
}

function codes(names: readonly string[]): string {
  return `${names
    .slice(0, ROWS)
    .map((name) => code(name))
    .join(", ")}${names.length > ROWS ? ", …" : ""}`;
}

function more(count: number, shownAtMost: number): readonly string[] {
  return count > shownAtMost ? ["", `… and ${count - shownAtMost} more.`] : [];
}

/** The status `trueup/validate`. */
export function validateStatus({ base }: Subject, preview: Preview): CommitStatus {
  const [state, description] = verdict(base, preview);
  const line = description.replaceAll(/\s+/g, " ");
  return {
    ...{ context: "trueup/validate", state },
    description: line.length > DESCRIPTION ? `${line.slice(0, DESCRIPTION - 1)}…` : line,
  };
}

function verdict(base: string, preview: Preview): readonly [CommitStatus["state"], string] {
  switch (preview.relation) {
    case "untrusted":
      return ["pending", "from a fork: looked at once somebody who may write approves this commit"];
    case "unrelated":
      return ["failure", `no common history with ${base}`];
    case "conflicting":
      return ["failure", `does not merge into ${base}: ${preview.conflicts.map(({ path }) => path).join(", ")}`];
    case "merging":
      return judged(preview, broughtBy(preview));
  }
}

function judged(
  { environments }: Extract<Preview, { relation: "merging" }>,
  [first, ...others]: ReturnType<typeof broughtBy>,
): readonly [CommitStatus["state"], string] {
  if (first !== undefined) {
    const { environment, target, where, message } = first;
    const said = [[environment, target].filter(Boolean).join("/"), where, message].filter(Boolean).join(": ");
    return ["failure", others.length === 0 ? said : `(and ${others.length} more) ${said}`];
  }
  const changing = environments.filter(({ changes }) => changes.length > 0);
  const counts = changing.map(({ name, changes }) => `${name}: ${changes.length}`).join(", ");
  const said = changing.length === 0 ? "no setting changes" : `settings that change in ${counts}`;
  const already = environments.flatMap(({ name, faults }) =>
    faults.map(({ target }) => (target === undefined ? name : `${name}/${target}`)),
  );
  return ["success", already.length === 0 ? said : `${said}; not right before it, either: ${already.join(", ")}`];
}
