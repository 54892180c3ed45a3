import type { NotifierKind } from "../notifier.js";
import { githubIssueSpec, type GithubIssueSpec } from "./spec.js";

/** An issue of a GitHub repository an incident. */
export const githubIssue: NotifierKind<GithubIssueSpec> = {
  kind: "github-issue",
  spec: githubIssueSpec,
  report: "markdown",
  async open(spec) {
    const { openGithubIssue } = await import("./notifier.js");
    return openGithubIssue(spec);
  },
};
