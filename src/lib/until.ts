import { z } from "zod";

/**
 * An end that a person writes: a day, which is meant through its end in UTC, or an instant with a zone. Comes out as
 * `Date.toISOString()` writes it.
 */
export const untilSchema = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: "expected a day such as 2027-01-31 or an instant such as 2027-01-31T18:00:00Z",
  })
  .transform((text) => new Date(text.includes("T") ? text : `${text}T23:59:59.999Z`).toISOString());
