import type { z } from "zod";
import { suggest } from "../lib/suggest.js";

/** What is wrong with a value, to follow its name, and the word that was probably meant. */
export interface Fault {
  readonly text: string;
  readonly hint?: string;
}

/** What zod found, in words of a YAML file. Never the value itself: it may be a secret. */
export function faultOf(issue: z.core.$ZodIssue): Fault {
  if (issue.code === "invalid_key" && issue.issues[0] !== undefined) {
    // The key's own schema says what is wrong with it.
    return faultOf(issue.issues[0]);
  }
  // A message that is not zod's own is one that the schema gives.
  const [, received] = /^Invalid input: expected \w+, received (\w+)$/.exec(issue.message) ?? [];
  if (issue.code === "invalid_type" && received !== undefined) {
    const expected = article(issue.expected);
    if (received === "undefined") return { text: `is missing: expected ${expected}` };
    return invalid(`expected ${expected}${expected === article(received) ? "" : `, found ${article(received)}`}`);
  }
  if (issue.code === "invalid_value") {
    const words = issue.values.map(String);
    const near = typeof issue.input === "string" ? suggest(issue.input, words) : undefined;
    const text = invalid(`expected ${words.map((word) => JSON.stringify(word)).join(" or ")}`);
    return near === undefined ? text : { ...text, hint: `did you mean "${near}"?` };
  }
  if (issue.code === "too_small") return invalid(`expected at least ${amount(issue.minimum, issue.origin)}`);
  if (issue.code === "too_big") return invalid(`expected at most ${amount(issue.maximum, issue.origin)}`);
  if (issue.code === "invalid_union") return unionFault(issue);
  return invalid(issue.message.replace(/^Invalid (input|option|string): /, ""));
}

function invalid(text: string): Fault {
  return { text: `is not valid: ${text}` };
}

function unionFault(issue: z.core.$ZodIssueInvalidUnion): Fault {
  if (issue.discriminator !== undefined) {
    const options =
      "options" in issue && Array.isArray(issue.options) ? `: expected ${issue.options.join(" or ")}` : "";
    return { text: `has no known \`${issue.discriminator}\`${options}` };
  }
  const types = issue.errors.flatMap(([first]) =>
    first?.code === "invalid_type" && first.path.length === 0 ? [article(first.expected)] : [],
  );
  return invalid(types.length === 0 ? issue.message : `expected ${[...new Set(types)].join(" or ")}`);
}

const TYPES: Readonly<Record<string, string>> = {
  ...{ object: "a map", record: "a map", array: "a list", string: "a text", int: "a whole number" },
  ...{ boolean: "true or false", null: "nothing" },
};

/** zod's names of types. */
function article(type: string): string {
  return TYPES[type] ?? `a ${type}`;
}

function amount(bound: number | bigint, origin: string): string {
  const unit = { array: "element", set: "element", string: "character" }[origin];
  return unit === undefined ? String(bound) : `${bound} ${unit}${Number(bound) === 1 ? "" : "s"}`;
}
