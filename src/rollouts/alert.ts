import { FAILED_ROLLOUT, type IncidentFinding } from "../core/incident.js";
import { newsOfFindings } from "../reconcile/incidents.js";
import type { Session } from "../reconcile/session.js";
import type { News } from "../store/store.js";

/** In an incident it stands for the environment as a whole. No target can have this name. */
const PLACE = "(rollout)";

/** What people hear of a revision that failed, as they hear of drift; without one, that it is over. */
export function newsOfFailure(
  session: Session,
  environment: string,
  failed: { readonly revision: string; readonly reason: string } | undefined,
): Promise<News | undefined> {
  const findings: IncidentFinding[] = [];
  if (failed !== undefined) {
    const { revision, reason } = failed;
    const told = { severity: "critical", rule: "rollout", actions: ["alert"] } as const;
    findings.push({
      path: "",
      kind: FAILED_ROLLOUT,
      ...told,
      desired: short(revision),
      live: null,
      note: `${short(revision)}: ${reason}`,
    });
  }
  return newsOfFindings(session, { environment, target: PLACE, settled: [], findings });
}

function short(revision: string): string {
  return revision.slice(0, 10);
}
