import type { Output } from "./output/print.js";

/** The options that every verb has. */
export interface Globals {
  readonly config: string;
  readonly output: Output;
  readonly verbose: boolean;
}
