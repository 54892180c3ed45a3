import { resolve } from "node:path";
import { Cron } from "croner";
import { validate } from "node-cron";
import { z } from "zod";
import { type Place, TrueupError } from "../core/errors.js";
import { durationSchema } from "../lib/duration.js";
import { suggestion } from "../lib/suggest.js";
import { isTimezone } from "../lib/timezone.js";
import { notifierKinds } from "../notifiers/registry.js";
import type { CheckedFile } from "./checked.js";
import type { NotifierConfig } from "./notifiers.js";

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
  file: z
    .string()
    .regex(/\.(html?|md|json)$/i, "expected a name that ends in .html, .md or .json")
    .optional(),
  /** The names of notifiers. */
  to: z.array(z.string()).min(1).optional(),
});

export interface ReportConfig extends Readonly<Omit<z.output<typeof reportSchema>, "to">> {
  /** To whom it is sent; none where it is only written. */
  readonly to: readonly NotifierConfig[];
}

export interface Known {
  readonly folder: string;
  readonly environments: readonly string[];
  readonly notifiers: readonly NotifierConfig[];
}

/** @throws TrueupError CONFIG_INVALID for what the file does not name, and a report that goes nowhere */
export function readReports(
  source: CheckedFile,
  given: readonly z.output<typeof reportSchema>[],
  { folder, environments: known, notifiers }: Known,
): readonly ReportConfig[] {
  return given.map(({ file, to = [], ...report }, index) => {
    const at = ["reports", index];
    if (file === undefined && to.length === 0) {
      throw new TrueupError("CONFIG_INVALID", "the report goes nowhere", {
        where: source.place(at),
        hint: "give it a `file`, or a notifier under `to`, or both",
      });
    }
    report.environments?.forEach((name, position) => {
      if (known.includes(name)) return;
      throw new TrueupError("CONFIG_INVALID", `\`environments\` names no environment \`${name}\``, {
        where: source.place([...at, "environments", position]),
        hint: suggestion(name, known),
      });
    });
    const receivers = to.map((name, position) => {
      const where = source.place([...at, "to", position]);
      return receiverOf(name, notifiers, where);
    });
    return { ...report, ...(file === undefined ? {} : { file: resolve(folder, file) }), to: receivers };
  });
}

function receiverOf(name: string, notifiers: readonly NotifierConfig[], where: Place): NotifierConfig {
  const receiver = notifiers.find((one) => one.name === name);
  if (receiver === undefined) {
    const names = notifiers.map((one) => one.name);
    throw new TrueupError("CONFIG_INVALID", `\`to\` names no notifier \`${name}\``, {
      where,
      hint: suggestion(name, names),
    });
  }
  if (receiver.kind.report !== undefined) return receiver;
  const able = notifierKinds.filter(({ report }) => report !== undefined).map(({ kind }) => kind);
  throw new TrueupError("CONFIG_INVALID", `the notifier \`${name}\` (${receiver.kind.kind}) takes no reports`, {
    where,
    hint: `name one of kind ${able.join(", ")}`,
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
