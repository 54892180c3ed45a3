import { listScope } from "../core/lists.js";
import { same } from "../core/same.js";
import { decodeDocument, encodeDocument, sealDocument } from "../core/sealed.js";
import { looksSecretByValue } from "../core/sensitive.js";
import type { Document, Value } from "../core/value.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import type { TargetPass } from "./pass.js";

/**
 * The text that was last made of a target's last applied, with the document that it holds: while neither moves, a pass
 * neither decodes nor seals nor encodes it. Forgotten with the rendering, since that says what is sensitive.
 */
const known = new WeakMap<ReadyTarget, { readonly text: string; readonly document: Document }>();

/** Last applied as the store holds it, sealed; undefined where it cannot be read, as before first contact. */
export function readLastApplied(text: string | undefined, target: RenderedTarget): Document | undefined {
  if (text === undefined) return undefined;
  const before = "error" in target ? undefined : known.get(target);
  return before?.text === text ? before.document : decodeDocument(text);
}

/** Last applied as the store may hold it: sensitive settings as their keyed hash. */
export function writeLastApplied({ session, record }: TargetPass, target: ReadyTarget, lastApplied: Document): string {
  const { lists } = target;
  const hash = session.hash();
  const before = known.get(target);
  if (before !== undefined && before.text === record?.lastApplied) {
    if (same(before.document, lastApplied, { scope: listScope(lists), path: [], hash })) return before.text;
  }
  const sensitive = (pointer: string, value: Value) => target.sensitive(pointer) || looksSecretByValue(value);
  const document = sealDocument(lastApplied, { sensitive, lists, hash });
  const text = encodeDocument(document);
  known.set(target, { text, document });
  return text;
}
