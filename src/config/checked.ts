import { z } from "zod";
import { type ErrorCode, type Place, type Position, TrueupError } from "../core/errors.js";
import { formatPointer, type Pointer } from "../core/pointer.js";
import type { Value } from "../core/value.js";
import { yaml } from "../formats/yaml.js";
import { suggestion } from "../lib/suggest.js";
import { faultOf } from "./fault.js";

/** A YAML file of Trueup's own (trueup.yaml, environment.yaml, a policy), with the place of everything in it. */
export interface CheckedFile {
  readonly file: string;
  readonly value: Value;
  readonly place: (path: readonly (string | number)[]) => Place;
}

/** Parses one of Trueup's own YAML files; what the file says is checked by `check`. An empty file is an empty map. */
export function parseChecked(text: string, file: string, code: ErrorCode): CheckedFile {
  try {
    const parsed = yaml.parse(text, { file });
    return { file, value: parsed.value ?? {}, place: placeIn(file, parsed.position.bind(parsed)) };
  } catch (error) {
    if (error instanceof TrueupError && error.code === "DOCUMENT_INVALID") {
      throw new TrueupError(code, error.message, { where: error.where, hint: error.hint, cause: error });
    }
    throw error;
  }
}

function placeIn(file: string, position: (pointer: Pointer) => Position | undefined): CheckedFile["place"] {
  return (path) => {
    // What is missing has no place of its own: the nearest map that should have held it is shown.
    for (let length = path.length; length > 0; length -= 1) {
      const found = position(formatPointer(path.slice(0, length).map(String)));
      if (found !== undefined) return { file, ...found };
    }
    return { file, line: 1, column: 1 };
  };
}

export interface CheckOptions<T> {
  readonly schema: z.ZodType<T>;
  readonly code: ErrorCode;
  /** Where `value` stands in the file. */
  readonly at?: readonly (string | number)[];
  readonly value?: unknown;
  /** Keys that are known beside the schema's own, for the suggestion. */
  readonly alsoKnown?: readonly string[];
  /** How it is written, for a fault that suggests no word. */
  readonly hint?: string;
}

/** Holds a file, or a part of one, against a schema. The error names the first fault, its place, and the key that was probably meant. */
export function check<T>(file: CheckedFile, options: CheckOptions<T>): T {
  const { schema, code, at = [], alsoKnown = [], hint } = options;
  const result = schema.safeParse("value" in options ? options.value : file.value, { reportInput: true });
  if (result.success) return result.data;
  const { issues } = result.error;
  // A misspelt key is also a missing one: the first says more.
  const issue = issues.find(({ code: kind }) => kind === "unrecognized_keys") ?? issues[0];
  if (issue === undefined) throw new TrueupError(code, `${file.file} is not valid`);
  throw issueError(issue, { file, schema, code, at, alsoKnown, hint });
}

interface IssueContext {
  readonly file: CheckedFile;
  readonly schema: z.ZodType;
  readonly code: ErrorCode;
  readonly at: readonly (string | number)[];
  readonly alsoKnown: readonly string[];
  readonly hint: string | undefined;
}

function issueError(issue: z.core.$ZodIssue, context: IssueContext): TrueupError {
  const { file, schema, code, at, alsoKnown } = context;
  const path = [...at, ...issue.path.map((segment) => (typeof segment === "symbol" ? String(segment) : segment))];
  const named = path.length === 0 ? "the file" : `\`${path.join(".")}\``;
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    return new TrueupError(code, `unknown key \`${key}\`${path.length === 0 ? "" : ` under ${named}`}`, {
      where: file.place([...path, key]),
      hint: suggestion(key, [...keysAt(schema, issue.path), ...(issue.path.length === 0 ? alsoKnown : [])]),
    });
  }
  const { text, hint = context.hint } = faultOf(issue);
  return new TrueupError(code, `${named} ${text}`, { where: file.place(path), ...(hint !== undefined && { hint }) });
}

/** The keys that a strict schema knows at a path, looked up through optionals, defaults, records, lists and unions. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.flatMap((option) => keysAt(option as z.ZodType, path));
  const [segment, ...rest] = path;
  if (segment === undefined) return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
  if (inner instanceof z.ZodObject) {
    const next: unknown = Object.hasOwn(inner.shape, segment) ? inner.shape[String(segment)] : undefined;
    return next instanceof z.ZodType ? keysAt(next, rest) : [];
  }
  if (inner instanceof z.ZodRecord) return keysAt(inner.valueType as z.ZodType, rest);
  if (inner instanceof z.ZodArray) return keysAt(inner.element as z.ZodType, rest);
  return [];
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodPrefault) return unwrap(schema.unwrap() as z.ZodType);
  if (schema instanceof z.ZodPipe) return unwrap(schema.in as z.ZodType);
  return schema;
}
