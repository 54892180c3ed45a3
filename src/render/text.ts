import { distance } from "fastest-levenshtein";
import type { ListRules } from "../core/change.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { child, type Pointer } from "../core/pointer.js";
import { isList, isMap, mapOf, type Value } from "../core/value.js";

/** `$${…}` is the literal, `${secret:name}` a secret, `${name}` a variable or the application's own. */
const REFERENCE = /(\$?)\$\{(?:(secret):)?([^}\s:]+)\}/g;

export interface TextContext {
  readonly variables: Readonly<Record<string, string | number | bigint | boolean>>;
  readonly lists: ListRules;
  secret(name: string, pointer: Pointer): string;
  /** A reference that is one slip from a declared variable. */
  warn(message: string): void;
}

/** The names of the secrets that a document takes, with the first setting that takes each. */
export function secretNames(document: Value, lists: ListRules): ReadonlyMap<string, Pointer> {
  const names = new Map<string, Pointer>();
  mapTexts(document, listScope(lists), (text, pointer) => {
    for (const [, escaped, secret, name = ""] of text.matchAll(REFERENCE)) {
      if (escaped === "" && secret !== undefined && !names.has(name)) names.set(name, pointer);
    }
    return text;
  });
  return names;
}

/** Puts variables and secrets in. A scalar that is one reference and nothing else takes the variable's type. */
export function substitute(document: Value, context: TextContext): Value {
  return substituteAt(document, listScope(context.lists), context);
}

/** The same for a part of a document: `scope` has the list rules as seen from there. */
export function substituteAt(part: Value, scope: ListScope, context: Omit<TextContext, "lists">): Value {
  return mapTexts(part, scope, (text, pointer) => {
    if (!text.includes("${")) return text;
    const whole = /^\$\{([^}\s:]+)\}$/.exec(text)?.[1];
    if (whole !== undefined && Object.hasOwn(context.variables, whole)) return context.variables[whole] ?? text;
    return text.replaceAll(REFERENCE, (all, escaped: string, secret: string | undefined, name: string) => {
      const known = secret !== undefined || Object.hasOwn(context.variables, name);
      if (!known) {
        if (escaped === "") warnOfSlip(name, pointer, context);
        return all;
      }
      if (escaped !== "") return all.slice(1);
      return secret === undefined ? String(context.variables[name]) : context.secret(name, pointer);
    });
  });
}

/** The inverse: a part of a document whose texts are the given ones once variables and secrets are put in. */
export function escapeReferences(part: Value, scope: ListScope, variables: TextContext["variables"]): Value {
  return mapTexts(part, scope, (text) =>
    text.replaceAll(REFERENCE, (all, _escaped: string, secret: string | undefined, name: string) =>
      secret !== undefined || Object.hasOwn(variables, name) ? `$${all}` : all,
    ),
  );
}

function warnOfSlip(name: string, pointer: Pointer, context: Pick<TextContext, "variables" | "warn">): void {
  const meant = Object.keys(context.variables).find((declared) => distance(declared, name) === 1);
  if (meant === undefined) return;
  context.warn(
    `${pointer} takes \${${name}}, which is not declared: did you mean \${${meant}}? It is left as it stands`,
  );
}

/** Maps every string of a tree; pointers are in the words of findings: a keyed list's elements go by their key, a set is one setting. */
function mapTexts(tree: Value, root: ListScope, change: (text: string, pointer: Pointer) => Value): Value {
  const walk = (value: Value, pointer: Pointer, scope: ListScope): Value => {
    if (typeof value === "string") return change(value, pointer);
    if (isList(value)) {
      if (scope.rule === "set") return value.map((item) => (typeof item === "string" ? change(item, pointer) : item));
      const key = keyName(scope);
      return value.map((item, index) => {
        const name = (key === undefined ? undefined : keyOf(item, key)) ?? String(index);
        return walk(item, child(pointer, name), within(scope, name));
      });
    }
    if (!isMap(value)) return value;
    return mapOf(
      Object.entries(value).map(([key, item]) => [key, walk(item, child(pointer, key), within(scope, key))]),
    );
  };
  return walk(tree, "", root);
}
