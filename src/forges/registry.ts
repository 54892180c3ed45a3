import { createPrivateKey } from "node:crypto";
import { z } from "zod";
import type { Forge, Pace } from "./forge.js";
import type { GitHubIdentity } from "./github/client.js";
import type { PullRequestRecords } from "./local/index.js";

/** The PEM file that GitHub gives for an App, as PKCS#8: of all that Node reads, Octokit takes that. */
const privateKeySchema = z.string().transform((text, context) => {
  try {
    // In an environment variable line ends are often written out.
    const key = createPrivateKey(text.replaceAll("\\n", "\n"));
    if (key.asymmetricKeyType === "rsa") return key.export({ type: "pkcs8", format: "pem" }).toString();
  } catch {
    // What it says of a key need not be shown.
  }
  context.addIssue("expected the App's private key: the whole text of the PEM file that GitHub gave");
  return z.NEVER;
});

const githubSchema = z
  .strictObject({
    kind: z.literal("github"),
    repository: z.string().regex(/^[^/\s]+\/[^/\s]+$/, "expected `owner/name`"),
    token: z.string().min(1).optional(),
    app: z.strictObject({ id: z.int(), installation: z.int(), privateKey: privateKeySchema }).optional(),
    /** GitHub Enterprise Server's API: `https://github.example.com/api/v3`. */
    url: z
      .url()
      .transform((url) => url.replace(/\/+$/, ""))
      .optional(),
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
export async function openForge(
  spec: ForgeSpec,
  records: PullRequestRecords,
  pace: Pace = "polite",
): Promise<Forge | undefined> {
  if (spec.kind === "none") return undefined;
  if (spec.kind === "local") return (await import("./local/index.js")).openLocal(records);
  const { openGitHub } = await import("./github/index.js");
  const { repository, url } = spec;
  const identity = identityOf(spec);
  return openGitHub({ repository, identity, pace, ...(url === undefined ? {} : { baseUrl: url }) });
}

function identityOf({ token, app }: z.output<typeof githubSchema>): GitHubIdentity {
  return app === undefined ? { token: token ?? "" } : { app };
}
