import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { directorySchema, directorySource } from "./directory.js";
import { envSchema, envSource } from "./env.js";
import type { SecretSource } from "./source.js";

/** One element of `environments.<env>.secrets` in trueup.yaml. */
export const secretSourceSchema = z.discriminatedUnion("kind", [envSchema, directorySchema]);
export type SecretSourceSpec = z.infer<typeof secretSourceSchema>;

export interface SecretContext {
  /** trueup.yaml's folder. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
}

export function openSecretSource(spec: SecretSourceSpec, { folder, environment }: SecretContext): SecretSource {
  switch (spec.kind) {
    case "env":
      return envSource(spec, environment);
    case "directory":
      return directorySource(spec, folder);
  }
}

/**
 * The secret from the first source that has it.
 * @throws TrueupError SECRET_MISSING where none has; what a source throws that cannot be read, as a later one may hold
 * another secret of that name
 */
export async function resolveSecret(
  sources: readonly SecretSource[],
  name: string,
  signal: AbortSignal,
): Promise<string> {
  for (const source of sources) {
    const secret = await source.read(name, signal);
    if (secret !== undefined) return secret;
  }
  const asked = sources.map(({ description }) => description).join(", ");
  throw new TrueupError(
    "SECRET_MISSING",
    `no source has the secret ${JSON.stringify(name)}${asked && `; asked: ${asked}`}`,
    {
      hint:
        sources.length === 0
          ? "List where this environment's secrets are under `secrets` in trueup.yaml."
          : "Put it into one of them, or correct its name.",
    },
  );
}
