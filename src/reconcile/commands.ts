import { TrueupError } from "../core/errors.js";
import { freezeRefusal } from "../core/freeze.js";
import type { Pointer } from "../core/pointer.js";
import type { Command as Comment, Forge, PullRequest } from "../forges/forge.js";
import { formatDuration } from "../lib/duration.js";
import { suggestion } from "../lib/suggest.js";
import {
  answerTo,
  explained,
  held,
  help,
  layered,
  refusal,
  reverted,
  type SettingAnswer,
} from "../proposals/answer.js";
import { type Command, parseCommand } from "../proposals/command.js";
import type { ReadyTarget } from "../render/rendered.js";
import { adoptionOf } from "./adopt.js";
import { explanationOf } from "./explanation.js";
import { holdEvent, holdsInForce } from "./holds.js";
import { reported } from "./judge.js";
import { layersOf } from "./layer.js";
import { memoryOf } from "./memory.js";
import { see, type TargetPass } from "./pass.js";
import { type Asked, type Heard, type Kept, openDesk, type Weighed } from "./proposal-desk.js";
import type { ReportedFinding, TargetReport } from "./report.js";
import type { Reversion } from "./reversion.js";

/** Everything that was ever said on a pull request. */
const EVER = "1970-01-01T00:00:00Z";

interface Listening {
  readonly forge: Forge;
  readonly pull: PullRequest | undefined;
  readonly known: Kept | undefined;
  readonly findings: readonly ReportedFinding[];
}

/** What people asked for in comments and nobody has answered; undefined where there is nothing, and where nobody can ask. */
export async function hear(
  { forge, pull, known, findings }: Listening,
  signal: AbortSignal,
): Promise<Heard | undefined> {
  if (forge.commands === undefined || pull?.state !== "open" || known === undefined) return undefined;
  const { heard, answer } = known.asked ?? {};
  const comments = await forge.commands(pull.number, heard?.at ?? EVER, signal);
  const isNew = answer !== undefined || comments.some((comment) => !isHeard(known.asked, comment));
  return isNew ? { pull, known, comments, findings } : undefined;
}

/** By its time and, of those of the same second, by its id: a forge need not count upwards. */
function isHeard(asked: Asked | undefined, { id, at }: Comment): boolean {
  const { heard } = asked ?? {};
  return heard !== undefined && (at < heard.at || (at === heard.at && heard.ids.includes(id)));
}

export interface Heeding extends Pick<Weighed, "desk" | "forge" | "drift"> {
  readonly heard: Heard;
}

/**
 * Does what people asked for in comments, oldest first, and answers each once. What is done is kept, with its answer, before
 * the answer is sent: after a crash or a forge that fails the next pass sends it, unless the forge has it already, and does
 * nothing twice. A crash before that does it again, and each command ends the same when done twice. After one that changes
 * what passes go by the rest waits for the next pass.
 */
export async function heed(pass: TargetPass, target: ReadyTarget, heeding: Heeding): Promise<Reversion | undefined> {
  const { forge, heard } = heeding;
  const { asked = {} } = heard.known;
  if (asked.answer !== undefined) {
    const { to, text } = asked.answer;
    if (heard.comments.some(({ id }) => id === to)) {
      await forge.update(heard.pull.number, { comment: text, answers: to }, pass.signal);
    }
    await heeding.desk.keep({ ...heard.known, asked: sent(asked) });
  }
  for (const comment of heard.comments.filter((one) => !isHeard(asked, one))) {
    const done = await doneFor(pass, target, { heeding, comment });
    if ("revert" in done) {
      const { revert } = done;
      const by = `${ownerOf(forge, comment)} asked for it on ${heard.pull.url}`;
      const answer: Reversion["answer"] = async (now, report) => {
        await conclude(now, target, { heeding, comment, done: { answer: reverted(revert.answers(report)) } });
        now.session.decided.ring();
      };
      return { settings: new Set(revert.settings), by, answer };
    }
    await conclude(pass, target, { heeding, comment, done });
    if (done.changed === true) {
      pass.session.decided.ring();
      return undefined;
    }
  }
  return undefined;
}

/** What came of a command. */
interface Done {
  /** Markdown. */
  readonly answer: string;
  readonly layer?: string;
  /** What passes go by is another now. */
  readonly changed?: true;
}

interface ToRevert {
  readonly revert: {
    readonly settings: readonly Pointer[];
    readonly answers: (report: TargetReport) => readonly SettingAnswer[];
  };
}

interface Given {
  readonly heeding: Heeding;
  readonly comment: Comment;
}

async function conclude(
  pass: TargetPass,
  target: ReadyTarget,
  { heeding: { forge, heard }, comment, done }: Given & { done: Done },
): Promise<void> {
  const { proposals } = await pass.session.store();
  const proposal = (await proposals.load(pass.environment.name)).get(target.name);
  const desk = openDesk({ ...pass, proposal }, target.name);
  const { known } = desk;
  // Another pass was here since.
  if (isHeard(known?.asked, comment)) return;
  const { author, text, id, at } = comment;
  const answer = answerTo(comment, done.answer);
  const before = known?.asked?.heard;
  const asked: Asked = {
    ...known?.asked,
    ...(done.layer === undefined ? {} : { layer: done.layer }),
    heard: { at, ids: before?.at === at ? [...before.ids, id] : [id] },
    answer: { to: id, text: answer },
  };
  const message = `${author}@${forge.name} asked on ${heard.pull.url}: /trueup ${text}`;
  // What was closed and forgotten meanwhile is answered, too.
  if (known !== undefined) await desk.keep({ ...known, asked }, { type: "command", message });
  await forge.update(heard.pull.number, { comment: answer, answers: id }, pass.signal);
  if (known !== undefined) await desk.keep({ ...known, asked: sent(asked) });
}

/** Nothing waits to be sent any more. */
function sent({ heard, layer: asked }: Asked): Asked {
  return { ...(heard && { heard }), ...(asked === undefined ? {} : { layer: asked }) };
}

async function doneFor(pass: TargetPass, target: ReadyTarget, given: Given): Promise<Done | ToRevert> {
  try {
    const { text, at } = given.comment;
    return await does(pass, target, { ...given, command: parseCommand(text, at) });
  } catch (error) {
    pass.signal.throwIfAborted();
    // What is wrong with the command itself is answered; what may pass is tried again.
    if (error instanceof TrueupError && error.code === "USAGE") return { answer: refusal(error) };
    throw error;
  }
}

function does(
  pass: TargetPass,
  target: ReadyTarget,
  given: Given & { readonly command: Command },
): Promise<Done | ToRevert> | Done | ToRevert {
  const { command, heeding, comment } = given;
  switch (command.verb) {
    case "help":
      return { answer: help() };
    case "hold":
      return hold(pass, target, {
        ...command,
        paths: meant(heeding, command.setting),
        by: ownerOf(heeding.forge, comment),
      });
    case "revert":
      return revert(heeding, meant(heeding, command.setting));
    case "layer":
      return layer(pass, target, { heeding, layer: command.layer });
    case "explain":
      return explain(pass, target, { heeding, setting: command.setting });
  }
}

function ownerOf({ name }: Forge, { author }: Comment): string {
  return `${author}@${name}`;
}

/** The settings of the pull request that a command is about, as people see it. */
function meant({ heard }: Heeding, setting: Pointer | undefined): readonly Pointer[] {
  const paths = Object.keys(heard.known.settings);
  if (setting === undefined) return paths;
  if (paths.includes(setting)) return [setting];
  throw new TrueupError("USAGE", `${setting} is not in this pull request`, { hint: suggestion(setting, paths) });
}

interface Holding {
  readonly paths: readonly Pointer[];
  readonly by: string;
  readonly until: string;
  readonly reason: string;
}

async function hold(
  { session, environment }: TargetPass,
  target: ReadyTarget,
  { paths, by: owner, until, reason }: Holding,
): Promise<Done> {
  if (until <= new Date().toISOString()) {
    throw new TrueupError("USAGE", `the hold would have ended at ${until}`, {
      hint: "it counts from the comment, and Trueup read it only now: ask again",
    });
  }
  const { holds } = await session.store();
  for (const path of paths) {
    const given = {
      environment: environment.name,
      target: target.name,
      path,
      source: "person",
      owner,
      reason,
      until,
    } as const;
    await holds.set(given, holdEvent("held", given));
  }
  return { answer: held(paths, { owner, reason, until }), changed: true };
}

/** What still is as it was proposed is reverted: of another value nobody has decided. */
function revert({ heard, drift }: Heeding, paths: readonly Pointer[]): Done | ToRevert {
  const { settings: proposed } = heard.known;
  const settings = paths.filter((path) => Object.hasOwn(drift, path) && drift[path] === proposed[path]);
  const others = paths
    .filter((path) => !settings.includes(path))
    .map((path) => ({ path, said: otherwise(path, heard.findings) }));
  if (settings.length === 0) return { answer: reverted(others) };
  const answers = (report: TargetReport): readonly SettingAnswer[] => [
    ...settings.map((path) => ({ path, said: becameOf(path, report) })),
    ...others,
  ];
  return { revert: { settings, answers } };
}

function otherwise(path: Pointer, findings: readonly ReportedFinding[]): string {
  const finding = findings.find((one) => one.path === path);
  if (finding === undefined) return "is as git says";
  return finding.note ?? "is another than was proposed: left alone, see the pull request when it is updated";
}

function becameOf(path: Pointer, { outcomes = [], findings, refused, error }: TargetReport): string {
  const outcome = outcomes.find((one) => one.path === path);
  switch (outcome?.result) {
    case "healed":
    case "synced":
    case "adopted":
      return "reverted: it is as git says";
    case "pendingRestart":
      return "set as git says, in effect after a restart";
    case "unreachable":
      return "not reverted: the system makes another value of git's";
    case "moved":
      return "not reverted: it moved while it was being written";
    case "failed":
      return `not reverted: ${outcome.error?.message ?? "the write failed"}`;
    case undefined: {
      const finding = findings.find((one) => one.path === path);
      const why = refused?.message ?? error?.message ?? finding?.note;
      return why === undefined && finding === undefined
        ? "is as git says"
        : `not reverted: ${why ?? "nothing was written"}`;
    }
  }
}

async function layer(
  pass: TargetPass,
  target: ReadyTarget,
  { heeding, layer: name }: { heeding: Heeding; layer: string },
): Promise<Done> {
  const { session, environment, signal } = pass;
  const snapshot = await (await session.source()).read(environment.revision, ["environments", "policies"], signal);
  const layers = layersOf(pass, snapshot);
  if (!layers.includes(name)) {
    throw new TrueupError("USAGE", `${environment.name} has no layer \`${name}\``, { hint: suggestion(name, layers) });
  }
  const wanted = (path: Pointer): boolean => Object.hasOwn(heeding.drift, path);
  const { files, settings } = await adoptionOf(pass, { target, snapshot, wanted, layer: name });
  const left = settings.flatMap(({ path, error }) => (error === undefined ? [] : [{ path, said: error.message }]));
  if (files.size > 0) return { answer: layered(name, left), layer: name, changed: true };
  const reasons = left.map(({ said }) => said).join("; ");
  throw new TrueupError("USAGE", `nothing can be written into the layer \`${name}\`: ${reasons}`);
}

async function explain(
  pass: TargetPass,
  target: ReadyTarget,
  { heeding, setting }: { heeding: Heeding; setting: Pointer | undefined },
): Promise<Done> {
  const { session, environment, record, holds: stored } = pass;
  const opened = await session.target(environment.name, target);
  const seen = await see(pass, target, opened, memoryOf(record, target));
  const paths = setting === undefined ? Object.keys(heeding.heard.known.settings) : [setting];
  const judged = seen.judged.filter(({ finding }) => paths.includes(finding.path));
  if (judged.length === 0 && setting !== undefined) {
    const known = seen.judged.map(({ finding }) => finding.path);
    throw new TrueupError("USAGE", `${setting} does not differ from git`, { hint: suggestion(setting, known) });
  }
  const now = new Date();
  const { flapping, blastRadius, freeze } = environment.policy.guards;
  const guards = [
    freezeRefusal(freeze(environment.name, now.getTime())) ?? "no freeze window is open",
    `a setting that was healed ${flapping.heals} times within ${formatDuration(flapping.within)} is left alone`,
    `a plan of ${blastRadius.atLeast} and more updates and removals that is over ${100 * blastRadius.share} % of the settings waits for a person`,
  ];
  const inForce = holdsInForce({ environment, target, stored, now: now.toISOString() });
  return {
    answer: explained(
      judged.map((one) => {
        const { finding, sensitive } = one;
        const { note } = reported(one, session.hash());
        return { ...explanationOf({ environment, target, finding, sensitive, found: true }), note };
      }),
      {
        guards,
        holds: inForce.map(({ path, owner, until, reason }) => ({
          path,
          said: `by ${owner} until ${until}: ${reason}`,
        })),
      },
    ),
  };
}
