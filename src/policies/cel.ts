import type { ASTNode, Environment, ParseResult } from "@marcbachmann/cel-js";
import { type Place, TrueupError } from "../core/errors.js";
import { isList, isLiteral, isMap, type Value } from "../core/value.js";

/** A compiled condition. Throws when it cannot be evaluated on this subject: `double("8MB")`, a member that is not there. */
export type Condition = (subject: Readonly<Record<string, unknown>>) => boolean;

/** By name, its type; or, of one with members, theirs. */
export type CelVariables = Readonly<Record<string, string | CelMembers>>;
export interface CelMembers {
  readonly [name: string]: string | CelMembers;
}

export interface CelSource {
  readonly expression: string;
  readonly variables: CelVariables;
  readonly where: Place;
  /** What to do about an expression that is not valid, where the variables are others than docs/policies.md says. */
  readonly hint?: string;
}

/**
 * Compiles a CEL expression (https://cel.dev) that must be a bool, with its variables checked, so that a wrong word fails
 * the load and not the night. @marcbachmann/cel-js was chosen over @bufbuild/cel for this check and a third of the load time.
 *
 * @throws TrueupError POLICY_INVALID with the place.
 */
export async function compileCel(source: CelSource): Promise<Condition> {
  const environment = await celEnvironment(source.variables);
  try {
    const parsed = environment.parse(linearMatches(environment.parse(source.expression).ast, source.expression));
    const checked = parsed.check();
    if (!checked.valid) throw checked.error ?? new Error("the expression does not type-check");
    if (checked.type !== "bool" && checked.type !== "dyn") throw new Error(`the expression is a ${checked.type}, not a bool`);
    return (subject) => evaluate(parsed, subject);
  } catch (error) {
    throw celError(error, source);
  }
}

function evaluate(parsed: ParseResult, subject: Readonly<Record<string, unknown>>): boolean {
  const result: unknown = valueOf(parsed, subject);
  // Anything but the boolean itself is no match: a dyn expression may give a string, and strings are truthy.
  return result === true;
}

/** The library's messages quote values, and a value may be a secret: only what is known not to is passed on. */
function valueOf(parsed: ParseResult, subject: Readonly<Record<string, unknown>>): unknown {
  try {
    return parsed(subject);
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    if (/^No such key/i.test(message)) throw new Error("a member is not there (ask with has() first)");
    const [overload] = /^(no such|found no matching) overload.*$/m.exec(message) ?? [];
    if (overload !== undefined) throw new Error(overload);
    const [, conversion] = /^(\w+\(\)) /.exec(message) ?? [];
    throw new Error(conversion === undefined ? "the value does not fit" : `${conversion} cannot take the value`);
  }
}

async function celEnvironment(variables: CelVariables): Promise<Environment> {
  const [cel, { RE2JS }] = await Promise.all([import("@marcbachmann/cel-js"), import("re2js")]);
  const environment = new cel.Environment();
  for (const [name, type] of Object.entries(variables)) {
    if (typeof type === "string") environment.registerVariable(name, type);
    else environment.registerVariable({ name, schema: type });
  }
  return environment.registerFunction({
    name: "re2find",
    receiverType: "string",
    returnType: "bool",
    params: [{ name: "pattern", type: "string" }],
    handler: (text: string, pattern: string) => RE2JS.compile(pattern).matcher(text).find(),
  });
}

/**
 * The library's own `matches` is a backtracking RegExp: whoever can commit a policy could stop the controller with one
 * pattern, and the function cannot be replaced. So each call is rewritten to one on RE2, which is linear as CEL demands;
 * the name has the same length, so that places in errors stay right.
 */
function linearMatches(ast: ASTNode, expression: string): string {
  let text = expression;
  visit(ast, (node) => {
    if (node.op !== "rcall" || node.args[0] !== "matches") return;
    const at = text.indexOf("matches", node.args[1].range.end);
    text = `${text.slice(0, at)}re2find${text.slice(at + "matches".length)}`;
  });
  return text;
}

function visit(node: unknown, see: (node: ASTNode) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item, see);
  } else if (isNode(node)) {
    see(node);
    visit(node.args, see);
  }
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

function celError(error: unknown, { expression, where, hint }: CelSource): TrueupError {
  const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  const at = rangeStart(error);
  const near = at === undefined || at >= expression.length ? "" : ` at \`${expression.slice(at, at + 24)}\``;
  return new TrueupError("POLICY_INVALID", `the CEL expression is not valid: ${reason.replace("re2find", "matches")}${near}`, {
    where,
    hint:
      hint ??
      (/no such overload|Operator/.test(reason)
        ? "numbers in documents are doubles: write 1.0, or double(x)"
        : "see docs/policies.md for the variables that a condition has"),
  });
}

function rangeStart(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("range" in error)) return undefined;
  const { range } = error;
  return typeof range === "object" && range !== null && "start" in range && typeof range.start === "number" ? range.start : undefined;
}

/** A value as CEL sees it: numbers are doubles (JSON has no other), what is absent is null, a literal is its text. */
export function celValue(value: Value | undefined): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  if (isLiteral(value)) return value.text;
  if (isList(value)) return value.map(celValue);
  if (isMap(value)) return new Map(Object.entries(value).map(([key, item]) => [key, celValue(item)]));
  return value;
}
