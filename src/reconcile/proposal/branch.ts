import { posix } from "node:path";
import { TrueupError } from "../../core/errors.js";
import type { Pointer } from "../../core/pointer.js";
import { isOurs } from "../../git/own-branch.js";
import { CODEOWNERS, reviewersOf } from "../../proposals/reviewers.js";
import { contentOf } from "../../proposals/text.js";
import type { ReadyTarget } from "../../render/rendered.js";
import { proposedAdoption } from "./layer.js";
import type { TargetPass } from "../pass.js";
import { type DeskPass, type Kept, markerOf, type Weighed } from "./desk.js";

const UNWRITABLE = "What drifted now cannot be written into git: nothing is left to merge here.";

/**
 * Brings the branch and the pull request to what drifted now; opens it where there is none.
 * @throws TrueupError of git and of the forge
 */
export async function put(
  pass: TargetPass,
  target: ReadyTarget,
  { desk, forge, drift, pull: found, proposable }: Weighed,
): Promise<void> {
  const { session, environment, signal } = pass;
  const { name, revision } = environment;
  const pull = found?.state === "open" ? found : undefined;
  const source = await session.source();
  const snapshot = await source.read(revision, ["environments", "policies"], signal);
  const wanted = (path: Pointer): boolean => Object.hasOwn(drift, path);
  const { files, settings } = await proposedAdoption(pass, { target, snapshot, wanted }, desk.known);
  const places = new Map(settings.flatMap(({ path, where }) => (where === undefined ? [] : [[path, where] as const])));
  const left = settings.flatMap(({ path, error }) => (error === undefined ? [] : [{ path, reason: error.message }]));
  const now = new Date().toISOString();
  const since = Object.fromEntries(Object.keys(drift).map((path) => [path, desk.known?.since[path] ?? now]));
  const asked = desk.known?.asked;
  const layer = asked?.layer === undefined ? {} : { layer: asked.layer };
  const kept: Kept = { settings: drift, closing: false, base: revision, since, ...(asked && { asked }), ...layer };
  // Nothing that git can hold: there is nothing to merge. What is open is closed, for it says what is no more.
  if (files.size === 0) {
    if (pull !== undefined) await forge.update(pull.number, { comment: UNWRITABLE, close: true }, signal);
    await clearBranch(pass, { head: desk.head, left: desk.known?.commit });
    const reasons = left.map(({ path, reason }) => (reason.startsWith(path) ? reason : `${path}: ${reason}`));
    const reason = `nothing of the drift can be written into git: ${reasons.join("; ")}`;
    const stuck = { drift: markerOf(drift), revision, reason };
    return desk.keep({ ...kept, stuck, closing: true }, { type: "unproposable", message: reason });
  }
  const how = session.config.forge.kind === "local" ? decisions(`${name}/${target.name}`) : "";
  const proposed = (url: string) => ({ type: "proposed", message: `proposed the live values: ${url}${how}` });
  const { branch = name } = session.config.environments.get(name) ?? {};
  const edited = [...files.keys()].map((file) => posix.join(session.config.repository.path, file));
  const content = contentOf({
    ...{ environment: name, target: target.name, branch, left, commands: forge.commands !== undefined },
    settings: proposable.flatMap((finding) => {
      const place = places.get(finding.path);
      return place === undefined ? [] : [{ finding, since: since[finding.path] ?? now, place }];
    }),
    histories: edited.flatMap((file) => {
      const url = forge.historyOf?.(branch, file);
      return url === undefined ? [] : [{ file, url }];
    }),
  });
  const body = `${content.body}\n${markerOf(drift)}\n`;
  const onto = source.tip(desk.head);
  if (pull !== undefined && onto !== desk.known?.commit) await refuseToOverwrite(pass, desk.head);
  const message = `Adopt live values of ${name}/${target.name}\n\nProposed by Trueup, because they drifted.\n`;
  const commit = await source.commit(
    { branch: desk.head, parent: revision, files, message, ...(onto === undefined ? {} : { onto }) },
    signal,
  );
  // Kept before it is opened: a crash in between finds the branch, and no pull request.
  await desk.keep({ ...kept, commit, ...(pull && { number: pull.number, url: pull.url }) });
  if (pull === undefined) {
    const codeowners = await source.readFirst(revision, CODEOWNERS, signal);
    const reviewers = codeowners === undefined ? [] : reviewersOf(codeowners, edited);
    const { number, url } = await forge.open({ ...content, body, head: desk.head, base: branch, reviewers }, signal);
    return desk.keep({ ...kept, commit, number, url }, proposed(url));
  }
  const { number, url } = pull;
  await forge.update(number, { content: { ...content, body } }, signal);
  const isSame = desk.known !== undefined && markerOf(desk.known.settings) === markerOf(drift);
  const why = isSame ? `${branch} moved` : "the drift changed";
  const updated = { type: "proposal-updated", message: `${why}: updated ${url}` };
  // A crash came between its opening and the news of that.
  const isNews = desk.known !== undefined && desk.known.number === undefined;
  return desk.keep({ ...kept, commit, number, url }, isNews ? proposed(url) : updated);
}

/** What a person put to the branch of an open pull request is part of what is to be decided there. */
async function refuseToOverwrite({ session, environment, signal }: TargetPass, head: string): Promise<void> {
  const source = await session.source();
  const at = source.tip(head);
  if (at === undefined || (await isOurs(source, at, [environment.revision], signal))) return;
  throw new TrueupError("GIT_FAILED", `somebody pushed to ${head}, so that it is no longer updated`, {
    hint: "Merge or close its pull request; or remove the branch, and it is made anew.",
  });
}

/** How a pull request is decided that no web page shows. */
function decisions(subject: string): string {
  return `; merge it, or decide with \`trueup adopt ${subject}\` or \`trueup revert ${subject}\``;
}

/** Whether the environment's revision has what the pull request was to bring, whichever way it came there. */
export async function isInGit({ session, environment, signal }: TargetPass, known: Kept | undefined): Promise<boolean> {
  if (known?.commit === undefined || known.base === environment.revision) return false;
  const source = await session.source();
  const { commit } = known;
  const isThere = await source.resolve(commit).then(
    () => true,
    () => false,
  );
  if (!isThere) return false;
  if ((await source.lineage.base(commit, environment.revision, signal)) === commit) return true;
  const read = (revision: string) => source.read(revision, ["environments"], signal);
  const [before, proposed, now] = await Promise.all([read(known.base), read(commit), read(environment.revision)]);
  const changed = [...proposed].filter(([path, { id }]) => before.get(path)?.id !== id);
  return changed.length > 0 && changed.every(([path, { id }]) => now.get(path)?.id === id);
}

/** Removes the branch of a pull request that is over, where it still is as we left it. What somebody added to it stays. */
export async function clearBranch(
  { session, environment, signal }: DeskPass,
  { head, left }: { head: string; left: string | undefined },
): Promise<void> {
  const source = await session.source();
  if (left === undefined || source.tip(head) !== left) return;
  try {
    await source.remove(head, left, signal);
  } catch (error) {
    signal.throwIfAborted();
    // What may pass is tried again with the next pass.
    if (!(error instanceof TrueupError) || error.code === "CONNECTION_FAILED") throw error;
    const { code, hint, message } = error;
    session.log.warn({ environment: environment.name, event: "branch-left", code, hint }, message);
  }
}

/** The commit of a branch, where Trueup made it and nobody amended it: what a lost store would have known. */
export async function ownTip({ session, signal }: TargetPass, head: string): Promise<string | undefined> {
  const source = await session.source();
  const at = source.tip(head);
  return at !== undefined && (await isOurs(source, at, [], signal)) ? at : undefined;
}
