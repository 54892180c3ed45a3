import type { Session } from "../reconcile/session.js";
import type { HopMemory } from "./hop-memory.js";
import type { Hop } from "./policy.js";
import type { KeptPromotion } from "./promotion-desk.js";

/** A pass over one hop: what it works with. */
export interface HopPass {
  readonly session: Session;
  readonly hop: Hop;
  readonly branches: ReadonlyMap<string, string>;
  readonly known: KeptPromotion | undefined;
  /** What a person asks for now. */
  readonly wish?: Wish;
  /** The order no longer has it: what is under way ends. */
  readonly over?: boolean;
  /** What git answered in earlier passes; without it, git is asked. */
  readonly memory?: HopMemory;
  /** As the commit on the forge was told in this pass. */
  readonly status?: string;
  readonly signal: AbortSignal;
}

interface Wish {
  readonly revision: string;
  readonly by: string;
  /** Whether it is to be merged as soon as all gates have passed, though the policy leaves that to a person. */
  readonly merge: boolean;
}
