/** Who changed a setting on the live side last, as far as the live side tells. */
export interface Attribution {
  /** E.g. `alice`, `alice (psql, 10.0.0.7)`; absent where only the time is known. */
  readonly by?: string;
  /** ISO 8601, UTC; absent where only the name is known. */
  readonly at?: string;
  /** What says so, as a short phrase: `column updated_by`, `file owner and time`. */
  readonly how: string;
  /**
   * - `certain`: the system itself recorded this very change.
   * - `likely`: whoever changed it says so, and may be wrong.
   * - `possible`: someone who could have, at a time that fits.
   */
  readonly certainty: "certain" | "likely" | "possible";
}

/** `alice, at 2026-11-21T03:12:00Z (certain: recorded by the table's trigger)`. */
export function attributionText({ by = "unknown", at, how, certainty }: Attribution): string {
  return `${by}${at === undefined ? "" : `, at ${at}`} (${certainty}: ${how})`;
}

const LONGEST = 80;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/**
 * The attribution as it may be shown. A name from outside may hold anything: it becomes one short line. Undefined where
 * nothing is left to say.
 */
export function plainAttribution({ by, at, how, certainty }: Attribution): Attribution | undefined {
  const name = by === undefined ? "" : line(by);
  const instant = at !== undefined && INSTANT.test(at) ? at : undefined;
  if (name === "" && instant === undefined) return undefined;
  return {
    ...(name === "" ? {} : { by: name }),
    ...(instant === undefined ? {} : { at: instant }),
    ...{ how: line(how), certainty },
  };
}

/** Without control characters, line breaks, marks that turn the direction of writing, and halves of a character. */
function line(text: string): string {
  const clean = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  const characters = Array.from(clean, (character) => character);
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join("")}…` : clean;
}
