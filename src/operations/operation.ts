import type { z } from "zod";
import type { Session } from "../reconcile/session.js";

/**
 * Something that a person can ask for and that needs the store or the live systems. It answers with plain data, so that the
 * same answer comes from this process or, over the socket, from the controller that holds the store.
 */
export interface Operation<Args, Result> {
  readonly name: string;
  readonly args: z.ZodType<Args>;
  run(session: Session, args: Args, context: OperationContext): Promise<Result>;
}

export interface OperationContext {
  readonly signal: AbortSignal;
  /** One line for a person who waits. */
  readonly progress: (message: string) => void;
}
