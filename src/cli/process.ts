import { setMaxListeners } from "node:events";
import { hostname, userInfo } from "node:os";
import { TrueupError } from "../core/errors.js";

/** Who writes: for leases and the history. */
export function holder(): string {
  return `${who()}@${hostname()}:${process.pid}`;
}

export function who(): string {
  // Everybody is `runner` on a machine of GitHub Actions, which knows who started the run.
  const { GITHUB_ACTIONS, GITHUB_ACTOR } = process.env;
  if (GITHUB_ACTIONS === "true" && GITHUB_ACTOR !== undefined && GITHUB_ACTOR !== "") return GITHUB_ACTOR;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id that has no name.
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** Aborts on the first Ctrl-C or SIGTERM; the second one ends the process at once. */
export function stopOnSignal(): AbortSignal {
  const stop = new AbortController();
  // Every target's loop listens to it for as long as it lives: Node takes more than ten for a leak, and says so on stderr.
  setMaxListeners(0, stop.signal);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      stop.abort(new TrueupError("ABORTED", "stopped", { hint: "what was written is kept; run it again to go on" }));
    });
  }
  return stop.signal;
}
