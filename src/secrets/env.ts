import { z } from "zod";
import type { SecretSource } from "./source.js";

/**
 * Variables of the controller's own environment. The prefix is what keeps a committer from taking any variable, such as the
 * controller's git token, into a document: it cannot be empty.
 */
export const envSchema = z.strictObject({ kind: z.literal("env"), prefix: z.string().min(1) });

/** `${secret:smtpPassword}` with prefix `PROD_` takes `PROD_smtpPassword`, or else `PROD_SMTP_PASSWORD`. */
export function envSource({ prefix }: z.infer<typeof envSchema>, environment: NodeJS.ProcessEnv): SecretSource {
  return {
    description: `the environment variables ${prefix}*`,
    read: (name) => Promise.resolve(environment[prefix + name] ?? environment[prefix + upperSnake(name)]),
  };
}

function upperSnake(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .toUpperCase();
}
