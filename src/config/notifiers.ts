import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { durationSchema } from "../lib/duration.js";
import { suggestion } from "../lib/suggest.js";
import type { NotifierKind } from "../notifiers/notifier.js";
import { notifierKinds } from "../notifiers/registry.js";
import { check, type CheckedFile } from "./checked.js";
import { rooted } from "./rooted.js";

const timezone = z.string().default("UTC");

/** What every notifier can say; the other keys are its kind's. */
const routingSchema = z.strictObject({
  kind: z.string(),
  /** How people and `escalate` call it; default: its kind. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]*$/, "expected letters, digits, `-`, `_` and `.`")
    .optional(),
  /** CEL: of which incidents it is told. */
  when: z.string().min(1).optional(),
  /** Nothing but `critical` is sent while this window is open. */
  quiet: z.strictObject({ cron: z.string(), duration: durationSchema, timezone }).optional(),
  /** Everything is collected, and sent as one message at these times. */
  digest: z.strictObject({ cron: z.string(), timezone }).optional(),
  /** Tells again of what is open for so long. */
  escalate: z.strictObject({ after: durationSchema, to: z.string().optional() }).optional(),
});

export interface NotifierConfig extends Omit<z.output<typeof routingSchema>, "kind" | "name"> {
  readonly name: string;
  readonly kind: NotifierKind;
  readonly spec: unknown;
  /** Where it stands in trueup.yaml. */
  readonly at: readonly (string | number)[];
}

/** Reads `notifiers` of trueup.yaml. @throws TrueupError CONFIG_INVALID with the place; never with a value, which may be a secret */
export function readNotifiers(
  source: CheckedFile,
  given: readonly Readonly<Record<string, unknown>>[],
  { folder }: { folder: string },
): readonly NotifierConfig[] {
  const notifiers = given.map((entry, index) => readNotifier(source, entry, { at: ["notifiers", index], folder }));
  const names = notifiers.map(({ name }) => name);
  notifiers.forEach(({ name, escalate, at }, index) => {
    if (names.indexOf(name) !== index) {
      throw new TrueupError("CONFIG_INVALID", `two notifiers are called \`${name}\``, {
        where: source.place(at),
        hint: "give one of them another `name`",
      });
    }
    if (escalate?.to !== undefined && !names.includes(escalate.to)) {
      throw new TrueupError("CONFIG_INVALID", `\`escalate.to\` names no notifier: \`${escalate.to}\``, {
        where: source.place([...at, "escalate", "to"]),
        hint: suggestion(escalate.to, names),
      });
    }
  });
  return notifiers;
}

function readNotifier(
  source: CheckedFile,
  entry: Readonly<Record<string, unknown>>,
  { at, folder }: { at: readonly (string | number)[]; folder: string },
): NotifierConfig {
  const own = Object.keys(routingSchema.shape);
  const part = (isOwn: boolean) =>
    Object.fromEntries(Object.entries(entry).filter(([key]) => own.includes(key) === isOwn));
  const {
    kind: kindName,
    name = kindName,
    ...routing
  } = check(source, {
    ...{ schema: routingSchema, code: "CONFIG_INVALID", at, value: part(true) },
  });
  const kind = notifierKinds.find((known) => known.kind === kindName);
  if (kind === undefined) {
    throw new TrueupError("CONFIG_INVALID", `there is no kind of notifier \`${kindName}\``, {
      where: source.place([...at, "kind"]),
      hint: suggestion(
        kindName,
        notifierKinds.map((known) => known.kind),
      ),
    });
  }
  const value = rooted(part(false), kind.paths ?? [], folder);
  const spec = check(source, { schema: kind.spec, code: "CONFIG_INVALID", at, value, alsoKnown: own });
  return { ...routing, name, kind, spec, at };
}
