/** Rings for everyone who listens at that moment; who comes later hears the next time only. */
export interface Bell {
  ring(): void;
  /** Aborts at the next ring. Take it before looking at what the bell rings for: then no ring is missed. */
  readonly next: AbortSignal;
}

export function bell(): Bell {
  let waiting = new AbortController();
  return {
    ring() {
      waiting.abort();
      waiting = new AbortController();
    },
    get next() {
      return waiting.signal;
    },
  };
}
