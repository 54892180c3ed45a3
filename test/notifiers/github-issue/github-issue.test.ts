import { createEmulator, type Emulator } from "emulate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { githubIssue } from "../../../src/notifiers/github-issue/index.js";
import { describeNotifier, HOSTILE, incident, message } from "../../contract/notifier.js";
import { type HttpSink, startSink } from "../../support/http-sink.js";

const TOKEN = "ghp_s3cret+token/1";
const signal = new AbortController().signal;
const open = (port: number) =>
  githubIssue.open(
    githubIssue.spec.parse({ repository: "octocat/ops", token: TOKEN, apiUrl: `http://127.0.0.1:${port}` }),
  );
const start = () =>
  createEmulator({
    service: "github",
    port: 0,
    seed: {
      github: { users: [{ login: "octocat" }], repos: [{ owner: "octocat", name: "ops" }] },
      tokens: { [TOKEN]: { login: "octocat", scopes: ["repo"] } },
    },
  });
const portOf = ({ url }: Emulator) => Number(new URL(url).port);

interface Item {
  readonly number: number;
  readonly title?: string;
  readonly body: string;
  readonly state: string;
  readonly labels: readonly { readonly name: string }[];
}

async function list(emulator: Emulator, path: string): Promise<readonly Item[]> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const response = await fetch(`${emulator.url}/repos/octocat/ops/issues${path}`, { headers });
  return (await response.json()) as Item[];
}

/** What a reader sees of the HTML that we write. */
const shown = (html: string) =>
  html
    .replaceAll(/<!--.*?-->|<\/?(?:table|tr|td|th|pre|code|p|a)\b[^>]*>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
const idOf = (body: string) => /<!-- (trueup:.*?) -->/.exec(body)?.[1] ?? "";

describeNotifier({
  name: "github-issue",
  threads: true,
  doubles: "dropped",
  async start() {
    const emulator = await start();
    const refusing = await startSink(() => ({ status: 401, body: `{"message":"not ${TOKEN}"}` }));
    return {
      port: portOf(emulator),
      refusingPort: refusing.port,
      open,
      secrets: [TOKEN],
      async arrived() {
        const issues = [...(await list(emulator, "?state=all&per_page=100"))].sort((a, b) => a.number - b.number);
        const all = await Promise.all(
          issues.map(async ({ number, title, body }) => [
            { id: idOf(body), thread: undefined, text: `${title ?? ""}\n${shown(body)}` },
            ...(await list(emulator, `/${number}/comments`)).map((comment) => ({
              id: idOf(comment.body),
              thread: String(number),
              text: shown(comment.body),
            })),
          ]),
        );
        return all.flat();
      },
      async close() {
        await Promise.all([emulator.close(), refusing.close()]);
      },
    };
  },
});

describe("github-issue", () => {
  let emulator: Emulator;
  const sinks: HttpSink[] = [];
  beforeEach(async () => {
    emulator = await start();
  });
  afterEach(async () => {
    await emulator.close();
    await Promise.all(sinks.splice(0).map((one) => one.close()));
  });

  it("is one issue an incident, closed by its last message, however often each message comes", async () => {
    const notifier = await open(portOf(emulator));
    const { thread } = await notifier.deliver(message(), signal);
    expect(await notifier.deliver(message(), signal)).toEqual({ thread });
    if (thread === undefined) throw new Error("no thread");
    for (const kind of ["escalated", "escalated", "resolved", "resolved"] as const) {
      await notifier.deliver(message({ id: kind, kind, thread }), signal);
    }
    const [issue, ...others] = await list(emulator, "?state=all");
    expect(others).toEqual([]);
    expect(issue).toMatchObject({ state: "closed", number: Number(thread), labels: [{ name: "trueup" }] });
    expect(await list(emulator, `/${thread}/comments`)).toHaveLength(2);
  });

  it("writes what comes from outside where GitHub neither calls people nor links nor formats", async () => {
    const notifier = await open(portOf(emulator));
    const changedBy = { by: HOSTILE, how: "</code>", certainty: "possible" } as const;
    const hostile = incident({
      changedBy,
      target: HOSTILE,
      live: "@octocat\n\n# head",
      rule: "</code>#1",
      note: "-->",
    });
    await notifier.deliver(message({ text: `${HOSTILE}\n\n@octocat </pre> #1`, incidents: [hostile] }), signal);
    const body = (await list(emulator, ""))[0]?.body ?? "";
    const outside = body.replaceAll(/<pre>[^<]*<\/pre>|<code>[^<]*<\/code>/g, "").replace(/<!-- [\w:-]+ -->$/, "");
    expect(outside).not.toMatch(/@|#|`|&|octocat/);
    expect(body).toContain("@octocat &lt;/pre&gt; #1</pre>");
  });

  it("waits for GitHub's rate limit", async () => {
    const reset = Math.floor(Date.now() / 1_000) + 60;
    const limited = await startSink(() => ({
      status: 403,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(reset) },
    }));
    sinks.push(limited);
    const delivery = (await open(limited.port)).deliver(message(), signal);
    const error = (await delivery.catch((reason: unknown) => reason)) as { code: string; retryAfter: number };
    expect(error.code).toBe("DELIVERY_FAILED");
    expect(error.retryAfter).toBeGreaterThan(30_000);
    expect(error.retryAfter).toBeLessThanOrEqual(61_000);
  });
});
