import { TrueupError } from "../../core/errors.js";

/** What GitHub's answer means. Its message is shown; addresses and headers, which may hold a credential, are not. */
export function explain(error: unknown, repository: string): TrueupError {
  if (error instanceof TrueupError) return error;
  const status = statusOf(error);
  const details = { cause: error, retryAfter: retryAfterOf(error) };
  if (status === undefined || status === 500) {
    return new TrueupError("DELIVERY_FAILED", `GitHub did not answer for ${repository}`, {
      ...details,
      hint: "it is asked again later; if it never answers, check the network, and that GitHub Enterprise Server's `url` ends in /api/v3",
    });
  }
  if (status > 500 || status === 429 || isRateLimit(error)) {
    const reason = status > 500 ? `answered ${status}` : "asks for patience: its rate limit is used up";
    return new TrueupError("DELIVERY_FAILED", `GitHub ${reason}`, details);
  }
  const hint = isAboutInstallation(error)
    ? "check `app` under `forge:` in trueup.yaml: `id` and `privateKey` of one App, and where it is installed as `installation`, not suspended"
    : status === 401
      ? "correct the token or the App's key under `forge:` in trueup.yaml"
      : status === 403 || status === 404
        ? `let the token or the App read and write contents, issues and pull requests of ${repository}; for promotions, commit statuses, deployments and checks, too`
        : undefined;
  return new TrueupError("DELIVERY_REFUSED", `GitHub refuses (${status}): ${wordsOf(error)}`, { cause: error, hint });
}

export function statusOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("status" in error)) return undefined;
  return typeof error.status === "number" ? error.status : undefined;
}

/** Whether GitHub may have done all the same what was asked. */
export function isUncertain(error: unknown): boolean {
  return (statusOf(error) ?? 0) >= 500;
}

/** The headers of an answer that came as an error, e.g. 304. */
function headersOf(error: unknown): Readonly<Record<string, unknown>> {
  if (typeof error !== "object" || error === null || !("response" in error)) return {};
  const { response } = error;
  if (typeof response !== "object" || response === null || !("headers" in response)) return {};
  return typeof response.headers === "object" && response.headers !== null ? { ...response.headers } : {};
}

/** Whether it was GitHub's answer to an App that asked for its token. */
function isAboutInstallation(error: unknown): boolean {
  if (typeof error !== "object" || error === null || !("request" in error)) return false;
  const { request } = error;
  if (typeof request !== "object" || request === null || !("url" in request)) return false;
  return typeof request.url === "string" && request.url.endsWith("/access_tokens");
}

export function isRateLimit(error: unknown): boolean {
  const { "x-ratelimit-remaining": remaining, "retry-after": wait } = headersOf(error);
  return statusOf(error) === 403 && (remaining === "0" || wait !== undefined || isSecondary(error));
}

/** GitHub's limit of bursts, once called abuse detection: it need not come with a header. */
function isSecondary(error: unknown): boolean {
  return /secondary rate limit|abuse detection/i.test(wordsOf(error));
}

/** https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api */
function retryAfterOf(error: unknown): number | undefined {
  const headers = headersOf(error);
  const seconds = Number(headers["retry-after"]);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const reset = Number(headers["x-ratelimit-reset"]);
  const exhausted = headers["x-ratelimit-remaining"] === "0" && Number.isFinite(reset);
  if (exhausted) return Math.max(0, reset * 1000 - Date.now());
  // "Otherwise, wait for at least one minute before retrying."
  return isSecondary(error) ? 60_000 : undefined;
}

/** GitHub's own, without addresses. */
export function wordsOf(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : "").split("\n");
  return line
    .replaceAll(/https?:\/\/\S+/g, "")
    .trim()
    .slice(0, 200);
}
