import { z } from "zod";
import { formatPlace, type TrueupError } from "../core/errors.js";
import { parseRemote } from "../git/remote.js";
import { bounded } from "../lib/timeout.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import { followedState } from "../reconcile/followed.js";
import { asTrueupError } from "../reconcile/pass.js";
import { readProposal } from "../reconcile/proposal/desk.js";
import { reportError, type ReportedError } from "../reconcile/report.js";
import type { Session } from "../reconcile/session.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Operation } from "./operation.js";

export interface DoctorReport {
  readonly schemaVersion: 1;
  readonly healthy: boolean;
  readonly checks: readonly Check[];
  readonly warnings: readonly string[];
}

export interface Check {
  /** `git`, `store`, `environment/target`, or `environment/probes/name`. */
  readonly what: string;
  /** `unhealthy`: what a probe of trueup.yaml found. */
  readonly result: "ok" | "failed" | "read only" | "unhealthy";
  /** How long the system took to answer. */
  readonly milliseconds: number;
  readonly detail: string;
  readonly error?: ReportedError;
}

const argsSchema = z.object({});
const PATIENCE = 10_000;

/** Asks git, the store, every target and every probe once, and says how long each took and what to do about what does not work. */
export const doctor: Operation<z.output<typeof argsSchema>, DoctorReport> = {
  name: "doctor",
  args: argsSchema,
  async run(session, _args, { signal, progress }) {
    progress("asking git and the store");
    let branches: ReadonlyMap<string, string> = new Map();
    const git = timed("git", async () => {
      ({ branches } = await (await session.source()).refresh(signal));
      const { url } = parseRemote({ url: session.config.repository.url });
      return `${branches.size} ${branches.size === 1 ? "branch" : "branches"} at ${url}`;
    });
    const store = timed("store", async () => {
      const opened = await session.store();
      await opened.history.list({ limit: 1 });
      return session.config.store === undefined
        ? `embedded, in ${session.config.stateDirectory}`
        : "a PostgreSQL server";
    });
    const first = await Promise.all([git, store]);
    const probing = checkProbes(session, { signal, progress });
    const undelivered = first[1].result === "failed" ? [] : await outboxWarnings(session);
    if (first[0].result === "failed") return reportOf([...first, ...(await probing)], undelivered);
    const stuck = first[1].result === "failed" ? [] : await proposalWarnings(session);
    const hasStore = first[1].result !== "failed";
    const environments = await Promise.all(
      [...session.config.environments.keys()].map((name) =>
        checkEnvironment(session, name, { branches, hasStore, signal, progress }),
      ),
    );
    const warnings = [...undelivered, ...stuck, ...environments.flatMap((one) => one.warnings)];
    return reportOf([...first, ...environments.flatMap(({ checks }) => checks), ...(await probing)], warnings);
  },
};

interface Checking {
  readonly branches: ReadonlyMap<string, string>;
  /** Without one nobody knows which revision failed: then it is the tip of the branch. */
  readonly hasStore: boolean;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

async function checkEnvironment(
  session: Session,
  name: string,
  { branches, hasStore, signal, progress }: Checking,
): Promise<{ readonly checks: readonly Check[]; readonly warnings: readonly string[] }> {
  try {
    const environment = hasStore
      ? await followedState(session, { environment: name, branches, signal })
      : await desiredState(session, { environment: name, revision: tipOf(session, name, branches), signal });
    const checks = await Promise.all(
      environment.targets.map(async (target) => {
        const what = `${name}/${target.name}`;
        progress(`asking ${what}`);
        return "error" in target
          ? failed(what, target.error, 0)
          : checkTarget(session, { what, environment: name, target, signal });
      }),
    );
    return { checks, warnings: rolloutWarnings(environment) };
  } catch (error) {
    return { checks: [failed(name, asTrueupError(error), 0)], warnings: [] };
  }
}

/** Asks each probe for its own time: one that listens may take half a minute. */
async function checkProbes(
  session: Session,
  { signal, progress }: Pick<Checking, "signal" | "progress">,
): Promise<readonly Check[]> {
  const named = [...session.config.environments].flatMap(([environment, { probes }]) =>
    [...probes.keys()].map((probe) => ({ environment, probe, what: `${environment}/probes/${probe}` })),
  );
  return Promise.all(
    named.map(async ({ environment, probe, what }): Promise<Check> => {
      progress(`asking ${what}`);
      const started = performance.now();
      try {
        const { healthy, detail } = await (await session.probe(environment, probe)).check(signal);
        return { what, result: healthy ? "ok" : "unhealthy", milliseconds: performance.now() - started, detail };
      } catch (error) {
        return failed(what, asTrueupError(error), performance.now() - started);
      }
    }),
  );
}

/** The revision that its branch is at, and that is not tried again. */
function rolloutWarnings({ name, revision, failed: fault }: RenderedEnvironment): readonly string[] {
  if (fault === undefined) return [];
  const [tip, good] = [fault.revision.slice(0, 10), revision.slice(0, 10)];
  const instead = tip === good ? "" : `; it follows ${good}`;
  return [`${name}: ${tip} failed, and is not tried again${instead}: ${fault.reason}; see \`trueup rollback ${name}\``];
}

interface CheckTarget {
  readonly what: string;
  readonly environment: string;
  readonly target: ReadyTarget;
  readonly signal: AbortSignal;
}

async function checkTarget(session: Session, { what, environment, target, signal }: CheckTarget): Promise<Check> {
  const managed = new Set(Object.keys(target.document));
  const bound = { milliseconds: Math.min(target.timeout, PATIENCE), signal, what: `${what} did not answer` };
  const started = performance.now();
  try {
    const opened = await session.target(environment, target);
    const { document } = await bounded((stop) => opened.observe(managed, stop), bound);
    opened.normalize(target.document);
    const milliseconds = performance.now() - started;
    const problem = await bounded(async (stop) => opened.mayWrite?.(managed, stop), bound);
    const detail = `${target.kindName}, ${Object.keys(document).length} read`;
    if (problem === undefined) return { what, result: "ok", milliseconds, detail };
    return { what, result: "read only", milliseconds, detail, error: reported(problem) };
  } catch (error) {
    return failed(what, asTrueupError(error), performance.now() - started);
  }
}

async function timed(what: string, work: () => Promise<string>): Promise<Check> {
  const started = performance.now();
  try {
    const detail = await work();
    return { what, result: "ok", milliseconds: performance.now() - started, detail };
  } catch (error) {
    return failed(what, asTrueupError(error), performance.now() - started);
  }
}

function failed(what: string, error: TrueupError, milliseconds: number): Check {
  return { what, result: "failed", milliseconds, detail: error.message, error: reported(error) };
}

function reported(error: TrueupError): ReportedError {
  return reportError(error, error.where === undefined ? undefined : formatPlace(error.where));
}

function reportOf(checks: readonly Check[], warnings: readonly string[]): DoctorReport {
  const healthy = checks.every(({ result }) => result === "ok");
  return { schemaVersion: 1, healthy, checks, warnings };
}

/** Drift that the repository or the forge did not take as a pull request. */
async function proposalWarnings(session: Session): Promise<readonly string[]> {
  const { proposals } = await session.store();
  const names = [...session.config.environments.keys()];
  const warnings = names.map(async (name) =>
    [...(await proposals.load(name))].flatMap(([target, text]) => {
      const reason = readProposal(text)?.stuck?.reason;
      return reason === undefined ? [] : [`${name}/${target}: drift cannot be proposed: ${reason}`];
    }),
  );
  return (await Promise.all(warnings)).flat();
}

/** Messages that wait after a failure, were given up, or are for a notifier that trueup.yaml no longer names. */
async function outboxWarnings(session: Session): Promise<readonly string[]> {
  const names = session.config.notifiers.map(({ name }) => name);
  return (await (await session.store()).outbox.summary()).flatMap(({ notifier, waiting, dead, lastError }) => {
    const why = lastError === undefined ? "" : `: ${lastError}`;
    return [
      ...(waiting > 0 && lastError !== undefined ? [`notifier ${notifier}: ${waiting} not delivered yet${why}`] : []),
      ...(dead > 0 ? [`notifier ${notifier}: ${dead} given up${why}`] : []),
      ...(waiting > 0 && !names.includes(notifier)
        ? [`notifier ${notifier}: ${waiting} wait for it, and trueup.yaml no longer names it`]
        : []),
    ];
  });
}
