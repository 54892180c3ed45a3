import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { faultOf, type Hops, hopsOf } from "../promotion/hops.js";
import type { HopPass } from "../promotion/hop-pass.js";
import { lookAtHop } from "../promotion/look.js";
import { bareHop, type Hop } from "../promotion/policy.js";
import { loadPromotions } from "../promotion/promotion-desk.js";
import { tendHop } from "../promotion/promote.js";
import type { HopReport } from "../promotion/report.js";
import { withdraw } from "../promotion/withdraw.js";
import { hopReport } from "../promotion/words.js";
import { tipOf } from "../reconcile/desired.js";
import { refresh } from "../reconcile/environment.js";
import type { Session } from "../reconcile/session.js";
import type { Operation } from "./operation.js";

export interface PromoteReport {
  readonly schemaVersion: 1;
  readonly hop: HopReport;
  readonly dryRun: boolean;
}

const argsSchema = z.object({
  from: z.string(),
  to: z.string().optional(),
  /** A branch, tag or commit; default: the tip of the branch that it comes from. */
  revision: z.string().optional(),
  dryRun: z.boolean().default(false),
  merge: z.boolean().default(false),
  approve: z.boolean().default(false),
  waive: z.array(z.string()).default([]),
  /** Takes back what this person said of the revision, in place of asking for it. */
  withdraw: z.boolean().optional(),
  because: z.string().optional(),
  by: z.string(),
});
type Args = z.output<typeof argsSchema>;

/** A person's word on a promotion: asks for it, approves it, waives a gate of it, merges it. */
export const promote: Operation<Args, PromoteReport> = {
  name: "promote",
  args: argsSchema,
  async run(session, args, { signal }) {
    for (const name of [args.from, args.to]) expectKnown(session, name);
    const branches = await refresh(session, signal);
    const hop = chosen(session, await hopsOf(session, branches, signal), args);
    const known = (await loadPromotions(session)).get(hop.to);
    const tip = tipOf(session, hop.from, branches);
    if (args.withdraw === true) {
      const meant = args.revision === undefined ? known?.revision : undefined;
      const revision = meant ?? (await revisionOf(session, args, tip, signal));
      return takeBack({ session, hop, branches, known, signal }, { ...args, revision });
    }
    const revision = await revisionOf(session, args, tip, signal);
    const { by, merge, dryRun } = args;
    const pass: HopPass = { session, hop, branches, known, wish: { revision, by, merge }, signal };
    if (dryRun) return { schemaVersion: 1, hop: hopReport(pass, await lookAtHop(pass), known), dryRun };
    await decide(session, hop, { ...args, revision });
    const report = await tendHop(pass);
    if (report.did !== "open" || !merge) return { schemaVersion: 1, hop: report, dryRun };
    // Its pull request is the record of it: it is opened first, and then merged.
    const opened = (await loadPromotions(session)).get(hop.to);
    const now = { ...pass, branches: await refresh(session, signal), known: opened };
    return { schemaVersion: 1, hop: await tendHop(now), dryRun };
  },
};

/** Nobody asks for the promotion by that: it goes on as it would, without that word. */
async function takeBack(pass: HopPass, args: Args & { readonly revision: string }): Promise<PromoteReport> {
  const { session, hop } = pass;
  const { revision, by, because } = args;
  const { candidate } = await lookAtHop({ ...pass, wish: { revision, by, merge: false } });
  if (candidate.relation === "held") {
    throw new TrueupError("USAGE", `${hop.to} has ${revision.slice(0, 10)} already`, {
      hint: `go back with: trueup rollback ${hop.to}`,
    });
  }
  await withdraw(session, hop, { revision, by, because });
  return { schemaVersion: 1, hop: await tendHop(pass), dryRun: false };
}

function expectKnown({ config }: Session, name: string | undefined): void {
  const known = [...config.environments.keys()];
  if (name === undefined || known.includes(name)) return;
  throw new TrueupError("USAGE", `trueup.yaml names no environment \`${name}\``, { hint: suggestion(name, known) });
}

function chosen(session: Session, { hops, faults }: Hops, { from, to }: Args): Hop {
  if (to === undefined) {
    const next = hops.filter((hop) => hop.from === from);
    if (next[0] !== undefined && next.length === 1) return next[0];
    if (next.length === 0 && hops.length > 0) throw noHop(`nothing is promoted from ${from}`, hops);
    throw new TrueupError("USAGE", `where is ${from} to be promoted to?`, {
      hint:
        next.length === 0
          ? `name it: trueup promote ${from} ENVIRONMENT`
          : `known: ${next.map((hop) => hop.to).join(", ")}`,
    });
  }
  const fault = faults.get(to);
  if (fault !== undefined) throw fault;
  const hop = hops.find((one) => one.to === to);
  if (hop === undefined && hops.length > 0) throw noHop(`nothing is promoted into ${to}`, hops);
  if (hop === undefined) {
    const bare = bareHop(from, to);
    const unfit = faultOf(session, bare);
    if (unfit !== undefined) throw unfit;
    return bare;
  }
  if (hop.from === from) return hop;
  throw new TrueupError("USAGE", `${to} is promoted from ${hop.from}, not from ${from}`, {
    where: { file: "policies/promotion.yaml" },
    hint: `trueup promote ${hop.from} ${to}`,
  });
}

function noHop(message: string, hops: readonly Hop[]): TrueupError {
  return new TrueupError("USAGE", message, {
    where: { file: "policies/promotion.yaml" },
    hint: `its order has: ${hops.map(({ from, to }) => `${from} → ${to}`).join(", ")}`,
  });
}

/** The commit that is meant; it must be one of the branch that it comes from. */
async function revisionOf(
  session: Session,
  { revision, from }: Args,
  tip: string,
  signal: AbortSignal,
): Promise<string> {
  if (revision === undefined) return tip;
  const source = await session.source();
  const commit = await source.resolve(revision);
  if ((await source.lineage.base(commit, tip, signal)) === commit) return commit;
  throw new TrueupError("USAGE", `${revision} is not on the branch of ${from}`, {
    hint: `promote a commit that ${from} has: trueup history ${from}`,
  });
}

async function decide(session: Session, hop: Hop, args: Args & { readonly revision: string }): Promise<void> {
  const { approve, waive, because, by, revision } = args;
  const names = [...hop.gates.map(({ name }) => name), "validation"];
  for (const gate of waive) {
    if (!names.includes(gate)) {
      throw new TrueupError("USAGE", `the promotion into ${hop.to} has no gate \`${gate}\``, {
        hint: suggestion(gate, names),
      });
    }
    if (because === undefined || because.trim() === "") {
      throw new TrueupError("USAGE", "a gate is waived for a reason", { hint: "say it: --because INC-123" });
    }
  }
  const { promotions } = await session.store();
  const short = revision.slice(0, 10);
  const why = because === undefined ? "" : `: ${because}`;
  const reason = because === undefined ? {} : { reason: because };
  const told = (type: string, message: string) => ({ environment: hop.to, type, revision, message });
  if (approve) {
    const event = told("promotion-approved", `${by} approved ${short} of ${hop.from}${why}`);
    await promotions.decide(hop.to, revision, { decision: { by, ...reason }, event });
  }
  for (const gate of waive) {
    const event = told("gate-waived", `${by} waived ${gate} for ${short} of ${hop.from}${why}`);
    await promotions.decide(hop.to, revision, { decision: { by, gate, ...reason }, event });
  }
}
