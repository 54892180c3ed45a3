import { createEmulator, type Emulator } from "emulate";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { slack } from "../../../src/notifiers/slack/index.js";
import {
  type Arrival,
  describeNotifier,
  HOSTILE,
  incident,
  message,
  type NotifierPlace,
} from "../../contract/notifier.js";
import { type HttpSink, type SinkAnswer, startSink } from "../../support/http-sink.js";

const TOKEN = "xoxb-s3cret+token/1";
const HOOK = "/services/T000000001/B000000001/X000000001";
const CHANNEL = "C000000001";
const signal = new AbortController().signal;

const bot = (port: number) =>
  slack.open(slack.spec.parse({ token: TOKEN, channel: CHANNEL, apiUrl: `http://127.0.0.1:${port}/api` }));
const hook = (port: number) => slack.open(slack.spec.parse({ url: `http://127.0.0.1:${port}${HOOK}` }));

interface Block {
  readonly block_id?: string;
  readonly text?: { readonly text: string };
  readonly elements?: readonly { readonly text: string }[];
}
interface SlackMessage {
  readonly ts: string;
  readonly thread_ts?: string;
  readonly text: string;
  readonly blocks?: readonly Block[];
}

async function messagesOf(url: string): Promise<readonly SlackMessage[]> {
  const call = async (method: string, query: object) => {
    const response = await fetch(`${url}/api/${method}`, {
      method: "POST",
      headers: { authorization: "Bearer xoxb-reader", "content-type": "application/json" },
      body: JSON.stringify({ channel: CHANNEL, limit: 100, ...query }),
    });
    return ((await response.json()) as { messages: SlackMessage[] }).messages;
  };
  const history = await call("conversations.history", {});
  const threads = await Promise.all(history.map(({ ts }) => call("conversations.replies", { ts })));
  const all = new Map([...history, ...threads.flat()].map((one) => [one.ts, one]));
  return [...all.values()].sort((a, b) => Number(a.ts) - Number(b.ts));
}

/** As Slack shows it: entities are characters again. */
const shown = (text: string) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const rawTextsOf = ({ blocks = [] }: SlackMessage) =>
  blocks.flatMap(({ text, elements = [] }) => [...(text ? [text.text] : []), ...elements.map((one) => one.text)]);

async function place(open: NotifierPlace["open"], refusal: SinkAnswer): Promise<NotifierPlace> {
  const emulator = await createEmulator({ service: "slack", port: 0 });
  const refusing = await startSink(() => refusal);
  return {
    port: Number(new URL(emulator.url).port),
    refusingPort: refusing.port,
    open,
    secrets: [TOKEN, "X000000001"],
    arrived: async () =>
      (await messagesOf(emulator.url)).map((one): Arrival => ({
        id: one.blocks?.[0]?.block_id ?? "",
        thread: one.thread_ts,
        text: rawTextsOf(one).map(shown).join("\n"),
      })),
    async close() {
      await Promise.all([emulator.close(), refusing.close()]);
    },
  };
}

describeNotifier({
  name: "slack, a bot",
  threads: true,
  start: () => place(bot, { status: 200, body: '{"ok":false,"error":"invalid_auth"}' }),
});
describeNotifier({
  name: "slack, an incoming webhook",
  threads: false,
  start: () => place(hook, { status: 404, body: "no_service" }),
});

describe("slack", () => {
  const sinks: HttpSink[] = [];
  const sink = async (answer: SinkAnswer) => {
    const started = await startSink(() => answer);
    sinks.push(started);
    return started;
  };
  let emulator: Emulator;
  beforeEach(async () => {
    emulator = await createEmulator({ service: "slack", port: 0 });
  });
  afterEach(async () => {
    await emulator.close();
    await Promise.all(sinks.splice(0).map((one) => one.close()));
  });

  it("neither calls, links nor formats what comes from outside", async () => {
    const notifier = await bot(Number(new URL(emulator.url).port));
    const changedBy = { by: HOSTILE, how: HOSTILE, certainty: "possible" } as const;
    const texts = { path: HOSTILE, live: HOSTILE, desired: "<@U000000001>", rule: HOSTILE, note: HOSTILE };
    const hostile = incident({ ...texts, changedBy });
    await notifier.deliver(message({ title: HOSTILE, text: HOSTILE, incidents: [hostile] }), signal);
    const [one] = await messagesOf(emulator.url);
    // Plain text is not parsed; in mrkdwn every bracket of ours but the one link is an entity, and every span is closed.
    const parsed = (one?.blocks ?? []).slice(2).flatMap((block) => rawTextsOf({ ts: "", text: "", blocks: [block] }));
    expect(parsed).toHaveLength(2);
    for (const text of parsed) {
      expect(text.replace("<https://trueup.example/prod|Read more>", "")).not.toMatch(/[<>]/);
      for (const line of text.split("\n")) expect(line.replaceAll(/`[^`]+`/g, "")).toMatch(/^[🟠 a-z·:A-Z<>/.|]*$/u);
    }
    expect(one?.text).not.toMatch(/[<>]/);
  });

  it("waits as long as Slack says", async () => {
    const limited = await sink({ status: 429, headers: { "retry-after": "30" } });
    for (const open of [bot, hook]) {
      await expect((await open(limited.port)).deliver(message(), signal)).rejects.toMatchObject({
        code: "DELIVERY_FAILED",
        retryAfter: 30_000,
      });
    }
  });

  it.each([
    ["internal_error", "DELIVERY_FAILED"],
    ["channel_not_found", "DELIVERY_REFUSED"],
    [`${TOKEN} is wrong`, "DELIVERY_FAILED"],
  ])("takes the answer %j as %s", async (error, code) => {
    const { port } = await sink({ status: 200, body: JSON.stringify({ ok: false, error }) });
    await expect((await bot(port)).deliver(message(), signal)).rejects.toMatchObject({ code });
  });

  it.each([{}, { url: "https://x/", token: "t", channel: "c" }, { token: "t" }, { channel: "c" }])(
    "does not take %j",
    (spec) => {
      expect(slack.spec.safeParse(spec).success).toBe(false);
    },
  );
});
