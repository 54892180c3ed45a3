import { type Pointer, parsePointer } from "./pointer.js";
import type { Value } from "./value.js";

const SECRET_WORDS: ReadonlySet<string> = new Set([
  ...["password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "token", "tokens", "key", "keys"],
  ...["apikey", "apikeys", "credential", "credentials", "dsn", "webhook"],
]);

/** Texts that carry a credential, whatever the setting is called. Each is linear: no part can match what the next one begins with. */
const CREDENTIALS: readonly RegExp[] = [
  // scheme://user:password@host
  /:\/\/[^/\s:@]*:[^/\s@]+@/,
  // host=db password=… (libpq), Server=db;Pwd=…; (ADO), ?user=u&password=… (JDBC), AccountKey=…
  /(?:password|passwd|pwd|secret|token|(?:api|access|account)[ _-]?key)["']?[ \t]*[=:][ \t]*["']?[^\s"';&]/i,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
];

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
  if (typeof value === "string") return CREDENTIALS.some((pattern) => pattern.test(value));
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).some((item) => looksSecretByValue(item as Value))
  );
}
