import { TrueupError } from "../core/errors.js";
import type { OpenPullRequest } from "../forges/forge.js";
import { differences } from "../promotion/difference.js";
import { hopsAt } from "../promotion/hops.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { readEnvironment } from "../render/environment.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import type { Snapshot } from "../render/snapshot.js";
import { compareFaults, faultOf, type Judged } from "./faults.js";
import { notesOf } from "./notes.js";
import type { EnvironmentPreview, Fault, Preview } from "./preview.js";
import { renderedWithoutSecrets, renderedWithSecrets, type RenderingRequest } from "./rendering.js";

const FOLDERS = ["environments", "policies"] as const;

export interface PreviewRequest {
  readonly pull: OpenPullRequest;
  /** Where the branch is now that it is to be merged into. */
  readonly tip: string;
  /** The environments that follow that branch. */
  readonly following: readonly string[];
  /** Filled with the secrets that were taken, by environment: where one changes, so may the preview. */
  readonly taken: Map<string, Map<string, string | undefined>>;
}

/** What merging the pull request would come to. Nothing moves. @throws TrueupError of git */
export async function previewOf(session: Session, request: PreviewRequest, signal: AbortSignal): Promise<Preview> {
  const { pull, tip, following } = request;
  const source = await session.source();
  await source.bring(pull.commit, pull.ref, signal);
  const tree = await mergedTree(session, { ours: tip, theirs: pull.commit }, signal);
  if (typeof tree === "object") return tree;
  const isSame = (await source.treeId(tip, ...FOLDERS)) === (await source.treeId(tree, ...FOLDERS));
  if (isSame) return { relation: "merging", environments: [], policies: [], promotion: [], later: [] };
  const before = await source.read(tip, FOLDERS, signal);
  const after = await source.read(tree, FOLDERS, signal);
  const changed = changedPaths(before, after);
  const policies = changed.filter((path) => path.startsWith("policies/"));
  const touches = (name: string): boolean => {
    const folders = [before, after].flatMap((snapshot) => foldersOf(snapshot, name, pull.commit));
    return changed.some((path) => folders.some((folder) => path.startsWith(`${folder}/`)));
  };
  const environments: EnvironmentPreview[] = [];
  for (const name of following.filter((one) => policies.length > 0 || touches(one))) {
    environments.push(await environmentOf(session, { ...request, name, before, after }));
    signal.throwIfAborted();
  }
  const others = [...session.config.environments.keys()].filter((name) => !following.includes(name));
  return {
    ...{ relation: "merging", environments, policies },
    promotion: await promotionFaults(session, { tip, tree }, signal),
    later: others.filter(touches),
  };
}

/** The tree of the merge, or why there is none. */
async function mergedTree(
  session: Session,
  sides: { readonly ours: string; readonly theirs: string },
  signal: AbortSignal,
): Promise<string | Preview> {
  const { lineage } = await session.source();
  try {
    const { tree, conflicts, bySetting } = await lineage.merge(sides, signal);
    // The forge merges by lines: what Trueup would settle by setting stops a person there.
    const all = [...conflicts, ...bySetting.map((path) => ({ path, kind: "contents" }))];
    return all.length === 0 ? tree : { relation: "conflicting", conflicts: all };
  } catch (error) {
    if (error instanceof TrueupError && error.code === "GIT_UNRELATED") return { relation: "unrelated" };
    throw error;
  }
}

function changedPaths(before: Snapshot, after: Snapshot): readonly string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => before.get(path)?.id !== after.get(path)?.id).sort();
}

/** Its own folder and its layers'. Of one whose environment.yaml cannot be read: only its own. */
function foldersOf(snapshot: Snapshot, name: string, revision: string): readonly string[] {
  try {
    return readEnvironment(snapshot, name, revision).folders;
  } catch {
    return [`environments/${name}`];
  }
}

interface Sides extends PreviewRequest {
  readonly name: string;
  readonly before: Snapshot;
  readonly after: Snapshot;
}

async function environmentOf(session: Session, sides: Sides): Promise<EnvironmentPreview> {
  const { name, pull, tip, taken, ...snapshots } = sides;
  const before = { environment: name, revision: tip, snapshot: snapshots.before };
  const after = { environment: name, revision: pull.commit, snapshot: snapshots.after };
  // What breaks a rule is shown, too: it is what people look for.
  const [old, now] = [
    (await renderedWithoutSecrets(session, { ...before, unjudged: true })).environment,
    (await renderedWithoutSecrets(session, { ...after, unjudged: true })).environment,
  ];
  const isWhole = old !== undefined && now !== undefined;
  const secrets = new Map<string, string | undefined>();
  const judge = async (side: RenderingRequest): Promise<Judged> => {
    const said = await renderedWithoutSecrets(session, side);
    return { said, real: said.taking.size === 0 ? undefined : await renderedWithSecrets(session, side, secrets) };
  };
  const faults = compareFaults(await judge(before), await judge(after));
  if (secrets.size > 0) taken.set(name, secrets);
  return {
    ...{ name, ...faults },
    changes: isWhole ? differences(...comparable(old, now), session.hash()) : [],
    notes: isWhole ? notesOf(old, now) : [],
  };
}

/** Without what does not load on one side, which would look all new, or all gone; and what is gone stays as it is, live. */
function comparable(
  before: RenderedEnvironment,
  after: RenderedEnvironment,
): readonly [RenderedEnvironment, RenderedEnvironment] {
  const failed = new Set(
    [before, after].flatMap(({ targets }) => targets.flatMap((target) => ("error" in target ? [target.name] : []))),
  );
  const names = new Set(after.targets.flatMap(({ name }) => (failed.has(name) ? [] : [name])));
  const only = (side: RenderedEnvironment): RenderedEnvironment => ({
    ...side,
    targets: side.targets.filter(({ name }) => names.has(name)),
  });
  return [only(before), only(after)];
}

async function promotionFaults(
  session: Session,
  { tip, tree }: { readonly tip: string; readonly tree: string },
  signal: AbortSignal,
): Promise<readonly Fault[]> {
  const faultAt = async (revision: string): Promise<TrueupError | undefined> => {
    try {
      await hopsAt(session, revision, signal);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const fault = asTrueupError(error);
      if (fault.code === "POLICY_INVALID") return fault;
      throw error;
    }
  };
  const [before, after] = [await faultAt(tip), await faultAt(tree)];
  return after === undefined ? [] : [faultOf(after, before)];
}
