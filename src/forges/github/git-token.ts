import { unlessAborted } from "../../lib/shared.js";
import { type GitHubOptions, openClient, webOf } from "./client.js";
import { explain } from "./failure.js";

/** Installation tokens for git at that address; undefined where the address is not the repository's own, or holds a credential. */
export async function openGitToken(url: string, options: GitHubOptions) {
  if (!isAddressOf(url, options)) return () => Promise.resolve(undefined);
  const octokit = await openClient(options);
  return async (signal: AbortSignal): Promise<string> => {
    try {
      // Kept by the client until shortly before it ends.
      const asked = octokit.auth({ type: "installation" }) as Promise<{ readonly token: string }>;
      return (await unlessAborted(asked, signal)).token;
    } catch (error) {
      signal.throwIfAborted();
      throw explain(error, options.repository);
    }
  };
}

/** A token goes nowhere but to the host, and by the protocol, of the interface that gave it. */
function isAddressOf(url: string, { repository, baseUrl }: GitHubOptions): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, host, pathname, username, password } = new URL(url);
  const named = pathname.replace(/^\//, "").replace(/(\.git)?\/?$/, "");
  const isThere = `${protocol}//${host}` === webOf(baseUrl) && named.toLowerCase() === repository.toLowerCase();
  return isThere && username === "" && password === "";
}
