import { TrueupError } from "../core/errors.js";
import type { ForgeSpec } from "./registry.js";

/** @throws TrueupError CONNECTION_FAILED (may pass), CONNECTION_DENIED */
type Token = (signal: AbortSignal) => Promise<string | undefined>;

/**
 * The token by which git is let in at an address, where that is the repository of a forge that knows Trueup as an App: one for an hour,
 * renewed in time. Undefined for any other address, for one that holds a credential, and for a forge with a `token`: that was
 * given for the forge's interface, and git's is `repository.token`.
 * @param forge asked anew each time: it may change while a controller runs
 */
export function gitAccess(url: string, forge: () => ForgeSpec): Token {
  let known: { readonly spec: ForgeSpec; readonly token: Promise<Token> } | undefined;
  return async (signal) => {
    const spec = forge();
    if (known?.spec !== spec) {
      const opening = open(spec, url);
      known = { spec, token: opening };
      opening.catch(() => (known = undefined));
    }
    try {
      return await (
        await known.token
      )(signal);
    } catch (error) {
      throw ofGit(error);
    }
  };
}

async function open(spec: ForgeSpec, url: string): Promise<Token> {
  if (spec.kind !== "github" || spec.app === undefined) return () => Promise.resolve(undefined);
  const { openGitToken } = await import("./github/git-token.js");
  const { app, repository, url: baseUrl } = spec;
  return openGitToken(url, { repository, identity: { app }, ...(baseUrl === undefined ? {} : { baseUrl }) });
}

/** In the words of who wanted to reach the repository. */
function ofGit(error: unknown): unknown {
  if (!(error instanceof TrueupError)) return error;
  const { code, message, hint, retryAfter } = error;
  if (code !== "DELIVERY_FAILED" && code !== "DELIVERY_REFUSED") return error;
  const own = code === "DELIVERY_FAILED" ? "CONNECTION_FAILED" : "CONNECTION_DENIED";
  return new TrueupError(own, message, { hint, retryAfter, cause: error });
}
