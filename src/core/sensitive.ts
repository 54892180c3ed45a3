import { type Pointer, parsePointer } from "./pointer.js";
import type { Value } from "./value.js";

const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...["password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys"],
  ...["apikey", "apikeys", "credential", "credentials", "dsn", "webhook"],
]);

/** `scheme://user:password@host`: an address that carries a credential, whatever the setting is called. */
const CREDENTIAL_URL = /[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;

/** Whether a name looks like a secret's: one of its words is `password`, `token`, `key`, …; `keyboard` and `monkey` are not. */
export function looksSecretByName(pointer: Pointer): boolean {
  return parsePointer(pointer).some((segment) =>
    segment
      .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .some((word) => SECRET_WORDS.has(word)),
  );
}

export function looksSecretByValue(value: Value | undefined): boolean {
  if (typeof value === "string") return CREDENTIAL_URL.test(value);
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).some((item) => looksSecretByValue(item as Value))
  );
}
