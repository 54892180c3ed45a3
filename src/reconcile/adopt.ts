import { createHash } from "node:crypto";
import { formatPlace, TrueupError } from "../core/errors.js";
import type { Finding } from "../core/finding.js";
import type { Pointer } from "../core/pointer.js";
import type { Value } from "../core/value.js";
import { oneLine } from "../lib/one-line.js";
import { readEnvironment } from "../render/environment.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import type { Snapshot } from "../render/snapshot.js";
import { writeBack } from "../render/write-back.js";
import { targetKinds } from "../targets/registry.js";
import { desiredState, renderWith } from "./desired.js";
import { show } from "./events.js";
import { type Judged, reported } from "./judge.js";
import { memoryOf } from "./memory.js";
import { see, type TargetPass } from "./pass.js";
import { reportError, type ReportedError } from "./report.js";

/** A drifted setting, and the file that is to hold its live value, or why none is. */
export interface AdoptedSetting {
  readonly target: string;
  readonly path: Pointer;
  /** Null where absent; a sensitive value is the beginning of its keyed hash. */
  readonly desired: Value;
  readonly live: Value;
  /** `file:line:column` */
  readonly where?: string;
  readonly error?: ReportedError;
}

export interface Adoption {
  /** New texts, by path relative to `repository.path`. */
  readonly files: ReadonlyMap<string, string>;
  readonly settings: readonly AdoptedSetting[];
}

export interface AdoptionRequest {
  readonly target: ReadyTarget;
  readonly snapshot: Snapshot;
  /** Which settings are meant. */
  readonly wanted: (path: Pointer) => boolean;
  readonly layer: string | undefined;
}

/** Whether the live side moved: what git moved is not a person's to adopt or revert. */
export function isDrift({ kind }: Pick<Finding, "kind">): boolean {
  return kind === "modified" || kind === "missing" || kind === "conflicted";
}

/** The live values of a target's drift, written into the files that own them. Nothing is committed. @throws as `see` does */
export async function adoptionOf(pass: TargetPass, request: AdoptionRequest): Promise<Adoption> {
  const { session, environment, record } = pass;
  const { target, snapshot, wanted, layer } = request;
  const opened = await session.target(environment.name, target);
  const seen = await see(pass, target, opened, memoryOf(record, target));
  const drift = seen.judged.filter(({ finding }) => isDrift(finding) && wanted(finding.path));
  const open = drift.filter(({ sensitive }) => !sensitive).map(({ finding }) => finding);
  if (drift.length === 0) return { files: new Map(), settings: [] };
  const { files, settings } = await writeBack({
    ...{ snapshot, revision: environment.revision, environment: environment.name, target: target.name },
    ...{ kinds: targetKinds, settings: open, layer, admit: await admission(pass, request) },
  });
  const results = new Map(settings.map((setting) => [setting.path, setting]));
  const setting = (judged: Judged): AdoptedSetting => {
    const { path, desired, live } = reported(judged, session.hash());
    const base = { target: target.name, path, desired, live };
    const result = judged.sensitive ? { error: sensitive(path) } : results.get(path);
    if (result === undefined) return base;
    if ("place" in result) return { ...base, where: formatPlace(result.place) };
    const { error } = result;
    return { ...base, error: reportError(error, error.where === undefined ? undefined : formatPlace(error.where)) };
  };
  return { files, settings: drift.map(setting) };
}

/**
 * Holds edited files against what `trueup validate` does: JSON Schemas, the rules of validation.yaml, what targets may claim.
 * A layer that is written to on request is shared: the other environments of the branch that have it are held against their
 * rules, too. What failed before is nobody's fault here.
 */
async function admission(
  { session, environment: { name: own, revision, targets }, signal }: TargetPass,
  { layer, snapshot }: AdoptionRequest,
): Promise<(edited: Snapshot) => Promise<void>> {
  const sound = new Map([[own, soundOf(targets)]]);
  const { environments } = session.config;
  const branchOf = (name: string) => environments.get(name)?.branch;
  for (const name of layer === undefined || layer === own ? [] : environments.keys()) {
    if (name === own || branchOf(name) !== branchOf(own)) continue;
    try {
      if (!readEnvironment(snapshot, name, revision).folders.includes(`environments/${layer}`)) continue;
      sound.set(name, soundOf((await desiredState(session, { environment: name, revision, signal })).targets));
    } catch (error) {
      if (!(error instanceof TrueupError)) throw error;
    }
  }
  return async (edited) => {
    for (const [name, before] of sound) {
      const known = session.rendered.get(name)?.secrets;
      // As the rendering took them: a secret that cannot be read just now says nothing about the edit.
      const secret = async (asked: string) => known?.get(asked) ?? session.secret(name, asked);
      const after = await renderWith(session, { environment: name, revision, snapshot: edited, secret });
      for (const target of after.targets) {
        if (!("error" in target) || !before.has(target.name)) continue;
        if (name === own) throw target.error;
        const { code, message, hint } = target.error;
        throw new TrueupError(code, `${name}/${target.name}: ${message}`, { hint });
      }
    }
  };
}

function soundOf(targets: readonly RenderedTarget[]): ReadonlySet<string> {
  return new Set(targets.flatMap((target) => ("error" in target ? [] : [target.name])));
}

function sensitive(path: Pointer): TrueupError {
  return new TrueupError("DOCUMENT_UNREPRESENTABLE", `${path} is sensitive: its live value is not written to git`, {
    hint: "change the secret where it is kept, or revert the live value",
  });
}

export interface Decided {
  /** `prod` or `prod/settings`, as it was asked for. */
  readonly subject: string;
  readonly settings: readonly AdoptedSetting[];
  readonly by: string;
  readonly because: string | undefined;
}

/** The message of the commit: what, who and why. */
export function messageOf({ subject, settings, by, because }: Decided): string {
  const lines = settings.map(
    ({ target, path, desired, live }) => `- ${target} ${path}: ${show(desired)} → ${show(live)}`,
  );
  const why = because === undefined ? "" : `\nBecause: ${oneLine(because)}`;
  return `Adopt live values of ${subject}\n\n${lines.join("\n")}\n\nAdopted by: ${by}${why}\n`;
}

/** The same for the same texts on the same revision, so that adopting twice makes one branch. */
export function branchFor(subject: string, revision: string, files: Adoption["files"]): string {
  const hash = createHash("sha256").update(revision);
  for (const [file, text] of files) hash.update(`\0${file}\0${text}`);
  return `trueup/adopt/${subject.replaceAll("/", "-")}-${hash.digest("hex").slice(0, 8)}`;
}
