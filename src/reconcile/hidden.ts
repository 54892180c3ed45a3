import { TrueupError } from "../core/errors.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { formatPointer, parsePointer, type Pointer } from "../core/pointer.js";
import { looksSecretByValue } from "../core/sensitive.js";
import { type Document, isList, isMap, member, type Value } from "../core/value.js";
import { formatOf } from "../formats/registry.js";
import type { ReadyTarget } from "../render/rendered.js";

/** What stands in place of a sensitive value. */
export const HIDDEN = "(sensitive)";

type Target = Pick<ReadyTarget, "name" | "kind" | "lists" | "sensitive">;

/** Whether a leaf of a target's document is to be hidden. */
export function isHidden({ sensitive }: Pick<Target, "sensitive">, path: Pointer, value: Value): boolean {
  return sensitive(path) || looksSecretByValue(value);
}

/**
 * The text of a file of a target with its sensitive settings hidden, for showing. They are found by where they are, not by
 * what they are: a value may be written in many ways, and one such as `true` stands elsewhere, too. Undefined where they
 * cannot be hidden: then nothing of the text may be shown. A reference to a secret is none, and stays.
 */
export function hiddenText(file: string, text: string, target: Target): string | undefined {
  const format = formatOf(file);
  const below = rootOf(file, target);
  // An opaque text is one setting, and is in no patch where that is sensitive.
  if (format === undefined) return isHidden(target, formatPointer(below), text) ? undefined : text;
  const options = { file, tags: "keep" } as const;
  try {
    const paths = isPatch(file)
      ? operations(format.parse(text, options).value, target)
      : hiddenPaths(format.parse(text, options).value, below, target);
    // One after the other, each in the text that the one before left: one that cannot be edited fails the whole.
    return format.edit(
      text,
      paths.map((path) => ({ path, value: HIDDEN })),
      options,
    );
  } catch (error) {
    if (error instanceof TrueupError) return undefined;
    throw error;
  }
}

/**
 * Gives the error of a live system without its words where they hold a sensitive value of these documents: a trigger may quote a
 * whole row. What is shorter than a word stands in many messages by chance, and gives nothing away there. The documents are
 * looked through once, whatever the number of errors.
 */
export function discretion(target: Target, documents: readonly Document[]): (error: TrueupError) => TrueupError {
  let texts: readonly string[] | undefined;
  return (error) => {
    texts ??= documents.flatMap((document) =>
      hiddenPaths(document, [], target).flatMap((path) => textsAt(document, path)),
    );
    const said = `${error.message}\n${error.hint ?? ""}`;
    if (!texts.some((text) => said.includes(text))) return error;
    return new TrueupError(error.code, "the live system refused it, in words that hold a sensitive value", {
      where: error.where,
      hint: "its own log says more",
    });
  };
}

const SHORTEST = 6;

/** The texts of a leaf, or in it, as they are and as JSON writes them, and the lines of long ones. */
function textsAt(document: Value, path: readonly string[]): readonly string[] {
  const value = path.reduce<Value | undefined>(
    (at, segment) => (isMap(at) ? member(at, segment) : isList(at) ? at[Number(segment)] : undefined),
    document,
  );
  const texts = (isList(value) ? value : [value]).filter((text) => typeof text === "string");
  const lines = texts.flatMap((text) => [text, ...text.split("\n")]);
  return lines.flatMap((line) => [line, JSON.stringify(line).slice(1, -1)]).filter(({ length }) => length >= SHORTEST);
}

/** Where the file's document is in the target's: at its root, or below the file's own name in the target's folder. */
function rootOf(file: string, { name, kind }: Target): readonly string[] {
  const [, , ...own] = file.split("/");
  return kind.manyDocuments && own[0] === name && own.length > 1 ? [own.slice(1).join("/")] : [];
}

function isPatch(file: string): boolean {
  return /\.patch\.[a-z]+$/.test(file);
}

/** The sensitive leaves of a document, in its own terms. `below`: where it is in the target's. */
function hiddenPaths(document: Value, below: readonly string[], target: Target): readonly (readonly string[])[] {
  const found: (readonly string[])[] = [];
  const visit = (value: Value, own: readonly string[], at: readonly string[], scope: ListScope): void => {
    if (isMap(value)) {
      for (const [name, item] of Object.entries(value)) {
        visit(item, [...own, name], [...at, name], within(scope, name));
      }
    } else if (isList(value) && scope.rule !== "set") {
      const key = keyName(scope);
      value.forEach((item, index) => {
        const name = (key === undefined ? undefined : keyOf(item, key)) ?? String(index);
        visit(item, [...own, String(index)], [...at, name], within(scope, name));
      });
    } else if (!isReference(value) && isHidden(target, formatPointer(at), value)) found.push(own);
  };
  visit(document, [], below, below.reduce(within, listScope(target.lists)));
  return found;
}

/** The values of a JSON Patch that are, or hold, what is sensitive: they are hidden whole. */
function operations(patch: Value, target: Target): readonly (readonly string[])[] {
  if (!isList(patch)) return [];
  return patch.flatMap((operation, index) => {
    const path = isMap(operation) ? member(operation, "path") : undefined;
    const value = isMap(operation) ? member(operation, "value") : undefined;
    if (typeof path !== "string" || value === undefined) return [];
    const isPlain = hiddenPaths(value, parsePointer(path), target).length === 0;
    return isPlain ? [] : [[String(index), "value"]];
  });
}

function isReference(value: Value): boolean {
  return value === null || (typeof value === "string" && /^\$\{secret:[^}\s:]+\}$/.test(value));
}
