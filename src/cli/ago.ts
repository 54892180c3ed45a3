import { TrueupError } from "../core/errors.js";
import { parseDuration } from "../lib/duration.js";

/** The moment that lies so long back, in ISO 8601. No time at all is none. @throws TrueupError USAGE */
export function ago(duration: string): string {
  const milliseconds = parseDuration(duration);
  const hint = "write it as 30m, 4h or 7d";
  if (milliseconds === undefined || milliseconds <= 0) {
    throw new TrueupError("USAGE", `\`${duration}\` is not a duration`, { hint });
  }
  const moment = Date.now() - milliseconds;
  // Beyond what a Date, or PostgreSQL's text of one, can say.
  if (moment < 0) throw new TrueupError("USAGE", `\`${duration}\` reaches back before 1970`, { hint });
  return new Date(moment).toISOString();
}
