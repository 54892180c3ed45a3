import { files } from "./files/index.js";
import { mqtt } from "./mqtt/index.js";
import { postgresSettings } from "./postgres-settings/index.js";
import { postgresTable } from "./postgres-table/index.js";
import type { TargetKind } from "./target.js";

/** Every kind of target: a new one is a folder of its own and a line here. */
export const targetKinds: readonly TargetKind[] = [files, mqtt, postgresSettings, postgresTable];
