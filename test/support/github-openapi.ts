import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";

/** An operation of GitHub's published description, version 23.0.2 of `@octokit/openapi`. */
interface Operation {
  readonly method: string;
  /** `/repos/{owner}/{repo}/pulls` */
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly request: object | null;
  /** Of success. */
  readonly status: number;
  readonly response: object | null;
  /** The name of the published example of its answer. */
  readonly example: string;
}

interface Description {
  readonly operations: readonly Operation[];
  readonly schemas: object;
  readonly examples: Readonly<Record<string, unknown>>;
}

const { operations, schemas, examples } = JSON.parse(
  readFileSync(new URL("fixtures/github-openapi.json", import.meta.url), "utf8"),
) as Description;

export { operations };

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats.default(ajv);
for (const format of ["repo.nwo", "timestamp"]) ajv.addFormat(format, true);
ajv.addSchema({ $id: "github", schemas });

export function operationOf(method: string, pathname: string): Operation | undefined {
  return operations.find((each) => each.method === method && matches(each.path, pathname));
}

/** What GitHub says that it answers. */
export function exampleOf({ example }: Operation): unknown {
  return structuredClone(examples[example]);
}

/** What of the request GitHub's description does not allow. */
export function violationsOf({ method, url, body }: { method: string; url: string; body: string }): string[] {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const operation = operationOf(method, pathname);
  const what = `${method} ${pathname}`;
  if (operation === undefined) return [`${what} is not in GitHub's description`];
  const inQuery = new Map(
    operation.parameters.flatMap(({ name, in: place, schema }) => (place === "query" ? [[name, schema] as const] : [])),
  );
  const wrong = [...searchParams].flatMap(([name, value]) => {
    const schema = inQuery.get(name);
    if (schema === undefined) return [`${what}: unknown query parameter ${name}`];
    const typed = "type" in schema && schema.type === "integer" ? Number(value) : value;
    return ajv.validate(schema, typed) ? [] : [`${what}: ?${name}=${value}: ${ajv.errorsText()}`];
  });
  const fits = operation.request === null || body === "" || ajv.validate(operation.request, JSON.parse(body));
  return [...wrong, ...(fits ? [] : [`${what}: ${ajv.errorsText()}`])];
}

/** Where an answer is not what GitHub's description says: `POST /repos/{owner}/{repo}/pulls: head/repo must be object`. */
export function deviationsOf(operation: Operation, { status, data }: { status: number; data: unknown }): string[] {
  const what = `${operation.method} ${operation.path}`;
  const wrongStatus = status === operation.status ? [] : [`${what}: answers ${status}, not ${operation.status}`];
  if (operation.response === null || ajv.validate(operation.response, data)) return wrongStatus;
  const wrong = (ajv.errors ?? []).map(({ instancePath, message = "" }) => {
    const place = instancePath.slice(1).replaceAll(/\d+/g, "N");
    return `${what}: ${place} ${message}`;
  });
  return [...wrongStatus, ...wrong];
}

function matches(template: string, path: string): boolean {
  return new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`).test(path);
}
