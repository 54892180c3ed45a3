import { z } from "zod";
import { httpAddress } from "../../lib/http-address.js";

export const githubIssueSpec = z.strictObject({
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/, { error: "must be owner/name" }),
  /** May read and write issues. */
  token: z.string().min(1),
  /** GitHub Enterprise Server has it below /api/v3. */
  apiUrl: httpAddress.default("https://api.github.com"),
  label: z.string().min(1).max(50).default("trueup"),
});
export type GithubIssueSpec = z.infer<typeof githubIssueSpec>;
