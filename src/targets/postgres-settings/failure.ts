import type { Change } from "../../core/change.js";
import type { TrueupError } from "../../core/errors.js";
import { parsePointer } from "../../core/pointer.js";
import { quoteIdentifier } from "../postgres/quote.js";
import type { Session } from "../postgres/session.js";
import { alterOverride } from "./override.js";
import type { SettingsScope } from "./spec.js";

export interface Subject {
  readonly session: Session;
  readonly scope: SettingsScope;
}

/** A fault as an error that quotes no value, with the GRANT that is missing where one is. */
export function describeSettings({ session, scope }: Subject, error: unknown, changes: readonly Change[]): TrueupError {
  const values = changes.flatMap(({ expected, desired }) =>
    [expected, desired].flatMap((value) => (value === undefined || value === null ? [] : [valueText(value)])),
  );
  const names = changes.map(({ path }) => parsePointer(path)[0] ?? "").join(", ");
  const role = quoteIdentifier(session.address.user);
  const grant =
    scope.kind === "server"
      ? `as a superuser of PostgreSQL 15 or later, run: GRANT ALTER SYSTEM ON PARAMETER ${names || "…"} TO ${role};`
      : `${alterOverride(scope)} takes the owner of the database, or a role with CREATEROLE and ADMIN on the role; settings of superusers also: GRANT SET ON PARAMETER ${names || "…"} TO ${role};`;
  return session.failure(error, { otherwise: "WRITE_FAILED", grant, values });
}

function valueText(value: NonNullable<Change["desired"]>): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
