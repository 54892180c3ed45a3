import { TrueupError } from "../../core/errors.js";
import { freezeRefusal } from "../../core/freeze.js";
import type { Pointer } from "../../core/pointer.js";
import type { Command as Comment, Forge } from "../../forges/forge.js";
import { formatDuration } from "../../lib/duration.js";
import { suggestion } from "../../lib/suggest.js";
import { explained, held, help, layered, refusal, reverted, type SettingAnswer } from "../../proposals/answer.js";
import { type Command, parseCommand } from "../../proposals/command.js";
import type { ReadyTarget } from "../../render/rendered.js";
import { adoptionOf } from "../adopt.js";
import { explanationOf } from "../explanation.js";
import { holdEvent, holdsInForce } from "../holds.js";
import { reported } from "../judge.js";
import { layersOf } from "./layer.js";
import { memoryOf } from "../memory.js";
import { see, type TargetPass } from "../pass.js";
import type { Heard, Weighed } from "./desk.js";
import type { ReportedFinding, TargetReport } from "../report.js";

/** A pull request on which commands were given, with what drifted. */
export interface Heeding extends Pick<Weighed, "desk" | "forge" | "drift"> {
  readonly heard: Heard;
}

/** What came of a command. */
export interface Done {
  /** Markdown. */
  readonly answer: string;
  readonly layer?: string;
  /** What passes go by is another now. */
  readonly changed?: true;
}

/** These settings are to be healed first; the answer says what came of it. */
export interface ToRevert {
  readonly revert: {
    readonly settings: readonly Pointer[];
    readonly answers: (report: TargetReport) => readonly SettingAnswer[];
  };
}

export interface Given {
  readonly heeding: Heeding;
  readonly comment: Comment;
}

/**
 * Does what one comment asks for, but for healing, which is its caller's. Done twice it ends the same.
 * @throws TrueupError where it may go well at another time; what is wrong with the command itself is in the answer
 */
export async function executeCommand(pass: TargetPass, target: ReadyTarget, given: Given): Promise<Done | ToRevert> {
  try {
    const { text, at } = given.comment;
    return await execute(pass, target, { ...given, command: parseCommand(text, at) });
  } catch (error) {
    pass.signal.throwIfAborted();
    if (error instanceof TrueupError && error.code === "USAGE") return { answer: refusal(error) };
    throw error;
  }
}

function execute(
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

/** Who gave a command, as holds and the history name people of a forge. */
export function ownerOf({ name }: Forge, { author }: Comment): string {
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
    throw new TrueupError("USAGE", `${setting} does not differ from git`, {
      hint: known.length === 0 ? "nothing of the target does" : suggestion(setting, known),
    });
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
