import { describe, expect, it } from "vitest";
import { reviewersOf } from "../../src/proposals/reviewers.js";

describe("reviewers by CODEOWNERS", () => {
  // The examples of GitHub's own page on code owners, and what .gitignore says of the rest.
  it.each([
    ["*", "a/b/c.yaml", true],
    ["*.js", "app.js", true],
    ["*.js", "a/b/app.js", true],
    ["*.js", "app.jsx", false],
    ["/build/logs/", "build/logs/a/b.txt", true],
    ["/build/logs/", "x/build/logs/a.txt", false],
    ["docs/*", "docs/getting-started.md", true],
    ["docs/*", "docs/build-app/troubleshooting.md", false],
    ["docs/*", "x/docs/a.md", false],
    ["apps/", "apps/x.ts", true],
    ["apps/", "a/b/apps/c/x.ts", true],
    ["apps/", "apps", false],
    ["/docs/", "docs/a/b.md", true],
    ["/scripts", "scripts/a.sh", true],
    ["**/logs", "build/logs/a", true],
    ["**/logs", "logs/a", true],
    ["/apps/github", "apps/github/x", true],
    ["/apps/github", "apps/githubs", false],
    ["environments/prod/**", "environments/prod/host/app.yaml", true],
    ["environments/**/host", "environments/prod/host/app.yaml", true],
    ["environments/*/host/", "environments/prod/host/app.yaml", true],
    ["/a\\ b/", "a b/c", true],
    ["/a(b)+{c,d}/", "a(b)+{c,d}/e", true],
    ["/a{b,c}", "ab", false],
    [".github/", ".github/workflows/x.yaml", true],
    ["*.yaml", ".hidden/x.yaml", true],
    ["App.yaml", "app.yaml", false],
    ["[ab].yaml", "a.yaml", false],
    ["!a.yaml", "b.yaml", false],
  ])("%s and %s: %s", (pattern, file, matches) => {
    expect(reviewersOf(`${pattern} @ops`, [file])).toEqual(matches ? ["ops"] : []);
  });

  it("lets the last line decide, also for nobody; knows users and teams, and leaves e-mail addresses out", () => {
    const text = [
      "# who answers for what",
      "* @everyone",
      "",
      "environments/prod/ @ana @acme/ops ops@example.org # on call",
      "environments/prod/broker.yaml",
    ].join("\r\n");
    expect(reviewersOf(text, ["README.md"])).toEqual(["everyone"]);
    expect(reviewersOf(text, ["environments/prod/host/app.yaml", "environments/prod/x"])).toEqual(["ana", "acme/ops"]);
    expect(reviewersOf(text, ["environments/prod/broker.yaml"])).toEqual([]);
    expect(reviewersOf("", ["a"])).toEqual([]);
  });
});
