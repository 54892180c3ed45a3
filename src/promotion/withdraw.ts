import { TrueupError } from "../core/errors.js";
import type { Session } from "../reconcile/session.js";
import type { Hop } from "./policy.js";

/**
 * Takes back what a person said of a revision: its approval, and the gates that they waived. The history has who and what.
 * @throws TrueupError USAGE where they said nothing of it
 */
export async function withdraw(
  session: Session,
  { from, to }: Hop,
  { revision, by, because }: { revision: string; by: string; because: string | undefined },
): Promise<void> {
  const { promotions } = await session.store();
  const said = (await promotions.decisions(to, revision)).filter((decision) => decision.by === by);
  const short = revision.slice(0, 10);
  const what = said.map(({ gate }) => (gate === undefined ? "the approval" : `the waiver of ${gate}`)).join(" and ");
  const why = because === undefined ? "" : `: ${because}`;
  const message = `${by} withdrew ${what} of ${short} of ${from}${why}`;
  const event = { environment: to, type: "promotion-withdrawn", revision, message };
  if (said.length > 0 && (await promotions.withdraw(to, revision, { by, event }))) return;
  throw new TrueupError("USAGE", `${by} has neither approved ${short} for ${to} nor waived a gate of it`, {
    hint: "a review on the forge is withdrawn there; another revision is named with --to-revision",
  });
}
