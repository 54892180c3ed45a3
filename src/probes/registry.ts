import { command } from "./command/index.js";
import { http } from "./http/index.js";
import { mqtt } from "./mqtt/index.js";
import type { ProbeKind } from "./probe.js";
import { sql } from "./sql/index.js";

/** Every kind of probe: a new one is a folder of its own and a line here. */
export const probeKinds: readonly ProbeKind[] = [http, sql, mqtt, command];
