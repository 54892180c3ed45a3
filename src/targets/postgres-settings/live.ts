import type { Outcome } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { child } from "../../core/pointer.js";
import { equal, mapOf, type Document, type Value } from "../../core/value.js";
import { suggestion } from "../../lib/suggest.js";
import { quoteIdentifier, quoteLiteral } from "../postgres/quote.js";
import { customFacts, isCustomName, type Facts, type SettingFacts } from "./facts.js";
import { quotedElements } from "./lists.js";
import { normalizeSetting } from "./value.js";

/** The settings of a scope as they are, with those that wait for a restart. */
export interface Live {
  readonly values: ReadonlyMap<string, Value>;
  readonly pending: ReadonlySet<string>;
}

/** A live value that the server holds in its own spelling; one that it could not take is reported as it is written. */
export function liveValue(facts: Facts, name: string, text: string): Value {
  const known = facts.get(name) ?? customFacts(name);
  try {
    return normalizeSetting(known, text);
  } catch {
    return text;
  }
}

/**
 * What is known of a setting that a document names.
 * @throws DOCUMENT_INVALID for a name that the server does not know, one that is read-only, or one that this scope cannot set
 */
export function settable(facts: Facts, name: string, scope: "server" | "override"): SettingFacts {
  const known = facts.get(name);
  if (known === undefined) {
    if (isCustomName(name)) return customFacts(name);
    throw new TrueupError("DOCUMENT_INVALID", `the server knows no setting "${name.slice(0, 80)}"`, {
      hint: `${suggestion(name, nearby(name, facts))}; some are shown only to members of pg_read_all_settings`,
    });
  }
  if (known.context === "internal") {
    throw new TrueupError(
      "DOCUMENT_INVALID",
      `${name} is read-only: it was decided when the server was built or set up`,
      {
        hint: "remove it from the document",
      },
    );
  }
  if (scope === "override" && ["postmaster", "sighup"].includes(known.context)) {
    throw new TrueupError("DOCUMENT_INVALID", `${name} can only be set for the whole server`, {
      hint: "move it to a target with `scope: server`",
    });
  }
  return known;
}

/** The names to choose a suggestion from: all 380 would be no hint. */
function nearby(name: string, facts: Facts): readonly string[] {
  const start = name.slice(0, 3).toLowerCase();
  const near = [...facts.keys()].filter((known) => known.toLowerCase().startsWith(start));
  return near.length > 0 && near.length <= 12
    ? near
    : [...facts.keys()].filter((known) => known.length === name.length);
}

export function normalizeSettings(facts: Facts, document: Document, scope: "server" | "override"): Document {
  return mapOf(
    Object.entries(document).map(
      ([name, value]) => [name, normalizeSetting(settable(facts, name, scope), value)] as const,
    ),
  );
}

/** `SET work_mem = '8MB'` or `RESET work_mem`: the end of ALTER SYSTEM, ALTER DATABASE and ALTER ROLE alike. */
export function clause(name: string, desired: Value | undefined): string {
  const quoted = name.split(".").map(quoteIdentifier).join(".");
  if (desired === undefined) return `RESET ${quoted}`;
  if (typeof desired === "object") throw new TrueupError("DOCUMENT_INVALID", `the value of ${name} is not a scalar`);
  const text = String(desired);
  // An element that is quoted in the text is quoted again if the list is given as one literal.
  const elements = quotedElements(name, text);
  const literals = elements === undefined || elements.length === 0 ? [text] : elements;
  return `SET ${quoted} = ${literals.map(quoteLiteral).join(", ")}`;
}

/** What came of a write, by what is read afterwards. */
export function concluded(name: string, desired: Value | undefined, after: Live): Outcome {
  const path = child("", name);
  const live = after.values.get(name);
  if (!equal(desired, live)) return { path, result: "unreachable", live };
  return { path, result: after.pending.has(name) ? "pendingRestart" : "applied" };
}
