import { TrueupError } from "../../core/errors.js";
import { hostOf, type HttpRequest, send } from "../http.js";
import type { Message, Notifier } from "../notifier.js";
import { cut } from "../text.js";
import { oneLine } from "../../lib/one-line.js";
import { bodyOf, markerOf } from "./body.js";
import type { GithubIssueSpec } from "./spec.js";

/** Our clock and GitHub's may differ by so much. */
const CLOCKS_APART_MS = 3_600_000;

/** The first message opens an issue, later ones are its comments, the last one closes it. */
export function openGithubIssue({ repository, token, apiUrl, label }: GithubIssueSpec): Notifier {
  const issues = `${apiUrl.replace(/\/+$/, "")}/repos/${repository}/issues`;

  async function call(
    method: HttpRequest["method"],
    url: string,
    signal: AbortSignal,
    body?: object,
  ): Promise<unknown> {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/vnd.github+json",
      "x-github-api-version": "2022-11-28",
    };
    const answer = await send(
      {
        ...(method === undefined ? {} : { method }),
        url,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      signal,
    );
    try {
      return JSON.parse(answer.body);
    } catch {
      throw strange(url);
    }
  }

  /** What this message has already written there, in an attempt whose answer was lost. */
  async function written(url: string, message: Message, signal: AbortSignal): Promise<Item | undefined> {
    const since = new Date(Date.parse(message.at) - CLOCKS_APART_MS).toISOString();
    const query = `since=${encodeURIComponent(since)}&per_page=100`;
    const items = await call("GET", `${url}?${query}`, signal);
    if (!Array.isArray(items)) throw strange(url);
    return items.filter(isItem).find(({ body }) => body?.includes(markerOf(message)));
  }

  async function openIssue(message: Message, signal: AbortSignal): Promise<string> {
    const known = await written(issues, message, signal);
    const title = cut(oneLine(message.title) || "Trueup", 250);
    const issue = known ?? (await call("POST", issues, signal, { title, body: bodyOf(message), labels: [label] }));
    if (!isItem(issue) || issue.number === undefined) throw strange(issues);
    return String(issue.number);
  }

  async function comment(thread: string, message: Message, signal: AbortSignal): Promise<void> {
    const comments = `${issues}/${encodeURIComponent(thread)}/comments`;
    const known = await written(comments, message, signal);
    if (known === undefined) await call("POST", comments, signal, { body: bodyOf(message) });
  }

  return {
    async deliver(message, signal) {
      const { kind } = message;
      const thread = message.thread ?? (await openIssue(message, signal));
      if (message.thread !== undefined) await comment(thread, message, signal);
      if (kind === "resolved" || kind === "test") {
        await call("PATCH", `${issues}/${encodeURIComponent(thread)}`, signal, { state: "closed" });
      }
      return { thread };
    },
    close: () => Promise.resolve(),
  };
}

interface Item {
  readonly number?: number;
  readonly body?: string | null;
}

function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null;
}

function strange(url: string): TrueupError {
  return new TrueupError("DELIVERY_FAILED", `${hostOf(url)} answered something that is not GitHub's`, {
    hint: "check `apiUrl`: GitHub Enterprise Server has its interface below /api/v3",
  });
}
