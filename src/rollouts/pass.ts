import type { Session } from "../reconcile/session.js";
import type { RenderedEnvironment } from "../render/rendered.js";

export interface RolloutPass {
  readonly session: Session;
  /** As `followedState` gives it. */
  readonly environment: RenderedEnvironment;
  readonly signal: AbortSignal;
}
