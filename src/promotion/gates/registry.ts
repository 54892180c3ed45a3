import { approvals } from "./approvals.js";
import { checks } from "./checks.js";
import { freeze } from "./freeze.js";
import type { GateKind } from "./gate.js";
import { health } from "./health.js";
import { soak } from "./soak.js";
import { webhook } from "./webhook.js";
import { when } from "./when.js";

/** Every kind of gate that a policy can ask for: a new one is a file of its own and a line here. */
export const gateKinds: readonly GateKind[] = [soak, approvals, checks, freeze, health, webhook, when];
