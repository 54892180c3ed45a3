import { type ErrorCode, TrueupError } from "../core/errors.js";
import { GitExit, GitSilent, SHALLOW } from "./command.js";
import { redact, type Remote } from "./remote.js";

interface Rule {
  readonly said: RegExp;
  readonly code: ErrorCode;
  readonly means: string;
  readonly hint: string;
}

/** What git says of its own host (in English: LC_ALL is C). The first rule that matches counts. */
const HOST: readonly Rule[] = [
  {
    said: /spawn \S+ ENOENT|'git' is not recognized/,
    code: "GIT_FAILED",
    means: "git was not found",
    hint: "Install git 2.39 or newer and put it into PATH.",
  },
  {
    said: /No space left on device|Disk quota exceeded/i,
    code: "GIT_FAILED",
    means: "the disk with the mirror is full",
    hint: "Make room below the stateDirectory.",
  },
  {
    said: /insufficient permission|(cannot|could not|unable to) (open|create|write|mkdir).*(Permission denied|Read-only)/i,
    code: "GIT_FAILED",
    means: "the mirror cannot be written",
    hint: "Let the user that runs trueup own the stateDirectory.",
  },
];

const CUT_OFF: Rule = {
  said: SHALLOW,
  code: "GIT_FAILED",
  means:
    "it is a shallow clone, whose history is cut off: nothing can be told of how its branches descend from each other",
  hint: "Run `git fetch --unshallow` there (in GitHub Actions: `fetch-depth: 0` for actions/checkout), or name the repository that it was cloned from.",
};

/** What it says of the remote. CONNECTION_FAILED may pass by itself. */
const REMOTE: readonly Rule[] = [
  CUT_OFF,
  {
    said: /detected dubious ownership/,
    code: "GIT_FAILED",
    means: "the folder belongs to another user, so git does not trust it",
    hint: "As the user that runs trueup: git config --global --add safe.directory <folder>",
  },
  {
    said: /Host key verification failed/,
    code: "CONNECTION_DENIED",
    means: "the server's host key is not known, or has changed",
    hint: "Add it to known_hosts of the user that runs trueup: ssh-keyscan <host>, then compare it with what the server's owner published.",
  },
  {
    said: /could not read (Username|Password)|Authentication failed|Permission denied|terminal prompts disabled|returned error: 40[137]/i,
    code: "CONNECTION_DENIED",
    means: "the server refused the credential, or wants one",
    hint: "Check repository.token (or the ssh key): it must not have expired, and be allowed to read this repository.",
  },
  {
    said: /returned error: 30\d|unable to update url base from redirection/,
    code: "GIT_FAILED",
    means: "the server points to another address, and a token is never sent on",
    hint: "Write the repository's new address into repository.url.",
  },
  {
    said: /transport '.*' not allowed/,
    code: "GIT_FAILED",
    means: "this kind of URL is not allowed",
    hint: "Use https, ssh, git, file, or a folder.",
  },
  {
    said: /Could not resolve host|Failed to connect|Connection (refused|timed out|reset)|Couldn't connect|unable to connect|Network is unreachable|No route to host|timed out|returned error: (429|5\d\d)|early EOF|RPC failed|hung up|Empty reply|SSL|certificate|TLS|Temporary failure|Operation too slow/i,
    code: "CONNECTION_FAILED",
    means: "the server cannot be reached",
    hint: "Check the address, the network and the certificates; it is tried again at the next interval.",
  },
  {
    said: /repository .* not found|does not appear to be a git repository|not a git repository|returned error: 404|Repository not found|does not exist|No such file/i,
    code: "GIT_FAILED",
    means: "there is no git repository, or the credential may not see it",
    hint: "Check repository.url; for a folder, name the repository's own top folder and put the rest into repository.path.",
  },
];

/** The error that a person meets for a failed command. Anything that is not git's failure is handed back as it is. */
export function explain(error: unknown, remote: Remote): unknown {
  if (error instanceof GitSilent) {
    return new TrueupError("CONNECTION_FAILED", `${remote.url}: git got no answer in time`, {
      hint: "Check the server and the network; it is tried again at the next interval.",
    });
  }
  if (error instanceof Error && "syscall" in error) {
    return new TrueupError("GIT_FAILED", `the mirror cannot be written: ${error.message}`, {
      hint: "Let the user that runs trueup own the stateDirectory, and make sure that the disk has room.",
      cause: error,
    });
  }
  if (!(error instanceof GitExit)) return error;
  const rule = ruleFor([...HOST, ...REMOTE], error);
  // No cause: it would carry what git said, unredacted.
  return new TrueupError(
    rule?.code ?? "GIT_FAILED",
    `${remote.url}: ${[rule?.means, said(error, remote)].filter(Boolean).join(": ")}`,
    { hint: rule?.hint ?? "Run the same with git itself to see more." },
  );
}

/** Whether a command that failed may have met a broken mirror: nothing is known against the host. */
export function mayBeMirror(error: unknown): boolean {
  return error instanceof GitExit && error.code !== null && ruleFor(HOST, error) === undefined;
}

/** The same of a fetch: nor against the connection. (That the repository is there, `ls-remote` has just shown.) */
export function mayBeMirrorAtFetch(error: unknown): boolean {
  if (!mayBeMirror(error) || !(error instanceof GitExit)) return false;
  const rule = ruleFor(REMOTE, error);
  return rule !== CUT_OFF && rule?.code.startsWith("CONNECTION") !== true;
}

function ruleFor(rules: readonly Rule[], error: GitExit): Rule | undefined {
  return rules.find(({ said }) => said.test(error.stderr));
}

/** Whether another process holds, or left, a lock: of a file, or of a reference that it moved meanwhile. */
export function isLocked(error: unknown): boolean {
  return (
    error instanceof GitExit &&
    /\.lock': File exists|but expected [0-9a-f]{40}|reference already exists/.test(error.stderr)
  );
}

/** The one line that says most. */
function said(error: GitExit, remote: Remote): string {
  const lines = error.stderr.split("\n").map((line) => line.trim());
  const line =
    SHALLOW.exec(error.stderr)?.[0].replace(/^warning: /, "") ??
    lines.find((text) => text.startsWith("fatal:") && !text.includes("Could not read from remote repository")) ??
    lines.find((text) => /^(error|remote|ssh):/.test(text)) ??
    lines.find((text) => text !== "") ??
    `git ended with ${error.code ?? "a signal"}`;
  return redact(line.replace(/^(fatal|error|remote): */, ""), remote).slice(0, 500);
}

/** What the server itself said, for a person: its hooks and rules speak there. */
export function serverWords({ stderr }: GitExit, remote: Remote): string {
  const lines = stderr.split(/[\r\n]/).flatMap((line) => /^remote: *(.*\S)/.exec(line)?.[1] ?? []);
  return redact(lines.join(" "), remote).slice(0, 500);
}
