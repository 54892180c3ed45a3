import { attributionText } from "../core/attribution.js";
import { SEVERITIES, type Severity } from "../core/policy.js";
import type { Value } from "../core/value.js";
import type { PullRequestContent } from "../forges/forge.js";
import { stringifyJson } from "../lib/json.js";
import type { ReportedFinding } from "../reconcile/report.js";

/** One proposed setting, with what is known beside the finding. */
export interface ProposedSetting {
  readonly finding: ReportedFinding;
  /** ISO 8601: since when the drift is known. */
  readonly since: string;
  /** Where the pull request writes it: `file:line`. */
  readonly place: string;
}

export interface ProposalText {
  readonly environment: string;
  readonly target: string;
  readonly branch: string;
  /** Most severe first; never a sensitive one. */
  readonly settings: readonly ProposedSetting[];
  /** Drifted settings that could not be written back, each with the reason. */
  readonly left: readonly { readonly path: string; readonly reason: string }[];
  /** Pages with the history of the files that it edits. */
  readonly histories: readonly { readonly file: string; readonly url: string }[];
  /** Whether commands in comments are heard. */
  readonly commands: boolean;
}

/** GitHub takes 65,536 characters; a table beyond this is read by nobody. */
const ROWS = 100;
const VALUE = 200;
const PAGES = 10;

/** Title, labels and body of a drift pull request. Everything from outside stands in `<code>`, where no mark-up and no mention works. */
export function contentOf(text: ProposalText): PullRequestContent {
  const { environment, target, settings } = text;
  const worst = worstOf(settings.map(({ finding }) => finding.severity));
  const count = settings.length === 1 ? "1 setting" : `${settings.length} settings`;
  return {
    title: `Drift in ${environment}/${target}: ${count} (${worst})`,
    body: bodyOf(text),
    labels: ["trueup", "drift", `severity/${worst}`],
  };
}

function worstOf(severities: readonly Severity[]): Severity {
  return [...SEVERITIES].reverse().find((severity) => severities.includes(severity)) ?? "low";
}

function bodyOf({ environment, target, branch, settings, left, histories, commands }: ProposalText): string {
  const rows = settings.slice(0, ROWS).map(({ finding, since, place }) => {
    const { path, desired, live, severity, rule, changedBy } = finding;
    const who = changedBy === undefined ? "*unknown*" : code(attributionText(changedBy));
    const cells = [code(path), shown(desired), shown(live), severity, code(rule), code(since), who, code(place)];
    return `| ${cells.join(" | ")} |`;
  });
  const more = settings.length > ROWS ? [`\n… and ${settings.length - ROWS} more: see the files changed.`] : [];
  const others = left.map(({ path, reason }) => `- ${code(path)}: ${code(reason)}`);
  const pages = histories.slice(0, PAGES).map(({ file, url }) => `<a href="${url}">${code(file)}</a>,`);
  return [
    `The live configuration of ${code(`${environment}/${target}`)} is not what ${code(branch)} says. This pull request writes the live values into git.`,
    "",
    "- **Merge** it to adopt the live values.",
    "- **Close** it to revert: the next cycle writes git's values over the live ones.",
    ...(commands
      ? [
          "- Or comment: `/trueup hold 4h because …` leaves it alone for a while, `/trueup revert` reverts now, `/trueup explain` says why;",
          "  each for one setting, too (`/trueup revert SETTING`). `/trueup help` says the rest.",
        ]
      : [`- \`trueup hold ${environment}/${target} SETTING --for 4h --because …\` leaves it alone for a while.`]),
    "",
    "| setting | git | live | severity | rule | since | changed by | written to |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    ...more,
    ...(others.length === 0 ? [] : ["", "Drifted, too, but not written here:", "", ...others]),
    "",
    ["History:", ...pages, `\`trueup history ${environment}/${target}\``].join(" "),
    "",
  ].join("\n");
}

function shown(value: Value): string {
  return value === null ? "*absent*" : code(stringifyJson(value));
}

/** Besides what may be mark-up anywhere: underlines that do not stand inside a word, and what makes a link of an address. */
const MARKUP = /[^\p{L}\p{N} _./:…-]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|(?<=:)\/(?=\/)|(?<=www)\./giu;

/** As it is, in one line of a table: entities for whatever Markdown or HTML would take for its own. */
export function code(text: string, longest = VALUE): string {
  const characters = Array.from(text.replaceAll(/\s+/g, " "), (character) => character);
  const short = characters.length > longest ? `${characters.slice(0, longest - 1).join("")}…` : characters.join("");
  return `<code>${short.replaceAll(MARKUP, (character) => `&#${character.codePointAt(0) ?? 0};`)}</code>`;
}
