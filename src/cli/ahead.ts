import { TrueupError } from "../core/errors.js";
import { parseDuration } from "../lib/duration.js";

// Instants compare as texts as long as a year has four digits.
const LATEST = Date.UTC(10_000, 0);

/** The moment that lies so far ahead, as `Date.toISOString()` writes it. No time at all is none. @throws TrueupError USAGE */
export function ahead(duration: string): string {
  const milliseconds = parseDuration(duration) ?? 0;
  const end = Date.now() + milliseconds;
  if (milliseconds > 0 && end < LATEST) return new Date(end).toISOString();
  throw new TrueupError("USAGE", `\`${duration}\` is not a duration`, { hint: "write it as 30m, 4h or 7d" });
}
