import { z } from "zod";
import type { Forge } from "./forge.js";
import type { GitHubIdentity } from "./github/client.js";
import type { PullRequestRecords } from "./local/index.js";

const githubSchema = z
  .strictObject({
    kind: z.literal("github"),
    repository: z.string().regex(/^[^/\s]+\/[^/\s]+$/, "expected `owner/name`"),
    token: z.string().min(1).optional(),
    app: z.strictObject({ id: z.int(), installation: z.int(), privateKey: z.string().min(1) }).optional(),
    /** GitHub Enterprise Server's API: `https://github.example.com/api/v3`. */
    url: z.url().optional(),
  })
  .refine(({ token, app }) => (token === undefined) !== (app === undefined), "give it either a `token` or an `app`");

/** `forge:` of trueup.yaml. */
export const forgeSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("local") }),
    z.strictObject({ kind: z.literal("none") }),
    githubSchema,
  ])
  .default({ kind: "local" });
export type ForgeSpec = z.output<typeof forgeSchema>;

/** Opens the forge; nothing is asked of it yet. Undefined where nothing is to be proposed. */
export async function openForge(spec: ForgeSpec, records: PullRequestRecords): Promise<Forge | undefined> {
  if (spec.kind === "none") return undefined;
  if (spec.kind === "local") return (await import("./local/index.js")).openLocal(records);
  const { openGitHub } = await import("./github/index.js");
  const { repository, url } = spec;
  return openGitHub({ repository, identity: identityOf(spec), ...(url === undefined ? {} : { baseUrl: url }) });
}

function identityOf({ token, app }: z.output<typeof githubSchema>): GitHubIdentity {
  return app === undefined ? { token: token ?? "" } : { app };
}
