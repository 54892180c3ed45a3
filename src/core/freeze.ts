/** Nothing is written now. */
export interface Freeze {
  /** A window that denies, by its cron; or none of the windows that allow is open. */
  readonly cause:
    { readonly kind: "deny"; readonly cron: string; readonly timezone: string } | { readonly kind: "allow" };
  /** When writes are allowed again, ISO 8601; undefined where no end is in sight. */
  readonly until: string | undefined;
}

/** Whether an environment is frozen at an instant (milliseconds since 1970). */
export type FreezeGuard = (environment: string, instant: number) => Freeze | undefined;

/** Why a plan, or a promotion, waits. */
export function freezeRefusal(
  freeze: Freeze | undefined,
  [one, many]: readonly [string, string] = ["written", "writes"],
): string | undefined {
  if (freeze === undefined) return undefined;
  const { cause, until } = freeze;
  const why =
    cause.kind === "deny"
      ? `the freeze window \`${cause.cron}\` (${cause.timezone}) is open`
      : `no window that allows ${many} is open`;
  const end = until === undefined ? "no end is in sight" : `until ${until}`;
  return `${why}: nothing is ${one}, ${end}`;
}
