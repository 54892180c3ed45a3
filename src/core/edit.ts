import type { Edit } from "./change.js";
import { formatPointer } from "./pointer.js";
import { emptyMap, isList, isMap, member, type MutableMap, type Value } from "./value.js";

/** A tree under edit: every container is copied once, when it is first written; what the caller gave is never changed. */
export interface Draft {
  value(): Value;
  apply(edit: Edit): void;
}

export function draft(root: Value): Draft {
  let current = root;
  const owned = new WeakSet();

  function own(value: Value | undefined): MutableMap | Value[] {
    if (typeof value === "object" && value !== null && owned.has(value)) return value as MutableMap | Value[];
    const copy = isList(value) ? [...value] : isMap(value) ? Object.assign(emptyMap(), value) : emptyMap();
    owned.add(copy);
    return copy;
  }

  function write(at: Value | undefined, { path, value }: Edit, depth: number): Value | undefined {
    const segment = path[depth];
    if (segment === undefined) return value;
    if (at !== undefined && !isMap(at) && !isList(at)) throw misplaced(path, depth);
    if (at === undefined && value === undefined) return undefined;
    const container = own(at);
    if (isList(container)) {
      const index = /^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : Number.NaN;
      if (!(index < container.length || (index === container.length && value !== undefined))) {
        throw misplaced(path, depth);
      }
      const next = write(container[index], { path, value }, depth + 1);
      if (next === undefined) container.splice(index, 1);
      else container[index] = next;
    } else {
      const next = write(member(container, segment), { path, value }, depth + 1);
      if (next === undefined) delete container[segment];
      else container[segment] = next;
    }
    return container;
  }

  return {
    value: () => current,
    apply: (edit) => {
      current = write(current, edit, 0) ?? emptyMap();
    },
  };
}

/** The tree with the edits applied, one after the other. An edit through a scalar or past a list's end is a RangeError. */
export function applyEdits(root: Value, edits: readonly Edit[]): Value {
  const tree = draft(root);
  for (const edit of edits) tree.apply(edit);
  return tree.value();
}

function misplaced(path: readonly string[], depth: number): RangeError {
  return new RangeError(
    `no edit can reach ${formatPointer(path)}: ${formatPointer(path.slice(0, depth + 1))} cannot be`,
  );
}
