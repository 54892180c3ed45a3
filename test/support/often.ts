/**
 * How often to try what chance decides, such as the moment of a kill: each try takes a process, and a change is judged in
 * minutes. The nightly run, which looks for new random cases (see seed.ts), has the time for more.
 */
export function often({ usually, nightly }: { readonly usually: number; readonly nightly: number }): number {
  return process.env["SEED"] === "random" ? nightly : usually;
}
