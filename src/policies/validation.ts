import { z } from "zod";
import { check, parseChecked } from "../config/checked.js";
import type { Value } from "../core/value.js";
import { globs } from "../lib/glob.js";
import { celValue, compileCel } from "./cel.js";

const validationSchema = z.strictObject({
  rules: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        match: z.strictObject({ environment: z.string().optional(), target: z.string().optional() }).default({}),
        /** CEL: what must be true of the rendered document. */
        require: z.string().min(1),
        message: z.string().min(1).optional(),
      }),
    )
    .default([]),
});

export interface ValidationRule {
  readonly name: string;
  /** The message of what is broken, or undefined where the rule is met or speaks of another target. */
  broken(subject: { environment: string; target: string; document: Value }): string | undefined;
}

/** Reads `policies/validation.yaml`: rules that a rendered environment must meet. @throws TrueupError POLICY_INVALID. */
export async function readValidationPolicy(text: string, file: string): Promise<readonly ValidationRule[]> {
  const source = parseChecked(text, file, "POLICY_INVALID");
  const data = check(source, { schema: validationSchema, code: "POLICY_INVALID" });
  const variables = { environment: "string", target: "string", document: "dyn" } as const;
  return Promise.all(
    data.rules.map(async ({ name, match, require, message }, index) => {
      const where = source.place(["rules", index, "require"]);
      const met = await compileCel({ expression: require, variables, where });
      const environment = globs(match.environment === undefined ? [] : [match.environment]);
      const target = globs(match.target === undefined ? [] : [match.target]);
      return {
        name,
        broken: (subject) => {
          if (!environment(subject.environment) || !target(subject.target)) return undefined;
          try {
            return met({ ...subject, document: celValue(subject.document) }) ? undefined : (message ?? `rule "${name}" is broken`);
          } catch (error) {
            const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
            return `rule "${name}" cannot be evaluated: ${reason}`;
          }
        },
      } satisfies ValidationRule;
    }),
  );
}
