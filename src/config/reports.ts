import { isAbsolute, resolve } from "node:path";
import { Cron } from "croner";
import { validate } from "node-cron";
import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { durationSchema } from "../lib/duration.js";
import { suggestion } from "../lib/suggest.js";
import { isTimezone } from "../lib/timezone.js";
import type { CheckedFile } from "./checked.js";

const FIFTY_YEARS = 50 * 365 * 86_400_000;

export const reportSchema = z.strictObject({
  /** Minute, hour, day, month, weekday. */
  cron: z.string().refine(comesAt, "expected five fields (minute hour day month weekday) that name a time which comes"),
  /** IANA. */
  timezone: z.string().refine(isTimezone, "expected an IANA time zone such as Europe/Berlin").default("UTC"),
  since: durationSchema.refine((span) => span <= FIFTY_YEARS, "expected less than fifty years").default(7 * 86_400_000),
  /** Default: all. */
  environments: z.array(z.string()).min(1).optional(),
  /** `.html`, `.md` or `.json`. */
  file: z.string().regex(/\.(html?|md|json)$/i, "expected a name that ends in .html, .md or .json"),
});

export type ReportConfig = Readonly<z.output<typeof reportSchema>>;

/** @throws TrueupError CONFIG_INVALID for an environment that the file does not name */
export function readReports(
  source: CheckedFile,
  given: readonly ReportConfig[],
  { folder, environments: known }: { folder: string; environments: readonly string[] },
): readonly ReportConfig[] {
  return given.map((report, index) => {
    report.environments?.forEach((name, position) => {
      if (known.includes(name)) return;
      throw new TrueupError("CONFIG_INVALID", `\`environments\` names no environment \`${name}\``, {
        where: source.place(["reports", index, "environments", position]),
        hint: suggestion(name, known),
      });
    });
    return { ...report, file: isAbsolute(report.file) ? report.file : resolve(folder, report.file) };
  });
}

/** node-cron runs it, but would also take a second for a field and a step that never comes: croner is strict about both. */
function comesAt(pattern: string): boolean {
  try {
    return validate(pattern) && new Cron(pattern, { paused: true, mode: "5-part", timezone: "UTC" }).nextRun() !== null;
  } catch {
    return false;
  }
}
