import { z } from "zod";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `500ms`, `10s`, `1m`, `62h`, `7d` as milliseconds; undefined where the text is none of these. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

/** A duration in a configuration file, as milliseconds. */
export const durationSchema = z.string().transform((text, context) => {
  const milliseconds = parseDuration(text);
  if (milliseconds !== undefined && milliseconds > 0) return milliseconds;
  context.addIssue({ code: "custom", message: "expected a duration such as 500ms, 10s, 1m, 4h or 7d" });
  return z.NEVER;
});

/** `850 ms`, `12 s`, `3 min`, `5 h`, `2 d`: for a person. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 90_000) return `${Math.round(milliseconds / 1_000)} s`;
  if (milliseconds < 90 * 60_000) return `${Math.round(milliseconds / 60_000)} min`;
  if (milliseconds < 48 * 3_600_000) return `${Math.round(milliseconds / 3_600_000)} h`;
  return `${Math.round(milliseconds / 86_400_000)} d`;
}
