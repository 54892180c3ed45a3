import type { PullRequestContent } from "../../forges/forge.js";
import type { Commit } from "../../git/lineage.js";
import { code } from "../../proposals/text.js";
import type { Backport, BackportLook } from "./look.js";
import type { KeptPromotion } from "../promotion-desk.js";
import { MOST_HOTFIXES } from "./hotfixes.js";
import type { Difference, HopReport, PromotionState } from "../report.js";
import { changesText } from "../text.js";

/**
 * Title, body and labels of the pull request. Everything from outside stands in `<code>`.
 * @param changes for the first environment; undefined where it does not render
 */
export function backportContent(
  { environment, into = "" }: Backport,
  look: BackportLook,
  changes: readonly Difference[] | undefined,
): PullRequestContent {
  const { picked, conflicting } = look.hotfixes;
  return {
    title: `Bring ${picked.length === 1 ? "a hotfix" : `${picked.length} hotfixes`} of ${environment} back to ${into}`,
    body: [
      `${code(environment)} was changed on its own branch. This brings just that to ${code(into)}, from where promotions begin.`,
      "**Merge** it, so that later promotions agree with it, or **close** it to leave it to that branch.",
      "",
      ...picked.map((hotfix) => `- ${shown(hotfix)}`),
      ...(conflicting.length === 0 ? [] : ["", `Not in here, because ${code(into)} has changed the same:`, ""]),
      ...conflicting.map(({ hotfix }) => `- ${shown(hotfix)}`),
      "",
      ...(changes === undefined
        ? [`${code(into)} does not render with it: \`trueup validate\` says why.`, ""]
        : changesText(into, changes)),
    ].join("\n"),
    labels: ["trueup", "backport"],
  };
}

function shown({ id, subject, author }: Commit): string {
  return `${code(id.slice(0, 10))} ${code(subject)} (${code(author)})`;
}

/** How it stands, as a sentence. */
export function backportReason({ environment, into = "" }: Backport, look: BackportLook): string {
  const { hotfixes, against, pull, forge, step } = look;
  const { picked, conflicting, tooMany } = hotfixes;
  if (tooMany !== undefined) {
    return `${environment} has ${tooMany} hotfixes of its own, of which no more than ${MOST_HOTFIXES} are brought back: merge them into ${into} by hand`;
  }
  if (step === "declined") return `${pull?.decidedBy ?? "somebody"} closed ${pull?.url ?? "its pull request"}`;
  const conflicts = conflicting.map(
    ({ hotfix }) =>
      `${named(hotfix)} cannot be brought to ${into}, which changed the same: ${against.get(hotfix.id) ?? ""}`,
  );
  if (picked.length === 0) return conflicts.join("; ");
  const lacks = `${into} lacks ${picked.map(named).join("; ")} of ${environment}`;
  const how = forge === undefined ? "bring it there by hand" : `merge or close ${pull?.url ?? "the pull request"}`;
  return [`${lacks}: ${how}`, ...conflicts].join("; ");
}

function named({ id, subject }: Commit): string {
  return `${id.slice(0, 10)} ${subject}`;
}

/** As one more row beside the hops. */
export function backportReport(
  backport: Backport,
  look: BackportLook,
  known: KeptPromotion | undefined,
): HopReport | undefined {
  const { environment, into } = backport;
  const { picked, conflicting, tooMany } = look.hotfixes;
  const commits = [...picked, ...conflicting.map(({ hotfix }) => hotfix)].toReversed();
  const [newest] = commits;
  if (into === undefined || (newest === undefined && tooMany === undefined)) return undefined;
  const state: PromotionState = look.step === "declined" ? "declined" : picked.length === 0 ? "blocked" : "waiting";
  return {
    ...{ from: environment, to: into, state, revision: newest?.id ?? null, reason: backportReason(backport, look) },
    ...(known === undefined ? {} : { since: known.since }),
    ...{
      gates: [],
      changes: [],
      next: [],
      commits: commits.map(({ id, author, subject }) => ({ id, author, subject })),
    },
    ...(look.pull?.state === "open" && { pullRequest: { number: look.pull.number, url: look.pull.url } }),
  };
}
