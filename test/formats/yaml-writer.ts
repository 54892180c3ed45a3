import { emptyMap, isList, isMap, type MutableMap, type Value } from "../../src/core/value.js";

/** A document as a person might have formatted it, and the tree that it holds. */
export interface Written {
  readonly text: string;
  readonly value: Value;
}

interface Random {
  /** True in one of `n` cases. */
  readonly one: (n: number) => boolean;
  readonly pick: <T>(items: readonly [T, ...T[]]) => T;
}

function random(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4294967296;
  };
  return {
    one: (n) => next() < 1 / n,
    pick: (items) => items[Math.floor(next() * items.length)] ?? items[0],
  };
}

export interface WriterOptions {
  /** Whether the document has anchors, aliases and merge keys. */
  readonly aliases: boolean;
}

/** Writes a tree with random indentation, styles, comments, blank lines, line ends, anchors and document markers. */
export function write(tree: Value, seed: number, { aliases }: WriterOptions): Written {
  const { one, pick } = random(seed);
  const anchored: { name: string; value: Value }[] = [];
  let names = 0;
  const step = pick([2, 2, 4, 3, 1]);
  const listStep = pick([0, step]);

  function comments(column: number): string[] {
    if (one(6)) return [`${" ".repeat(column)}# comment: "of" {line} ${(names += 1)}`];
    return one(10) ? [""] : [];
  }

  function tail(): string {
    return one(5) ? `${pick([" ", "   ", "\t"])}# tail ${(names += 1)}, of: it` : "";
  }

  function anchor(value: Value): string {
    if (!aliases || !one(3)) return "";
    const name = `a${(names += 1)}`;
    pending.push({ name, value });
    return `&${name} `;
  }
  const pending: { name: string; value: Value }[] = [];

  function token(value: Value, flow: boolean): string {
    if (typeof value === "string") {
      const plain = /^[a-z][a-z]{3,}( [a-z]+)*$/.test(value) && !/^(true|false|null)$/.test(value);
      if (plain && !one(3)) return value;
      if (/^[a-z0-9 :#'"{}[\],.!-]*$/i.test(value) && one(2)) return `'${value.replaceAll("'", "''")}'`;
      return JSON.stringify(value).replace(
        /[\x7f-\x9f\u2028\u2029\ufeff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    }
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && one(4))
      return `0x${value.toString(16)}`;
    if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value))
      return value.toExponential();
    if (value === null) return pick(flow ? ["null", "~"] : ["null", "~", "", ""]);
    if (typeof value === "boolean") return pick([String(value), value ? "True" : "FALSE"]);
    return typeof value === "object" ? "" : String(value);
  }

  function flow(value: Value): string {
    const pad = pick(["", " "]);
    if (isList(value))
      return `[${pad}${value.map((item) => flow(item)).join(pick([",", ", "]))}${value.length > 0 ? pad : ""}]`;
    if (!isMap(value)) return anchor(value) + token(value, true);
    const members = Object.entries(value).map(([key, item]) => `${keyToken(key)}: ${flow(item)}`);
    return `{${pad}${members.join(", ")}${members.length > 0 ? pad : ""}}`;
  }

  function keyToken(key: string): string {
    return token(key, true);
  }

  /** What follows `key:` or `-`, and the lines below; the value as it is, with what aliases brought in. */
  function value(input: Value, column: number, dash: boolean): { first: string; rest: string[]; value: Value } {
    const known = anchored.filter(() => one(6)).at(-1);
    if (known) return { first: `*${known.name}${tail()}`, rest: [], value: known.value };
    if (isMap(input) && Object.keys(input).length > 0 && !one(4)) {
      const inner = dash && one(2) ? undefined : column + step;
      const mark = inner === undefined ? "" : anchor(input);
      const own = pending.at(-1);
      const { lines, value: actual } = block(input, inner ?? column + 2);
      settle(own, mark, actual);
      if (inner === undefined) {
        while (lines[0] !== undefined && !/^\s*[^\s#]/.test(lines[0])) lines.shift();
        return { first: (lines[0] ?? "").slice(column + 2), rest: lines.slice(1), value: actual };
      }
      return { first: `${mark.trim()}${tail()}`, rest: lines, value: actual };
    }
    if (isList(input) && input.length > 0 && !one(4)) {
      const mark = anchor(input);
      const own = pending.at(-1);
      const inner = dash ? column + step : column + listStep;
      const { lines, value: actual } = block(input, inner);
      settle(own, mark, actual);
      return { first: `${mark.trim()}${tail()}`, rest: lines, value: actual };
    }
    if (isMap(input) || isList(input)) {
      const outer = pending.length;
      const text = flow(input);
      anchored.push(...pending.splice(outer));
      return { first: text + tail(), rest: [], value: input };
    }
    if (typeof input === "string" && /^[a-z]+(\n+[a-z]+)*\n?$/.test(input) && one(2)) {
      const chomp = input.endsWith("\n") ? "" : "-";
      const folded = one(3);
      const body = folded ? input.trimEnd().replaceAll(/\n+/g, (breaks) => `${breaks}\n`) : input.trimEnd();
      const indent = " ".repeat(column + step);
      return {
        first: `${folded ? ">" : "|"}${chomp}${one(4) ? " # header" : ""}`,
        rest: body.split("\n").map((line) => (line === "" ? "" : indent + line)),
        value: input,
      };
    }
    const mark = anchor(input);
    const first = `${mark}${token(input, false)}`.trimEnd();
    settle(pending.at(-1), mark, input);
    return { first: first + tail(), rest: [], value: input };
  }

  function settle(own: { name: string; value: Value } | undefined, mark: string, actual: Value): void {
    if (mark === "" || !own) return;
    pending.splice(pending.indexOf(own), 1);
    anchored.push({ ...own, value: actual });
  }

  function block(input: Value, column: number): { lines: string[]; value: Value } {
    const indent = " ".repeat(column);
    const lines: string[] = [];
    if (isList(input)) {
      const items = input.map((item) => {
        const { first, rest, value: actual } = value(item, column, true);
        lines.push(...comments(column), `${indent}-${first === "" ? "" : ` ${first}`}`, ...rest);
        return actual;
      });
      return { lines, value: items };
    }
    const own: MutableMap = emptyMap();
    const merged: Value[] = [];
    for (const [key, item] of Object.entries(isMap(input) ? input : {})) {
      const maps = anchored.filter((known) => isMap(known.value));
      const base = maps.at(-1);
      if (base && merged.length === 0 && one(4)) {
        lines.push(`${indent}<<: *${base.name}${tail()}`);
        merged.push(base.value);
      }
      const name = keyToken(key);
      const explicit = one(12);
      const { first, rest, value: actual } = value(item, column, false);
      const head = explicit ? `? ${name}\n${indent}:` : `${name}:`;
      lines.push(...comments(column), ...`${indent}${head}${first === "" ? "" : ` ${first}`}`.split("\n"), ...rest);
      own[key] = actual;
    }
    for (const map of merged) {
      if (isMap(map)) for (const [key, item] of Object.entries(map)) if (!Object.hasOwn(own, key)) own[key] = item;
    }
    return { lines, value: own };
  }

  const empty = isMap(tree) && Object.keys(tree).length === 0;
  const { lines, value: actual } = empty ? { lines: one(2) ? ["{}"] : [], value: tree } : block(tree, 0);
  const start = one(5) ? ["# file", ...(one(2) ? ["%YAML 1.2"] : []), "---"] : comments(0);
  const all = [...start, ...lines, ...comments(0), ...(one(10) ? ["..."] : [])];
  const eol = pick(["\n", "\n", "\r\n"]);
  return { text: pick(["", "", "\uFEFF"]) + all.join(eol) + pick([eol, eol, ""]), value: actual };
}
