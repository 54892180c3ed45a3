import { z } from "zod";
import { formatPlace } from "../core/errors.js";
import { sideBySide } from "../lib/side-by-side.js";
import { lookAtBackport } from "../promotion/backport/look.js";
import { backportReport } from "../promotion/backport/text.js";
import { HOPS_AT_ONCE, hopsOf } from "../promotion/hops.js";
import { lookAtHop } from "../promotion/look.js";
import { backportKey, loadPromotions } from "../promotion/promotion-desk.js";
import type { Hop } from "../promotion/policy.js";
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
    /** What came of those that went well, in their order. */
    const each = async <Result>(
      some: readonly Hop[],
      look: (hop: Hop) => Promise<Result>,
    ): Promise<readonly Result[]> => {
      const settled = await sideBySide(some, HOPS_AT_ONCE, look);
      signal.throwIfAborted();
      return settled.flatMap((one, index) => {
        if (one.status === "fulfilled") return [one.value];
        failed.set(some[index]?.to ?? "", asTrueupError(one.reason));
        return [];
      });
    };
    const reports = await each(hops, async (hop) => {
      const pass = { session, hop, branches, known: kept.get(hop.to), signal };
      return hopReport(pass, await lookAtHop(pass), pass.known);
    });
    const backports = await each(hops, async ({ from, to, backport: into }) => {
      if (into === undefined) return undefined;
      const offer = { environment: to, from, into };
      const known = kept.get(backportKey(to));
      const look = await lookAtBackport({ ...offer, session, branches, known, found: new Map(), signal });
      return backportReport(offer, look, known);
    });
    return {
      schemaVersion: 1,
      hops: reports,
      backports: backports.flatMap((report) => report ?? []),
      faults: [...failed].map(([environment, error]) => ({
        environment,
        error: reportError(error, error.where === undefined ? undefined : formatPlace(error.where)),
      })),
    };
  },
};
