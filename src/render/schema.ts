import type { ValidateFunction } from "ajv";
import { type Place, TrueupError } from "../core/errors.js";
import { parsePointer } from "../core/pointer.js";
import { isList, isLiteral, isMap, type Value } from "../core/value.js";

export type Validate = (document: Value) => readonly SchemaFault[];

export interface SchemaFault {
  /** Where in the document, in its own terms. */
  readonly segments: readonly string[];
  readonly message: string;
}

const compiled = new WeakMap<Buffer, Validate>();

/** Compiles a target's JSON Schema (draft 2020-12 or 07). @throws TrueupError POLICY_INVALID. */
export async function compileSchema(content: Buffer, where: Place): Promise<Validate> {
  const known = compiled.get(content);
  if (known !== undefined) return known;
  try {
    const schema: unknown = JSON.parse(content.toString("utf8"));
    if (!isSchema(schema)) throw new SyntaxError("a schema is an object");
    // Draft 2020-12 where the schema says so, else draft 07: Ajv has a class for each.
    const modern = (schema.$schema ?? "").includes("2020-12");
    const { default: ajv } = modern ? await import("ajv/dist/2020.js") : await import("ajv");
    const { default: formats } = await import("ajv-formats");
    const instance = new ajv.default({ allErrors: true, strict: false, validateFormats: true });
    formats.default(instance);
    const validate = instance.compile(schema);
    const check: Validate = (document) => (validate(plain(document)) ? [] : faults(validate.errors));
    compiled.set(content, check);
    return check;
  } catch (error) {
    throw new TrueupError(
      "POLICY_INVALID",
      `the JSON Schema is not valid: ${error instanceof Error ? error.message : ""}`,
      {
        where,
        cause: error,
      },
    );
  }
}

interface Schema {
  readonly $schema?: string;
}

function isSchema(value: unknown): value is Schema {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    (!("$schema" in value) || typeof value.$schema === "string")
  );
}

function faults(errors: ValidateFunction["errors"]): SchemaFault[] {
  return (errors ?? []).map((error) => ({
    segments: parsePointer(error.instancePath),
    message: `${error.message ?? "is not valid"}${detail(error.params)}`,
  }));
}

/** What Ajv's message leaves out: the property that is too many, the words that are allowed. */
function detail(params: Record<string, unknown>): string {
  if (typeof params["additionalProperty"] === "string") return ` (\`${params["additionalProperty"]}\`)`;
  if (Array.isArray(params["allowedValues"])) return `: ${params["allowedValues"].map(String).join(", ")}`;
  return "";
}

/** Ajv knows JSON's values only: a bigint is a number to it, a literal its text. */
function plain(value: Value): unknown {
  if (typeof value === "bigint") return Number(value);
  if (isLiteral(value)) return value.text;
  if (isList(value)) return value.map(plain);
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}
