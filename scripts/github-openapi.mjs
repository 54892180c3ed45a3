// Cuts from GitHub's published OpenAPI description what Trueup asks for: schemas without prose, and the published example of
// each answer. The whole weighs 385 MB installed. To renew it:
// npm i --no-save @octokit/openapi@23.0.2 && node scripts/github-openapi.mjs
import { readFileSync, writeFileSync } from "node:fs";

const published = process.argv[2] ?? "node_modules/@octokit/openapi/generated/api.github.com.json";
const whole = JSON.parse(readFileSync(published, "utf8"));
const repository = "/repos/{owner}/{repo}";
const wanted = {
  [`${repository}/pulls`]: ["get", "post"],
  [`${repository}/pulls/{pull_number}`]: ["get", "patch"],
  [`${repository}/pulls/{pull_number}/requested_reviewers`]: ["post"],
  [`${repository}/pulls/{pull_number}/reviews`]: ["get"],
  [`${repository}/pulls/{pull_number}/merge`]: ["put"],
  [`${repository}/commits/{ref}/check-runs`]: ["get"],
  [`${repository}/commits/{ref}/statuses`]: ["get"],
  [`${repository}/statuses/{sha}`]: ["post"],
  [`${repository}/deployments`]: ["get", "post"],
  [`${repository}/deployments/{deployment_id}/statuses`]: ["get", "post"],
  [`${repository}/issues`]: ["get", "post"],
  [`${repository}/issues/{issue_number}`]: ["get", "patch"],
  [`${repository}/issues/{issue_number}/labels`]: ["put"],
  [`${repository}/issues/{issue_number}/comments`]: ["get", "post"],
  [`${repository}/issues/comments/{comment_id}`]: ["patch"],
  [`${repository}/collaborators/{username}/permission`]: ["get"],
  "/app": ["get"],
  "/user": ["get"],
  "/orgs/{org}/teams/{team_slug}/members": ["get"],
  "/app/installations/{installation_id}/access_tokens": ["post"],
};

const at = (reference) =>
  reference
    .slice(2)
    .split("/")
    .reduce((value, name) => value[name], whole);
/** What is behind a reference, whose name stays: the schemas refer to each other. */
const deref = (value) => (value?.$ref === undefined ? value : at(value.$ref));

const prose = ["example", "examples", "x-github", "externalDocs", "x-multi-segment"];
const schemas = {};

/** A schema without prose; those that it refers to are kept, by name. */
function bare(value) {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  if (typeof value.$ref === "string") {
    const name = value.$ref.split("/").at(-1);
    if (!Object.hasOwn(schemas, name)) {
      schemas[name] = null;
      schemas[name] = bare(at(value.$ref));
    }
    return { $ref: `github#/schemas/${name}` };
  }
  // OpenAPI 3.0's own word, which only means something to JSON Schema beside a type.
  if (value.nullable === true && value.type === undefined) {
    const { nullable, ...rest } = value;
    return { anyOf: [bare(rest), { type: "null" }] };
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => !prose.includes(key) && !(key === "description" && typeof item === "string"))
      .map(([key, item]) => [key, bare(item)]),
  );
}

const examples = {};

/** The name of the first one: several operations share it. GitHub publishes some wrapped twice. */
function exampleOf(content, operation) {
  const [first] = Object.values(content?.examples ?? {});
  if (first === undefined) return null;
  const reference = first.$ref ?? first.value?.$ref;
  const name = reference?.split("/").at(-1) ?? operation;
  const { value } = reference === undefined ? first : at(reference);
  examples[name] = value;
  return name;
}

const operations = Object.entries(wanted).flatMap(([path, methods]) =>
  methods.map((method) => {
    const { parameters = [], requestBody, responses } = whole.paths[path][method];
    const [status, response] = Object.entries(responses).find(([code]) => code.startsWith("2"));
    const content = deref(response).content?.["application/json"];
    return {
      method: method.toUpperCase(),
      path,
      parameters: parameters.map(deref).map(({ name, in: place, required = false, schema }) => ({
        name,
        in: place,
        required,
        schema: bare(schema),
      })),
      request: bare(deref(requestBody)?.content?.["application/json"]?.schema) ?? null,
      status: Number(status),
      response: bare(content?.schema) ?? null,
      example: exampleOf(content, `${method} ${path}`),
    };
  }),
);
writeFileSync(
  "test/support/fixtures/github-openapi.json",
  `${JSON.stringify({ version: whole.info.version, operations, schemas, examples })}\n`,
);
