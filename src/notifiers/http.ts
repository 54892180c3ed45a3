import { TrueupError } from "../core/errors.js";
import { unreachable, within } from "./failure.js";

export interface HttpRequest {
  readonly method?: "GET" | "POST" | "PATCH";
  /** May hold a token: errors name its host only. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
  /** Milliseconds; default: ten seconds. */
  readonly timeout?: number;
}

export interface HttpAnswer {
  readonly headers: Headers;
  readonly body: string;
}

const TIMEOUT_MS = 10_000;
/** The answers we read are far shorter. */
const ANSWER_BYTES = 8_000_000;
/** Below 500, but the same request may be taken later. */
const LATER = new Set([408, 425, 429]);

/**
 * One request, and its answer of 2xx. A redirect is not followed: it would carry the signature or token to wherever it says.
 * The other side's words stay out of errors: they may repeat what we sent.
 * @throws TrueupError DELIVERY_FAILED, DELIVERY_REFUSED; the reason of `signal` where that aborts
 */
export async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const where = hostOf(request.url);
  const answer = await within((stop) => exchange(request, stop), {
    where,
    milliseconds: request.timeout ?? TIMEOUT_MS,
    signal,
  });
  const fault = faultOf(answer, where);
  if (fault !== undefined) throw fault;
  return answer;
}

/** Host and port: as much of a URL as an error may tell. */
export function hostOf(url: string): string {
  return new URL(url).host;
}

async function exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer & { readonly status: number }> {
  const { url, body, method = "POST" } = request;
  try {
    const response = await fetch(url, {
      method,
      signal,
      redirect: "manual",
      headers: {
        "user-agent": "trueup",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...request.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, headers: response.headers, body: await readBody(response) };
  } catch (error) {
    if (signal.aborted || error instanceof TrueupError) throw error;
    throw unreachable(hostOf(url), error);
  }
}

async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let size = 0;
  let text = "";
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.byteLength;
    if (size > ANSWER_BYTES) {
      throw new TrueupError("DELIVERY_FAILED", `${hostOf(response.url)} answers more than ${ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(bytes, { stream: true });
  }
  return text + decoder.decode();
}

function faultOf(
  { status, headers }: { readonly status: number; readonly headers: Headers },
  where: string,
): TrueupError | undefined {
  if (status >= 200 && status < 300) return undefined;
  const retryAfter = retryAfterOf(headers);
  // GitHub tells of its rate limits by 403.
  const limited = status === 403 && (retryAfter !== undefined || headers.get("x-ratelimit-remaining") === "0");
  if (status >= 500 || LATER.has(status) || limited) {
    return new TrueupError("DELIVERY_FAILED", `${where} answered ${status}`, {
      retryAfter,
      hint: "the delivery is tried again",
    });
  }
  return new TrueupError("DELIVERY_REFUSED", `${where} answered ${status}`, { hint: hintOf(status) });
}

function hintOf(status: number): string {
  if (status < 400) return "give the address to which it redirects: redirects are not followed";
  if (status === 401 || status === 403) return "check the credential and what it allows";
  if (status === 404 || status === 410) return "check the whole address: nothing takes messages there";
  return "check the settings of this notifier against what the service expects";
}

/** Milliseconds from now. The header holds seconds or a date; GitHub's other one holds seconds since 1970. */
function retryAfterOf(headers: Headers): number | undefined {
  const after = headers.get("retry-after");
  const reset = headers.get("x-ratelimit-remaining") === "0" ? headers.get("x-ratelimit-reset") : null;
  if (after !== null && /^\d+$/.test(after)) return Number(after) * 1_000;
  const at = after === null ? Number(reset ?? Number.NaN) * 1_000 : Date.parse(after);
  return Number.isFinite(at) ? Math.max(0, at - Date.now()) : undefined;
}
