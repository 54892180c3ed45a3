import { z } from "zod";
import { check, parseChecked } from "../config/checked.js";
import { TrueupError } from "../core/errors.js";
import { isPointer, type Pointer } from "../core/pointer.js";
import { suggestion } from "../lib/suggest.js";
import { untilSchema } from "../lib/until.js";
import type { Snapshot } from "./snapshot.js";

// The store, a PostgreSQL, has no character for it.
const text = z
  .string()
  .min(1)
  .refine((given) => !given.includes("\0"), "must not have a NUL in it");

const holdsSchema = z.strictObject({
  holds: z
    .array(
      z.strictObject({
        target: text,
        path: text
          .refine(isPointer, `expected a JSON Pointer, such as /pool/max; without one, the whole target is held`)
          .optional(),
        owner: text,
        reason: text,
        until: untilSchema,
      }),
    )
    .default([]),
});

/** A hold that was reviewed: it is in git. */
export interface ReviewedHold {
  readonly target: string;
  /** `""` is the whole target. */
  readonly path: Pointer;
  readonly owner: string;
  readonly reason: string;
  /** An instant, as `Date.toISOString()` writes it. */
  readonly until: string;
}

export interface HoldsOptions {
  /** The environment's own folder. */
  readonly folder: string;
  /** The folders of the layers below it. */
  readonly layers: readonly string[];
  readonly targets: readonly string[];
}

/** Reads an environment's holds.yaml; none is no holds. @throws TrueupError ENVIRONMENT_INVALID, with the place */
export function readHolds(snapshot: Snapshot, { folder, layers, targets }: HoldsOptions): readonly ReviewedHold[] {
  // A hold that is not heeded is worse than none: who wrote it relies on it.
  const astray = [...layers.map((layer) => `${layer}/holds.yaml`), `${folder}/holds.yml`].find((name) =>
    snapshot.has(name),
  );
  if (astray !== undefined && !targets.includes("holds")) {
    throw new TrueupError("ENVIRONMENT_INVALID", "holds are read from an environment's own holds.yaml only", {
      where: { file: astray },
      hint: `write them into ${folder}/holds.yaml`,
    });
  }
  const file = `${folder}/holds.yaml`;
  const found = snapshot.get(file);
  if (found === undefined) return [];
  if ("refused" in found) throw found.refused;
  const source = parseChecked(found.content.toString("utf8"), file, "ENVIRONMENT_INVALID");
  const { holds } = check(source, { schema: holdsSchema, code: "ENVIRONMENT_INVALID" });
  const seen = new Set<string>();
  return holds.map(({ path = "", ...hold }, index) => {
    if (!targets.includes(hold.target)) {
      throw new TrueupError("ENVIRONMENT_INVALID", `there is no target \`${hold.target}\``, {
        where: source.place(["holds", index, "target"]),
        hint: suggestion(hold.target, targets),
      });
    }
    const key = `${hold.target} ${path}`;
    if (seen.has(key)) {
      throw new TrueupError("ENVIRONMENT_INVALID", `${hold.target}${path === "" ? "" : ` ${path}`} is held twice`, {
        where: source.place(["holds", index]),
        hint: "keep one of them",
      });
    }
    seen.add(key);
    return { ...hold, path };
  });
}
