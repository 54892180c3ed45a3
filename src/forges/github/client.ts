import type { Octokit } from "@octokit/rest";
import type { Pace } from "../forge.js";

/** How Trueup proves who it is: a token, or a GitHub App installed on the repository. */
export type GitHubIdentity =
  | { readonly token: string }
  | { readonly app: { readonly id: number; readonly installation: number; readonly privateKey: string } };

export interface GitHubOptions {
  /** `owner/name` */
  readonly repository: string;
  readonly identity: GitHubIdentity;
  /** `https://github.example.com/api/v3` for GitHub Enterprise Server; default github.com. */
  readonly baseUrl?: string;
  /** Default `polite`. */
  readonly pace?: Pace;
}

/** Longer waits are the caller's: a cycle shall not stand still until GitHub's hour is over. */
const LONGEST_WAIT_S = 10;

/** An Octokit that waits out short rate limits and, twice, server errors and answers that were cut off. */
export async function openClient({ identity, baseUrl, pace = "polite" }: GitHubOptions): Promise<Octokit> {
  const [{ Octokit }, { throttling }, { retry }] = await Promise.all([
    import("@octokit/rest"),
    import("@octokit/plugin-throttling"),
    import("@octokit/plugin-retry"),
  ]);
  // What comes first is closest to the request: the others see what it throws.
  const Client = Octokit.plugin(refuseFragments, throttling, retry);
  const waitShortly = (seconds: number, _: object, __: object, retries: number) =>
    seconds <= LONGEST_WAIT_S && retries < 2;
  return new Client({
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(await authentication(identity)),
    userAgent: "trueup",
    // What the throttling gives up must not be tried again by the other.
    retry: { retries: 2, doNotRetry: [304, 400, 401, 403, 404, 410, 422, 429, 451], ...WAITS[pace] },
    throttle: { onRateLimit: waitShortly, onSecondaryRateLimit: waitShortly, ...WAITS[pace], ...PAUSES[pace] },
    // Octokit's own words go to the console, and would hold addresses.
    log: { debug: silent, info: silent, warn: silent, error: silent },
  });
}

/** How long both plugins take a second for, in ms, when an attempt or a rate limit is to be waited out. */
const WAITS: Readonly<Record<Pace, object>> = { polite: {}, none: { retryAfterBaseValue: 0 } };

/** What keeps writes apart; polite is Octokit's own: a second, and three where people are notified. */
const NO_PAUSE = { key: () => ({ schedule: (_: object, next: () => Promise<void>) => next() }) };
const PAUSES: Readonly<Record<Pace, object>> = { polite: {}, none: { write: NO_PAUSE, notifications: NO_PAUSE } };

/** Where people look, by where programs ask: `https://host/api/v3`, or `https://api.host` where GitHub hosts it. */
export function webOf(baseUrl = "https://api.github.com"): string {
  const { protocol, host } = new URL(baseUrl);
  return `${protocol}//${host.replace(/^api\.(?=github\.com$|.*\.ghe\.com$)/, "")}`;
}

/** Octokit hands on what has arrived of an answer that was cut off, and any page of HTML, as a text. */
function refuseFragments(octokit: { readonly hook: Octokit["hook"] }): void {
  octokit.hook.after("request", ({ status, data }, request) => {
    if (status === 204 || typeof data !== "string") return;
    // As Octokit's own errors are, which the retrying reads; without the headers, which hold the credential.
    throw Object.assign(new Error("the answer is cut off, or no JSON"), {
      status: 500,
      request: { ...request, headers: {} },
    });
  });
}

async function authentication(identity: GitHubIdentity): Promise<object> {
  if ("token" in identity) return { auth: identity.token };
  const { createAppAuth } = await import("@octokit/auth-app");
  const { id, installation, privateKey } = identity.app;
  return { authStrategy: createAppAuth, auth: { appId: id, installationId: installation, privateKey } };
}

function silent(): void {
  // What goes wrong is thrown, and told by whoever asked.
}
