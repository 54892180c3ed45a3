/** The options that every verb has. */
export interface Globals {
  readonly config: string;
  readonly output: "table" | "json" | "yaml" | "markdown" | "github";
  readonly verbose: boolean;
}
