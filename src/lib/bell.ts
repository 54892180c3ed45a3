import { setMaxListeners } from "node:events";

/** Rings for everyone who listens at that moment; who comes later hears the next time only. */
export interface Bell {
  ring(): void;
  /** Aborts at the next ring. Take it before looking at what the bell rings for: then no ring is missed. */
  readonly next: AbortSignal;
}

export function bell(): Bell {
  let waiting = silent();
  return {
    ring() {
      waiting.abort();
      waiting = silent();
    },
    get next() {
      return waiting.signal;
    },
  };
}

function silent(): AbortController {
  const controller = new AbortController();
  // As many listen as there are environments: that is no leak.
  setMaxListeners(0, controller.signal);
  return controller;
}
