/** One place where secrets are: what `${secret:name}` in an environment's documents is replaced with. */
export interface SecretSource {
  /** For messages, e.g. `the folder /run/secrets`. */
  readonly description: string;
  /**
   * The secret of that name; undefined where the source has none.
   * @throws TrueupError where the source may have it but cannot tell. No error holds a secret.
   */
  read(name: string, signal: AbortSignal): Promise<string | undefined>;
}
