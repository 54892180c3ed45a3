import type { EnvironmentRevisions, RevisionsReport } from "../../operations/revisions.js";
import type { PastRevision } from "../../promotion/revisions.js";
import { errorText } from "./error.js";
import { paint } from "./paint.js";
import { markdownTable, type Printable } from "./print.js";
import { table } from "./table.js";

const HEAD = ["WHEN", "REVISION", "STATE", "HOW IT CAME", "LET THROUGH BY", "SUBJECT"] as const;

/** An instant for a person, to the second. @param at ISO 8601 */
export function moment(at: string): string {
  return at.replace("T", " ").replace(/\.\d+Z$/, "Z");
}

/** The answer of `history --revisions`, for every form of output. */
export function printableRevisions(report: RevisionsReport): Printable {
  const { environments } = report;
  return {
    data: report,
    table: () => environments.map(text).join("\n"),
    markdown: () => environments.map(markdown).join("\n"),
  };
}

function text(environment: EnvironmentRevisions): string {
  const { name, error, revisions } = environment;
  const title = `${paint("bold", name)}${titleOf(environment)}\n`;
  if (error !== undefined) return `${title}${indent(errorText(error))}`;
  if (revisions.length === 0) return `${title}  no revisions in that time\n`;
  return `${title}${indent(table({ head: HEAD, rows: revisions.map((one) => row(one, paintState)), shrink: [5, 4, 3, 2] }))}`;
}

function markdown(environment: EnvironmentRevisions): string {
  const { name, error, revisions } = environment;
  const title = `## ${name}${titleOf(environment)}\n`;
  if (error !== undefined) return `${title}\n- ${error.message} (${error.code})\n`;
  return `${title}\n${markdownTable(
    HEAD,
    revisions.map((one) => row(one, (_, state) => state)),
  )}`;
}

/** ` follows 1a2b…`, and why not the tip of its branch. */
function titleOf({ revision, failedRevision }: EnvironmentRevisions): string {
  if (revision === null) return "";
  if (failedRevision === undefined) return ` follows ${short(revision)}`;
  const { revision: tip, reason, at } = failedRevision;
  return ` follows ${short(revision)}: ${short(tip)} failed at ${moment(at)}, and is not tried again: ${reason}`;
}

type Paint = (outcome: PastRevision["outcome"], state: string) => string;

const COLORS = { "in-sync": "green", failed: "red", pending: "yellow", superseded: "dim" } as const;

function paintState(outcome: PastRevision["outcome"], state: string): string {
  return paint(COLORS[outcome], state);
}

function row(past: PastRevision, painted: Paint): string[] {
  const { at, revision, outcome, gates, subject, author } = past;
  const through = gates.flatMap(({ name, state, reason, by }) =>
    state === "waived" || by !== undefined ? [`${name}: ${reason}`] : [],
  );
  return [
    moment(at),
    short(revision),
    painted(outcome, stateOf(past)),
    arrivalOf(past),
    through.join("; "),
    author === "" ? subject : `${subject} (${author})`,
  ];
}

function stateOf({ outcome, since, failure, followed }: PastRevision): string {
  const now = followed ? ", followed now" : "";
  switch (outcome) {
    case "in-sync":
      return `in sync ${since === undefined ? "" : moment(since)}${now}`;
    case "failed":
      return `failed ${failure === undefined ? "" : `${moment(failure.at)}: ${failure.reason}`}${now}`;
    case "pending":
      return `not in sync yet${now}`;
    case "superseded":
      return "never in sync";
  }
}

function arrivalOf(past: PastRevision): string {
  const { revision, came, from = "", source = "", askedBy, mergedBy, backTo = "", by, because } = past;
  switch (came) {
    case "promoted": {
      const who = mergedBy === undefined ? askedBy && `asked for by ${askedBy}` : `merged by ${mergedBy}`;
      return `promoted from ${from}${who === undefined ? "" : `, ${who}`}`;
    }
    case "merged":
      return `${source === revision ? "" : `${short(source)} `}from ${from}, without Trueup`;
    case "rolled-back":
      return [`rolled back to ${short(backTo)}`, by && `by ${by}`, because && `because: ${because}`]
        .filter(Boolean)
        .join(" ");
    case "rewritten":
      return "gone: the branch was rewritten";
    case "hotfix":
    case "commit":
      return came;
  }
}

function short(commit: string): string {
  return commit.slice(0, 10);
}

function indent(lines: string): string {
  return lines.replaceAll(/^(?=.)/gm, "  ");
}
