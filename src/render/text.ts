import { distance } from "fastest-levenshtein";
import type { ListRules } from "../core/change.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { formatPointer, type Pointer } from "../core/pointer.js";
import { TrueupError } from "../core/errors.js";
import { isList, isMap, mapOf, type Value } from "../core/value.js";

/** `$${…}` is the literal, `${secret:name}` a secret, `${name}` a variable or the application's own. */
const REFERENCE = /(\$?)\$\{(?:(secret):)?([^}\s:]+)\}/g;

export interface TextContext {
  readonly variables: Readonly<Record<string, string | number | bigint | boolean>>;
  readonly lists: ListRules;
  /** `path` is the pointer in segments, positions of ordered lists as numbers. */
  secret(name: string, pointer: Pointer, path: Path): string;
  /** A reference that is one slip from a declared variable. */
  warn(message: string): void;
}

/** A way through a document, in the words of findings; a position of an ordered list is a number. */
export type Path = readonly (string | number)[];

/** The names of the secrets that a document takes, with the first setting that takes each. */
export function secretNames(document: Value, lists: ListRules): ReadonlyMap<string, Pointer> {
  const names = new Map<string, Pointer>();
  mapTexts(document, listScope(lists), {
    change: (text, path) => {
      for (const [, escaped, secret, name = ""] of text.matchAll(REFERENCE)) {
        if (escaped === "" && secret !== undefined && !names.has(name)) names.set(name, pointerOf(path));
      }
      return text;
    },
  });
  return names;
}

/** Puts variables and secrets in. A scalar that is one reference and nothing else takes the variable's type. */
export function substitute(document: Value, context: TextContext): Value {
  return substituteAt(document, listScope(context.lists), context);
}

/**
 * The same for a part of a document: `scope` has the list rules as seen from there.
 * @throws DOCUMENT_INVALID where an element of a keyed list is named by a secret, which would then stand in every pointer
 */
export function substituteAt(part: Value, scope: ListScope, context: Omit<TextContext, "lists">): Value {
  const change = (text: string, path: Path): Value => {
    if (!text.includes("${")) return text;
    const whole = /^\$\{([^}\s:]+)\}$/.exec(text)?.[1];
    if (whole !== undefined && Object.hasOwn(context.variables, whole)) return context.variables[whole] ?? text;
    return text.replaceAll(REFERENCE, (all, escaped: string, secret: string | undefined, name: string) => {
      const known = secret !== undefined || Object.hasOwn(context.variables, name);
      if (!known) {
        if (escaped === "") warnOfSlip(name, path, context);
        return all;
      }
      if (escaped !== "") return all.slice(1);
      return secret === undefined ? String(context.variables[name]) : context.secret(name, pointerOf(path), path);
    });
  };
  // Findings name the element by what its key becomes.
  const rename = (key: string, list: Path): string => {
    const named = substituteAt(key, listScope({}), {
      ...context,
      secret: () => refuseKey(list),
      warn: () => undefined,
    });
    return typeof named === "object" ? key : String(named);
  };
  return mapTexts(part, scope, { change, rename });
}

function refuseKey(list: Path): never {
  throw new TrueupError("DOCUMENT_INVALID", `an element of ${pointerOf(list)} has a secret for its key`, {
    hint: "the key is the element's name, and shown everywhere: match the list by another member",
  });
}

/** The inverse: a part of a document whose texts are the given ones once variables and secrets are put in. */
export function escapeReferences(part: Value, scope: ListScope, variables: TextContext["variables"]): Value {
  return mapTexts(part, scope, {
    change: (text) =>
      text.replaceAll(REFERENCE, (all, _escaped: string, secret: string | undefined, name: string) =>
        secret !== undefined || Object.hasOwn(variables, name) ? `$${all}` : all,
      ),
  });
}

function warnOfSlip(name: string, path: Path, context: Pick<TextContext, "variables" | "warn">): void {
  const meant = Object.keys(context.variables).find((declared) => distance(declared, name) === 1);
  if (meant === undefined) return;
  context.warn(
    `${pointerOf(path)} takes \${${name}}, which is not declared: did you mean \${${meant}}? It is left as it stands`,
  );
}

interface Mapping {
  readonly change: (text: string, path: Path) => Value;
  /** What the key of an element becomes, by which findings name it. */
  readonly rename?: (key: string, list: Path) => string;
}

/** Maps every string of a tree; paths are in the words of findings: a keyed list's elements go by their key, a set is one setting. */
function mapTexts(tree: Value, root: ListScope, { change, rename = (key) => key }: Mapping): Value {
  const walk = (value: Value, path: Path, scope: ListScope): Value => {
    if (typeof value === "string") return change(value, path);
    if (isList(value)) {
      if (scope.rule === "set") return value.map((item) => (typeof item === "string" ? change(item, path) : item));
      const key = keyName(scope);
      return value.map((item, index) => {
        const own = key === undefined ? undefined : keyOf(item, key);
        const name = own === undefined ? index : rename(own, path);
        return walk(item, [...path, name], within(scope, String(name)));
      });
    }
    if (!isMap(value)) return value;
    return mapOf(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key], within(scope, key))]));
  };
  return walk(tree, [], root);
}

function pointerOf(path: Path): Pointer {
  return formatPointer(path.map(String));
}
