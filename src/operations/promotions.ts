import { z } from "zod";
import { formatPlace } from "../core/errors.js";
import { lookAtBackport } from "../promotion/backport-look.js";
import { backportReport } from "../promotion/backport-text.js";
import { hopsOf } from "../promotion/hops.js";
import { lookAtHop } from "../promotion/look.js";
import { backportKey, loadPromotions } from "../promotion/promotion-desk.js";
import type { HopReport } from "../promotion/report.js";
import { hopReport } from "../promotion/words.js";
import { asTrueupError } from "../reconcile/pass.js";
import { refresh } from "../reconcile/environment.js";
import { type ReportedError, reportError } from "../reconcile/report.js";
import type { Operation } from "./operation.js";

export interface PromotionsReport {
  readonly schemaVersion: 1;
  readonly hops: readonly HopReport[];
  /** Hotfixes of later environments that the first one lacks. */
  readonly backports: readonly HopReport[];
  /** Environments into which nothing can be promoted, with the reason. */
  readonly faults: readonly { readonly environment: string; readonly error: ReportedError }[];
}

/** What waits where, since when, and on which gate. Read-only. */
export const promotions: Operation<Record<string, never>, PromotionsReport> = {
  name: "promotions",
  args: z.object({}),
  async run(session, _, { signal }) {
    const branches = await refresh(session, signal);
    const { hops, faults } = await hopsOf(session, branches, signal);
    const kept = await loadPromotions(session);
    const failed = new Map(faults);
    const reports: HopReport[] = [];
    const backports: HopReport[] = [];
    for (const hop of hops) {
      const known = kept.get(hop.to);
      try {
        const pass = { session, hop, branches, known, signal };
        reports.push(hopReport(pass, await lookAtHop(pass), known));
        if (hop.backport === undefined) continue;
        const offered = kept.get(backportKey(hop.to));
        const backport = { environment: hop.to, from: hop.from, into: hop.backport };
        const look = await lookAtBackport({ ...backport, session, branches, known: offered, found: new Map(), signal });
        const report = backportReport(backport, look, offered);
        if (report !== undefined) backports.push(report);
      } catch (error) {
        signal.throwIfAborted();
        failed.set(hop.to, asTrueupError(error));
      }
    }
    return {
      schemaVersion: 1,
      hops: reports,
      backports,
      faults: [...failed].map(([environment, error]) => ({
        environment,
        error: reportError(error, error.where === undefined ? undefined : formatPlace(error.where)),
      })),
    };
  },
};
