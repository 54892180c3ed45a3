import { createHash } from "node:crypto";
import type { Pointer } from "../core/pointer.js";
import { type Proposal, type Proposed, proposalStep, type PullRequestState } from "../core/proposal.js";
import type { Forge, PullRequest } from "../forges/forge.js";
import { readJson, stringifyJson } from "../lib/json.js";
import { contentOf } from "../proposals/text.js";
import type { ReadyTarget } from "../render/rendered.js";
import type { NewEvent } from "../store/store.js";
import { adoptionOf } from "./adopt.js";
import type { TargetPass } from "./pass.js";
import type { ReportedFinding, TargetReport } from "./report.js";
import { sealOf } from "./seal.js";

/** What the store keeps of a target's drift pull request. */
interface Kept extends Proposal {
  /** The revision that its branch stands on. */
  readonly base: string;
  /** ISO 8601, by setting: since when it is proposed. */
  readonly since: Readonly<Record<Pointer, string>>;
  readonly number?: number;
  /** Nothing of it can be written into git: not tried again until the drift or git changes. */
  readonly unwritable?: true;
}

export interface Proposing {
  readonly report: TargetReport;
  readonly forge: Forge;
}

/** A person closed the pull request: these settings are to be as git says. */
export interface Reversion {
  readonly settings: ReadonlySet<Pointer>;
  readonly by: string;
}

/**
 * Tends the drift pull request of one target after a pass that could look: opens, updates, closes or forgets it, and says
 * what a person decided by closing it. What was begun and cut off by a crash is finished by the next pass: what is about to be
 * done is kept before it is done, and a pull request is looked for before one is opened.
 * @throws TrueupError of the forge or of git; nothing is lost, the next pass begins anew
 */
export async function tendProposal(
  pass: TargetPass,
  target: ReadyTarget,
  { report, forge }: Proposing,
): Promise<Reversion | undefined> {
  const desk = await openDesk(pass, target);
  const proposable = report.findings.filter(isProposable);
  const drift: Proposed = Object.fromEntries(
    proposable.map((finding) => [
      finding.path,
      sealOf(pass.session.hash(), finding.path, [finding.desired, finding.live]),
    ]),
  );
  const { known } = desk;
  // Most targets have neither drift nor a pull request: their passes ask nobody.
  if (known === undefined && proposable.length === 0) return undefined;
  if (known?.unwritable === true && known.base === pass.environment.revision) {
    if (markerOf(known.settings) === markerOf(drift)) return undefined;
  }
  const pull = own(await forge.find(desk.head, pass.signal), known);
  const state: PullRequestState = pull?.state ?? "absent";
  const mergeSeen = known !== undefined && known.base !== pass.environment.revision;
  const step = proposalStep({ drift, known, state, mergeSeen });
  switch (step.do) {
    case "nothing":
      // Its branch follows the environment's, so that it can be merged.
      if (state === "open" && mergeSeen) await put(pass, target, { desk, forge, drift, pull, proposable });
      return undefined;
    case "open":
    case "update":
      await put(pass, target, { desk, forge, drift, pull: state === "open" ? pull : undefined, proposable });
      return undefined;
    case "close":
      if (known !== undefined) await desk.keep({ ...known, closing: true });
      if (pull !== undefined) await forge.update(pull.number, { comment: GONE, close: true }, pass.signal);
      await desk.forget("proposal-closed", `the drift is gone: closed the pull request ${pull?.url ?? ""}`.trimEnd());
      return undefined;
    case "forget":
      if (pull?.state === "merged") await desk.forget("proposal-merged", `${pull.url} was merged${by(pull)}`);
      else await desk.forget("proposal-closed", "the drift is gone, and its pull request closed");
      return undefined;
    case "revert":
      return { settings: new Set(step.settings), by: `${pull?.decidedBy ?? "someone"} closed ${pull?.url ?? ""}` };
  }
}

const GONE = "Nothing is left to decide here: the drift is gone, or a hold or another policy has taken it over.";
const UNWRITABLE = "What drifted now cannot be written into git: nothing is left to merge here.";

function by({ decidedBy }: PullRequest): string {
  return decidedBy === undefined ? "" : ` by ${decidedBy}`;
}

function isProposable({ actions, sensitive }: ReportedFinding): boolean {
  return actions.includes("propose") && sensitive !== true;
}

/** The pull request that is ours now: an older one of the same branch was decided in its time. */
function own(found: PullRequest | undefined, known: Kept | undefined): PullRequest | undefined {
  if (found === undefined || found.state === "open" || known === undefined)
    return found?.state === "open" ? found : undefined;
  const isKnown =
    known.number === undefined ? found.body.includes(markerOf(known.settings)) : known.number === found.number;
  return isKnown ? found : undefined;
}

/** By which a pull request is known whose number was lost in a crash. */
function markerOf(settings: Proposed): string {
  const text = Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat()
    .join("\0");
  return `<!-- trueup:${createHash("sha256").update(text).digest("hex").slice(0, 16)} -->`;
}

interface Desk {
  readonly head: string;
  readonly known: Kept | undefined;
  keep(kept: Kept, events?: readonly NewEvent[]): Promise<void>;
  forget(type: string, message: string): Promise<void>;
  event(type: string, message: string): NewEvent;
}

async function openDesk({ session, environment }: TargetPass, { name: target }: ReadyTarget): Promise<Desk> {
  const { name, revision } = environment;
  const { proposals } = await session.store();
  const text = (await proposals.load(name)).get(target);
  const event: Desk["event"] = (type, message) => {
    session.log.info({ environment: name, target, event: type }, message);
    return { environment: name, target, revision, type, message };
  };
  return {
    head: `trueup/drift/${name}/${target}`,
    // What was written by this function is read by it.
    known: text === undefined ? undefined : (readJson(text) as unknown as Kept),
    keep: (kept, events = []) =>
      proposals.save(name, target, {
        proposal: stringifyJson(kept as unknown as Parameters<typeof stringifyJson>[0]),
        events,
      }),
    forget: (type, message) => proposals.remove(name, target, [event(type, message)]),
    event,
  };
}

interface Putting {
  readonly desk: Desk;
  readonly forge: Forge;
  readonly drift: Proposed;
  readonly pull: PullRequest | undefined;
  readonly proposable: readonly ReportedFinding[];
}

/** Brings the branch and the pull request to what drifted now; opens it where there is none. */
async function put(
  pass: TargetPass,
  target: ReadyTarget,
  { desk, forge, drift, pull, proposable }: Putting,
): Promise<void> {
  const { session, environment, signal } = pass;
  const { name, revision } = environment;
  const source = await session.source();
  const snapshot = await source.read(revision, ["environments", "policies"], signal);
  const { files, settings } = await adoptionOf(pass, {
    ...{ target, snapshot, layer: undefined },
    wanted: (path) => Object.hasOwn(drift, path),
  });
  const places = new Map(settings.flatMap(({ path, where }) => (where === undefined ? [] : [[path, where] as const])));
  const now = new Date().toISOString();
  const since = Object.fromEntries(Object.keys(drift).map((path) => [path, desk.known?.since[path] ?? now]));
  const kept: Kept = { settings: drift, closing: false, base: revision, since };
  // Nothing that git can hold: there is nothing to merge. What is open is closed, for it says what is no more.
  if (files.size === 0) {
    if (pull !== undefined) await forge.update(pull.number, { comment: UNWRITABLE, close: true }, signal);
    const reasons = settings.flatMap(({ path, error }) => (error === undefined ? [] : [`${path}: ${error.message}`]));
    const message = `nothing of the drift can be written into git: ${reasons.join("; ")}`;
    return desk.keep({ ...kept, unwritable: true, closing: true }, [desk.event("unproposable", message)]);
  }
  const branch = session.config.environments.get(name)?.branch ?? name;
  const content = contentOf({
    ...{ environment: name, target: target.name, branch },
    settings: proposable.flatMap((finding) => {
      const place = places.get(finding.path);
      return place === undefined ? [] : [{ finding, since: since[finding.path] ?? now, place }];
    }),
    left: settings.flatMap(({ path, error }) => (error === undefined ? [] : [{ path, reason: error.message }])),
  });
  const body = `${content.body}\n${markerOf(drift)}\n`;
  const onto = await source.resolve(desk.head).catch(() => undefined);
  const message = `Adopt live values of ${name}/${target.name}\n\nProposed by Trueup, because they drifted.\n`;
  await source.commit(
    { branch: desk.head, parent: revision, files, message, ...(onto === undefined ? {} : { onto }) },
    signal,
  );
  // Kept before it is opened: a crash in between finds the branch, and no pull request.
  await desk.keep(pull === undefined ? kept : { ...kept, number: pull.number });
  if (pull === undefined) {
    const opened = await forge.open({ ...content, body, head: desk.head, base: branch, reviewers: [] }, signal);
    await desk.keep({ ...kept, number: opened.number }, [
      desk.event("proposed", `proposed the live values: ${opened.url}`),
    ]);
    return;
  }
  await forge.update(pull.number, { content: { ...content, body } }, signal);
  await desk.keep({ ...kept, number: pull.number }, [
    desk.event("proposal-updated", `the drift changed: updated ${pull.url}`),
  ]);
}
