import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import type { Source } from "../git/source.js";
import { differences } from "../promotion/difference.js";
import type { Difference } from "../promotion/report.js";
import { isOurs } from "../git/own-branch.js";
import { rollbackCommit } from "../promotion/rollback-commit.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import { refresh } from "../reconcile/environment.js";
import { lastGood } from "../reconcile/followed.js";
import type { Session } from "../reconcile/session.js";
import type { Operation } from "./operation.js";
import { selectOne } from "./selection.js";

export interface RollbackReport {
  readonly schemaVersion: 1;
  readonly environment: string;
  /** The branch's tip before. */
  readonly revision: string;
  /** The commit whose tree the branch gets. */
  readonly to: string;
  readonly changes: readonly Difference[];
  /** Null in a dry run. */
  readonly commit: string | null;
  /** The branch that has the commit; null in a dry run. */
  readonly branch: string | null;
  readonly pullRequest?: { readonly number: number; readonly url: string };
}

const argsSchema = z.object({
  environment: z.string(),
  /** A commit of its branch; default: the newest earlier one at which it was in sync. */
  to: z.string().optional(),
  pullRequest: z.boolean().default(false),
  dryRun: z.boolean().default(false),
  because: z.string().optional(),
  by: z.string(),
});
type Args = z.output<typeof argsSchema>;

/**
 * Makes the branch's tree that of an earlier revision, by a new commit: nothing of the history is rewritten, automatic sync goes
 * on and applies it, and no policy promotes again what was taken back.
 */
export const rollback: Operation<Args, RollbackReport> = {
  name: "rollback",
  args: argsSchema,
  async run(session, args, { signal }) {
    const { name, targets } = selectOne(session, args.environment);
    if (targets !== undefined) {
      throw new TrueupError("USAGE", `a whole environment is rolled back, not ${args.environment}`, {
        hint: `trueup rollback ${name}; one setting goes back by a commit of its own`,
      });
    }
    const branches = await refresh(session, signal);
    const revision = tipOf(session, name, branches);
    const source = await session.source();
    const to = await goal(session, { ...args, environment: name }, revision, signal);
    const then = await desiredState(session, { environment: name, revision: to, signal });
    // A tip that does not load is the best of reasons to go back: then nothing can be said of what changes.
    const now = await desiredState(session, { environment: name, revision, signal }).catch(() => {
      signal.throwIfAborted();
      return undefined;
    });
    const changes = now === undefined ? [] : differences(now, then, session.hash());
    const report = { schemaVersion: 1, environment: name, revision, to, changes } as const;
    if (args.dryRun) return { ...report, commit: null, branch: null };
    const { by, because } = args;
    const commit = await rollbackCommit(session, { environment: name, tip: revision, to, by, because }, signal);
    const { branch: own = name } = session.config.environments.get(name) ?? {};
    const branch = args.pullRequest ? `trueup/rollback/${name}` : own;
    const from = args.pullRequest ? branches.get(branch) : revision;
    if (!args.pullRequest) expectUnsigned(session, name);
    else if (from !== undefined) await expectUntouched(source, { branch, own, at: from, tip: revision }, signal);
    await source.lineage.move({ branch, to: commit, ...(from === undefined ? {} : { from }) }, signal);
    await tell(session, { name, branch, to, commit }, args);
    const pull = args.pullRequest ? await propose(session, { name, branch, own, to }, signal) : undefined;
    return { ...report, commit, branch, ...(pull && { pullRequest: pull }) };
  },
};

async function goal(session: Session, { to, environment }: Args, tip: string, signal: AbortSignal): Promise<string> {
  const source = await session.source();
  const isOn = async (commit: string): Promise<boolean> => (await source.lineage.base(commit, tip, signal)) === commit;
  if (to === undefined) {
    const good = await lastGood(session, { environment, tip }, signal);
    if (good !== undefined) return good;
    throw new TrueupError("USAGE", `no earlier revision is known at which ${environment} was in sync`, {
      hint: `name one of its branch: trueup rollback ${environment} --to COMMIT`,
    });
  }
  const commit = await source.resolve(to);
  if (commit === tip) {
    throw new TrueupError("USAGE", `${environment} is at ${to} already`, { hint: `trueup history ${environment}` });
  }
  if (await isOn(commit)) {
    await expectOwn(session, { environment, commit, tip, to }, signal);
    return commit;
  }
  throw new TrueupError("USAGE", `${to} is not on the branch of ${environment}`, {
    hint: `name a commit that its branch has; what another branch has is promoted: trueup promote`,
  });
}

/** A branch longer than this is taken at a person's word. */
const MOST_COMMITS = 1_000;

interface Own {
  readonly environment: string;
  readonly commit: string;
  readonly tip: string;
  /** As the person wrote it. */
  readonly to: string;
}

/**
 * What was merged into the branch has the content of the branch that it came from: to go back to that would take away hotfixes
 * that stood here before, unsaid.
 */
async function expectOwn(session: Session, { environment, commit, tip, to }: Own, signal: AbortSignal): Promise<void> {
  const { lineage } = await session.source();
  const later = await lineage.commits({ to: tip, from: commit, firstParent: true, limit: MOST_COMMITS }, signal);
  if (later.length === MOST_COMMITS || later.at(-1)?.parents[0] === commit) return;
  // A merge the wrong way round: it was the branch's own once.
  const runs = await (await session.store()).runs.list(environment, MOST_COMMITS);
  if (runs.some(({ revision }) => revision === commit)) return;
  const merges = later.filter(({ parents }) => parents.length > 1).reverse();
  let arrival: string | undefined;
  for (const { id } of merges) {
    arrival ??= (await lineage.base(commit, id, signal)) === commit ? id : undefined;
  }
  throw new TrueupError("USAGE", `${environment} never had the content of ${to} alone: it was merged in`, {
    hint:
      arrival === undefined || arrival === tip
        ? `trueup history ${environment}`
        : `go back to when it arrived: trueup rollback ${environment} --to ${arrival.slice(0, 10)}`,
  });
}

function expectUnsigned({ config }: Session, environment: string): void {
  if (config.repository.signers === undefined) return;
  throw new TrueupError("GIT_UNSIGNED", `${environment} follows signed commits only, and Trueup signs none`, {
    hint: "give --pull-request; a person merges it, and signs the merge",
  });
}

interface OwnBranch {
  readonly branch: string;
  readonly own: string;
  readonly at: string;
  readonly tip: string;
}

/** Who pushed to the branch decides what becomes of that. */
async function expectUntouched(
  source: Source,
  { branch, own, at, tip }: OwnBranch,
  signal: AbortSignal,
): Promise<void> {
  if (await isOurs(source, at, [tip], signal)) return;
  throw new TrueupError("GIT_MOVED", `somebody pushed ${at.slice(0, 10)} to ${branch}: it is not overwritten`, {
    hint: `merge ${branch} into ${own}, or remove it, and ask again`,
  });
}

interface RolledBack {
  readonly name: string;
  readonly branch: string;
  readonly to: string;
  readonly commit: string;
}

async function tell(session: Session, { name, branch, to, commit }: RolledBack, { by, because }: Args): Promise<void> {
  const why = because === undefined ? "" : `: ${because}`;
  const message = `${by} rolled back to ${to.slice(0, 10)} on the branch ${branch}${why}`;
  await (await session.store()).history.append([{ environment: name, type: "rolled-back", revision: commit, message }]);
  session.decided.ring();
}

interface Proposing {
  readonly name: string;
  readonly branch: string;
  readonly own: string;
  readonly to: string;
}

async function propose(session: Session, { name, branch, own, to }: Proposing, signal: AbortSignal) {
  const forge = await session.forge();
  if (forge === undefined) return undefined;
  const title = `Roll ${name} back to ${to.slice(0, 10)}`;
  const body = `Gives the branch the content that it had at ${to}. Automatic sync applies it once it is merged.\n`;
  const content = { title, body, labels: ["trueup", "rollback"] };
  const opened = await forge.open({ ...content, head: branch, base: own, reviewers: [] }, signal);
  const { number, url } = opened;
  // It was open already, to go back elsewhere.
  if (opened.title !== title) await forge.update(number, { content }, signal);
  return { number, url };
}
