import { resolve } from "node:path";
import { TrueupError } from "../core/errors.js";

/** Where the repository is, and what git needs to be let in: the address is public, `settings` and `secrets` are not. */
export interface Remote {
  /** What git gets on its command line and what messages show: without password or token. A folder is absolute. */
  readonly url: string;
  readonly isFolder: boolean;
  /** Git settings that hold the credential; they travel in the environment of the child process only. */
  readonly settings: Readonly<Record<string, string>>;
  /** Every spelling of the credential, for redaction. */
  readonly secrets: readonly string[];
}

/** ext:: and fd:: run commands, and other helpers are whatever `git-remote-*` is in PATH. */
export const PROTOCOLS = ["http", "https", "ssh", "git", "file"] as const;

/** Any user name goes with a token on most forges; this is the one that GitHub documents. */
const ANY_USER = "x-access-token";

/**
 * Takes the credential out of the address. `username` and `token` win over those in the URL, and count for http and https.
 * @throws TrueupError CONFIG_INVALID, without the address where that may hold a credential.
 */
export function parseRemote(options: { url: string; token?: string; username?: string }): Remote {
  const url = options.url.trim();
  if (url === "" || url.startsWith("-") || /\p{Cc}/u.test(url))
    throw invalid("the repository's url is no URL or folder");
  if (/^[\w+.-]+::/.test(url))
    throw invalid(`"${url.slice(0, url.indexOf("::"))}::" addresses run a command of their own`);
  if (!url.includes("://")) {
    const folder = isFolder(url);
    return { url: folder ? resolve(url) : url, isFolder: folder, settings: {}, secrets: [] };
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const scheme = parsed?.protocol.slice(0, -1);
  if (parsed === undefined || !PROTOCOLS.some((known) => known === scheme)) {
    throw invalid("the repository's url cannot be read");
  }
  if (scheme === "http" || scheme === "https") return httpRemote(parsed, options);
  if (parsed.password !== "") throw invalid(`git takes no password in a ${scheme ?? ""} URL`, "Use an ssh key.");
  return { url, isFolder: false, settings: {}, secrets: [] };
}

function httpRemote(url: URL, options: { token?: string; username?: string }): Remote {
  if (url.search !== "" || url.hash !== "") throw invalid("the repository's url has a query or a fragment");
  const inUrl = { username: decoded(url.username), password: decoded(url.password) };
  url.username = "";
  url.password = "";
  const token = options.token?.trim() ?? "";
  const password = token === "" ? inUrl.password : token;
  const username = options.username ?? (inUrl.username !== "" || password === "" ? inUrl.username : ANY_USER);
  if (username === "" && password === "") return { url: url.href, isFolder: false, settings: {}, secrets: [] };

  const basic = Buffer.from(`${username}:${password}`).toString("base64");
  // A header rather than an askpass program: no file on disk, and no first request that only earns a 401.
  const settings: Record<string, string> = { [`http.${url.origin}/.extraHeader`]: `Authorization: Basic ${basic}` };
  if (password !== "") {
    // After a redirect git talks to the new host itself, and would take the header along.
    settings["http.followRedirects"] = "false";
    // A refused token is an error; another credential that happens to lie around is no answer to it.
    settings["credential.helper"] = "";
  }
  // `https://TOKEN@host/` is a common spelling, so a user name without a password is a secret, too.
  const secret = password === "" ? username : password;
  return { url: url.href, isFolder: false, settings, secrets: [basic, secret, encodeURIComponent(secret)] };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(
      "the user or the password in the repository's url is not percent-encoded",
      "Write % as %25, @ as %40.",
    );
  }
}

/** Git's own rule: `host:path` is ssh where the colon comes before the first slash; everything else without `://` is a folder. */
export function isFolder(url: string): boolean {
  const colon = url.indexOf(":");
  const slash = url.indexOf("/");
  return colon === -1 || (slash !== -1 && slash < colon) || (process.platform === "win32" && colon === 1);
}

/** The text without the credential, and without whatever stands before the `@` of any URL in it. */
export function redact(text: string, remote: Remote): string {
  const clean = remote.secrets.filter((secret) => secret !== "");
  return clean
    .reduce((rest, secret) => rest.replaceAll(secret, "***"), text)
    .replaceAll(/(https?:\/\/)[^/@\s]+@/g, "$1");
}

function invalid(message: string, hint?: string): TrueupError {
  return new TrueupError("CONFIG_INVALID", message, {
    hint: hint ?? "Give an https, ssh, git or file URL, host:path, or a folder, under repository.url.",
  });
}
