import { http } from "./http/index.js";
import type { ProbeKind } from "./probe.js";

/** Every kind of probe: a new one is a folder of its own and a line here. */
export const probeKinds: readonly ProbeKind[] = [http];
