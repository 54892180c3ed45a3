// Cuts from GitHub's published OpenAPI description what Trueup asks for, without prose and examples: the whole weighs 385 MB
// installed. To renew it: npm i --no-save @octokit/openapi@23.0.2 && node scripts/github-openapi.mjs
import { readFileSync, writeFileSync } from "node:fs";

const whole = JSON.parse(readFileSync("node_modules/@octokit/openapi/generated/api.github.com.deref.json", "utf8"));
const repository = "/repos/{owner}/{repo}";
const wanted = {
  [`${repository}/pulls`]: ["get", "post"],
  [`${repository}/pulls/{pull_number}`]: ["get", "patch"],
  [`${repository}/pulls/{pull_number}/requested_reviewers`]: ["post"],
  [`${repository}/issues`]: ["get", "post"],
  [`${repository}/issues/{issue_number}`]: ["get", "patch"],
  [`${repository}/issues/{issue_number}/labels`]: ["put"],
  [`${repository}/issues/{issue_number}/comments`]: ["get", "post"],
  [`${repository}/collaborators/{username}/permission`]: ["get"],
};

function bare(value) {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  const prose = ["example", "examples", "x-github", "externalDocs", "x-multi-segment"];
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => !prose.includes(key) && !(key === "description" && typeof item === "string"))
      .map(([key, item]) => [key, bare(item)]),
  );
}

const operations = Object.entries(wanted).flatMap(([path, methods]) =>
  methods.map((method) => {
    const { parameters = [], requestBody, responses } = whole.paths[path][method];
    const success = Object.entries(responses).find(([status]) => status.startsWith("2"));
    return {
      method: method.toUpperCase(),
      path,
      parameters: parameters.map(({ name, in: place, required, schema }) => ({
        name,
        in: place,
        required,
        schema: bare(schema),
      })),
      request: bare(requestBody?.content?.["application/json"]?.schema) ?? null,
      status: success?.[0] ?? null,
      response: bare(success?.[1].content?.["application/json"]?.schema) ?? null,
    };
  }),
);
writeFileSync(
  "test/support/fixtures/github-openapi.json",
  `${JSON.stringify({ version: whole.info.version, operations })}\n`,
);
