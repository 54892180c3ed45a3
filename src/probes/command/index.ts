import type { ProbeKind } from "../probe.js";
import { commandSpec, type CommandSpec } from "./spec.js";

/** A program that exits with 0. It runs in the folder of trueup.yaml, with the environment's name in TRUEUP_ENVIRONMENT. */
export const command: ProbeKind<CommandSpec> = {
  kind: "command",
  schema: commandSpec,
  async open(spec, context) {
    const { openCommand } = await import("./probe.js");
    return openCommand(spec, context);
  },
};
