import { describe, expect, it } from "vitest";
import { errorAnnotation, workflowCommand } from "../../src/cli/output/annotation.js";

describe("an annotation", () => {
  it.each([
    ["environments/dev/app.yaml:12:5", "file=environments/dev/app.yaml,line=12,col=5"],
    ["policies/drift.yaml:3", "file=policies/drift.yaml,line=3"],
    ["a:b,c.yaml:1:2", "file=a%3Ab%2Cc.yaml,line=1,col=2"],
    ["100%.yaml", "file=100%25.yaml"],
  ])("stands beside %s", (where, properties) => {
    expect(workflowCommand({ level: "error", message: "no", where })).toBe(`::error ${properties}::no\n`);
  });

  it("is one command, whatever its message says", () => {
    const error = { code: "DOCUMENT_INVALID", message: "100%\r\n::error::mine", hint: "look\nat it" } as const;
    expect(workflowCommand(errorAnnotation(error, "trueup: dev, prod"))).toBe(
      "::error title=trueup%3A dev%2C prod::100%25%0D%0A::error::mine (DOCUMENT_INVALID)%0Alook%0Aat it\n",
    );
  });
});
