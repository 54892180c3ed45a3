import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { knowledge } from "../reconcile/environment.js";
import { headOf, readProposal } from "../reconcile/proposal/desk.js";
import { type ReportedError, type ReportedPlan, type TargetState, worst } from "../reconcile/report.js";
import { loadRollout } from "../reconcile/rollout.js";
import { decodeStatus } from "../reconcile/status.js";
import type { FailedRevision } from "../render/rendered.js";
import type { Operation } from "./operation.js";
import { select } from "./selection.js";

export interface StatusReport {
  readonly schemaVersion: 1;
  readonly environments: readonly EnvironmentStatus[];
}

export interface EnvironmentStatus {
  readonly name: string;
  readonly branch: string;
  readonly state: TargetState | "Never seen";
  readonly suspended?: { readonly by: string; readonly reason: string; readonly until?: string };
  /** The tip of its branch, where that failed and is not tried again. */
  readonly failedRevision?: FailedRevision;
  readonly targets: readonly TargetStatus[];
}

export interface TargetStatus {
  readonly name: string;
  readonly kind: string;
  readonly state: TargetState;
  readonly revision: string | null;
  /** How many settings differ, by the kind of finding. */
  readonly findings: Readonly<Record<string, number>>;
  /** How many of them a hold holds back. */
  readonly held?: number;
  /** `waits for …`, or why the pending revision is held back for good: it is not the target's turn. */
  readonly waits?: string;
  readonly pendingRestart?: readonly string[];
  /** The drift pull request that is open; `url` where it has a page. */
  readonly pullRequest?: { readonly number: number; readonly branch: string; readonly url?: string };
  /** Why drift that the policy would propose is not. */
  readonly unproposable?: string;
  readonly error?: ReportedError;
  readonly refused?: ReportedError;
  /** Those for which the policy asks for an approval, as the last pass found them. */
  readonly plans?: readonly ReportedPlan[];
}

const argsSchema = z.object({ environments: z.array(z.string()) });

/** How the last pass left everything, from the store alone: it answers at once, and while systems are down. */
export const status: Operation<z.output<typeof argsSchema>, StatusReport> = {
  name: "status",
  args: argsSchema,
  async run(session, { environments }) {
    const selection = select(session, environments);
    const store = await session.store();
    const suspensions = new Map(
      (await store.suspensions.list()).map((suspension) => [suspension.environment, suspension]),
    );
    const result = await Promise.all(
      [...selection].map(async ([name, wanted]): Promise<EnvironmentStatus> => {
        const { records, proposals } = await knowledge(session, name);
        const rollout = await loadRollout(session, name);
        const unknown = wanted?.find((target) => !records.has(target));
        if (unknown !== undefined) {
          throw new TrueupError("USAGE", `nothing is known of a target \`${unknown}\` of ${name}`, {
            hint: suggestion(unknown, [...records.keys()]),
          });
        }
        const suspension = suspensions.get(name);
        const targets = [...records]
          .filter(([target]) => wanted === undefined || wanted.includes(target))
          .flatMap(([, record]) => {
            const known = decodeStatus(record.status)?.report;
            if (known === undefined) return [];
            const { name: target, kind, state, findings, pendingRestart, error, refused, plans } = known;
            const held = findings.filter(({ restrained }) => restrained === "held").length;
            const proposal = readProposal(proposals.get(target));
            const waits = findings.find(({ restrained }) => restrained === "waiting")?.note;
            const pullRequest = openPullRequest(name, target, proposal);
            const unproposable = held < findings.length ? proposal?.stuck?.reason : undefined;
            const rest = {
              ...(held > 0 && { held }),
              ...(waits !== undefined && { waits }),
              ...(pullRequest && { pullRequest }),
              ...(unproposable !== undefined && { unproposable }),
              ...(pendingRestart && { pendingRestart }),
              ...(error && { error }),
              ...(refused && { refused }),
              ...(plans && { plans }),
            };
            return [
              { name: target, kind, state, revision: record.revision ?? null, findings: count(findings), ...rest },
            ];
          });
        return {
          name,
          branch: session.config.environments.get(name)?.branch ?? name,
          state:
            suspension !== undefined
              ? "Suspended"
              : targets.length === 0
                ? "Never seen"
                : worst(targets.map(({ state }) => state)),
          ...(suspension === undefined
            ? {}
            : {
                suspended: {
                  by: suspension.by,
                  reason: suspension.reason,
                  ...(suspension.until && { until: suspension.until }),
                },
              }),
          ...(rollout?.failure && { failedRevision: { revision: rollout.revision, ...rollout.failure } }),
          targets,
        };
      }),
    );
    return { schemaVersion: 1, environments: result };
  },
};

function openPullRequest(
  environment: string,
  target: string,
  proposal: ReturnType<typeof readProposal>,
): TargetStatus["pullRequest"] {
  const { number, url = "", closing = true } = proposal ?? {};
  if (number === undefined || closing) return undefined;
  return { number, branch: headOf(environment, target), ...(URL.canParse(url) && { url }) };
}

function count(findings: readonly { readonly kind: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of findings) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
