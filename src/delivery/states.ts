import type { EnvironmentState } from "../notifiers/notifier.js";
import { knowledge } from "../reconcile/environment.js";
import { worst } from "../reconcile/report.js";
import type { Session } from "../reconcile/session.js";
import { decodeStatus } from "../reconcile/status.js";
import { worstOf } from "./words.js";

/** How the last pass left each environment of trueup.yaml; `open` counts drift, not what git moved. */
export function environmentStates(session: Session): Promise<readonly Omit<EnvironmentState, "at">[]> {
  return Promise.all(
    [...session.config.environments.keys()].map(async (environment) => {
      const { records, suspended } = await knowledge(session, environment);
      const statuses = [...records.values()].flatMap(({ status }) => decodeStatus(status) ?? []);
      const drift = statuses.flatMap(({ open }) => open).filter(({ kind }) => kind !== "pending");
      const state = suspended ? "Suspended" : worst(statuses.map(({ report }) => report.state));
      const [revision = null] = [...records.values()].flatMap((record) => record.revision ?? []);
      return {
        ...{ environment, state: statuses.length === 0 ? "Never seen" : state, revision },
        ...{ open: drift.length, worst: drift.length === 0 ? null : worstOf(drift) },
      };
    }),
  );
}
