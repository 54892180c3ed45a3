import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { type AdoptedSetting, type Adoption, adoptionOf, branchFor, messageOf } from "../reconcile/adopt.js";
import { knowledge, refresh, targetPass } from "../reconcile/environment.js";
import { followedState } from "../reconcile/followed.js";
import type { Session } from "../reconcile/session.js";
import { readEnvironment } from "../render/environment.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import { type Adopted, patchOf } from "./adoption-patch.js";
import type { Operation } from "./operation.js";
import { noDrift, settingsIn, selectOne } from "./selection.js";

export interface AdoptReport {
  readonly schemaVersion: 1;
  readonly environment: string;
  /** What the commit stands on. */
  readonly revision: string;
  readonly settings: readonly AdoptedSetting[];
  /** The branch that has the commit; null where nothing was committed. */
  readonly branch: string | null;
  /** Null where nothing was committed, or an earlier adoption of the same values is on the branch already. */
  readonly commit: string | null;
  /** Whether it is the environment's own branch. */
  readonly direct: boolean;
  /** Only of a dry run: a unified diff. */
  readonly patch?: string;
}

const argsSchema = z.object({
  environment: z.string(),
  /** A JSON Pointer or glob; without one, everything that drifted. */
  path: z.string().optional(),
  layer: z.string().optional(),
  branch: z.string().optional(),
  direct: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  by: z.string(),
  because: z.string().optional(),
});
type Args = z.output<typeof argsSchema>;

/** Writes the live values of drift back to git: to a branch of their own, or straight to the environment's where it allows that. */
export const adopt: Operation<Args, AdoptReport> = {
  name: "adopt",
  args: argsSchema,
  async run(session, args, { signal }) {
    const { name, targets: wanted } = selectOne(session, args.environment);
    const isMeant = settingsIn(args.path);
    const branches = await refresh(session, signal);
    // What drifted, drifted from what is followed: after a commit that failed that is an earlier one, and so the merge of what is
    // made here has both.
    const environment = await followedState(session, { environment: name, branches, signal });
    const { revision } = environment;
    const source = await session.source();
    const snapshot = await source.read(revision, ["environments", "policies"], signal);
    if (args.direct) allowDirect(session, environment, readEnvironment(snapshot, name, revision).file.adopt);
    if (args.branch !== undefined) allowBranch(args.branch, branches);
    const names = environment.targets.map((target) => target.name);
    const unknown = wanted?.find((target) => !names.includes(target));
    if (unknown !== undefined) {
      throw new TrueupError("USAGE", `environment ${name} has no target \`${unknown}\``, {
        hint: suggestion(unknown, names),
      });
    }
    const known = await knowledge(session, name);
    const adoptions: Adoption[] = [];
    const adopted: Adopted[] = [];
    for (const target of environment.targets.filter((one) => wanted === undefined || wanted.includes(one.name))) {
      if ("error" in target) throw target.error;
      const pass = targetPass(session, { environment, target, known, rollout: undefined, signal });
      const adoption = await adoptionOf(pass, { target, snapshot, wanted: isMeant, layer: args.layer });
      adopted.push({ target, files: adoption.files });
      adoptions.push(adoption);
    }
    const settings = adoptions.flatMap((adoption) => adoption.settings);
    if (settings.length === 0 && args.path !== undefined) throw noDrift(args.environment, args.path);
    const files = new Map(adoptions.flatMap((adoption) => [...adoption.files]));
    const report = { schemaVersion: 1, environment: name, revision, settings, direct: args.direct } as const;
    if (files.size === 0) return { ...report, branch: null, commit: null };
    const written = settings.filter(({ error }) => error === undefined);
    const { by, because } = args;
    const message = messageOf({ subject: args.environment, settings: written, by, because });
    const request = { parent: revision, files, message, author: { name: by, email: `${by}@localhost` } };
    if (args.dryRun) {
      const patch = await patchOf(source, { parent: revision, message, snapshot, adopted }, signal);
      return { ...report, branch: null, commit: null, patch };
    }
    const own = session.config.environments.get(name)?.branch ?? name;
    const branch = args.direct ? own : (args.branch ?? branchFor(args.environment, revision, files));
    if (!args.direct && branches.has(branch)) return { ...report, branch, commit: null };
    const commit = await source.commit({ ...request, branch, ...(args.direct ? { onto: revision } : {}) }, signal);
    await tell(session, { ...report, branch, commit, settings: written }, args);
    return { ...report, branch, commit };
  },
};

function allowDirect(
  { config }: Session,
  { name: environment, failed }: RenderedEnvironment,
  allowed: "branch" | "direct",
): void {
  if (allowed !== "direct") {
    throw new TrueupError("GUARD_REFUSED", `${environment} takes no adoption straight to its branch`, {
      where: { file: `environments/${environment}/environment.yaml` },
      hint: "leave --direct out and merge the branch that is made, or write `adopt: direct` there",
    });
  }
  if (failed !== undefined) {
    const tip = failed.revision.slice(0, 10);
    throw new TrueupError(
      "GUARD_REFUSED",
      `${environment} does not follow ${tip}, the tip of its branch, which failed`,
      {
        hint: `a commit on top would try it again: \`trueup rollback ${environment}\` first, or leave --direct out`,
      },
    );
  }
  if (config.repository.signers === undefined) return;
  throw new TrueupError("GUARD_REFUSED", `${environment} follows signed commits only, and Trueup signs none`, {
    hint: "leave --direct out; a person merges the branch that is made, and signs the merge",
  });
}

/** What git would take for a branch, and a refspec for nothing else. */
const BRANCH = /^(?!.*(\.\.|\/\/|\/\.|\.lock(\/|$)))[A-Za-z0-9_][\w./-]*(?<![./])$/;

function allowBranch(branch: string, branches: ReadonlyMap<string, string>): void {
  if (!BRANCH.test(branch)) throw new TrueupError("USAGE", `\`${branch}\` is no name for a branch`);
  if (!branches.has(branch)) return;
  throw new TrueupError("USAGE", `the branch ${branch} is there already`, {
    hint: "give another name; `--direct` commits to the environment's own branch",
  });
}

async function tell(session: Session, report: AdoptReport, { by, because }: Args): Promise<void> {
  const { environment, settings, branch, commit, direct } = report;
  const why = because === undefined ? "" : `: ${because}`;
  const events = settings.map(({ target, path, desired, live }) => ({
    ...{ environment, target, path, type: direct ? "adopted" : "adoption" },
    ...(commit === null ? {} : { revision: commit }),
    message: `${by} wrote the live value of ${path} to the branch ${branch ?? ""}${why}`,
    detail: { desired, live, by, ...(because === undefined ? {} : { because }) },
  }));
  await (await session.store()).history.append(events);
}
