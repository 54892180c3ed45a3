import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Question, wordOf } from "../../src/promotion/external.js";
import type { Session } from "../../src/reconcile/session.js";
import { type HttpSink, type SinkAnswer, startSink } from "../support/http-sink.js";
import { makeWorld, type World } from "../support/world.js";

const SECRET = "whsec_aHVudGVyMg==";

let world: World;
let session: Session;
let sink: HttpSink;
let answer: () => SinkAnswer | undefined;
beforeAll(async () => {
  sink = await startSink(() => answer());
  const url = `http://127.0.0.1:${sink.port}/ask?token=hunter2`;
  world = await makeWorld({ webhooks: { board: { url, secret: SECRET, timeout: "300ms" } } });
  session = world.open();
});
afterAll(async () => {
  await world.close();
  await sink.close();
});

/** About another revision each time: nothing is known of it. */
const question = (): Question => ({ from: "dev", to: "prod", revision: randomUUID(), commits: [], changes: 0 });

describe("the word of a webhook", () => {
  it.each<[string, SinkAnswer | undefined, string, string]>([
    [
      "refuses",
      { status: 200, body: '{"state":"failed","reason":"frozen for the audit"}' },
      "failed",
      "frozen for the audit",
    ],
    ["gives no reason", { status: 200, body: '{"state":"failed"}' }, "failed", "HOST says failed"],
    ["repeats the secret", { status: 200, body: `{"state":"failed","reason":"${SECRET}"}` }, "failed", "•••"],
    [
      "talks too much",
      { status: 200, body: `{"state":"failed","reason":"${"x".repeat(999)}"}` },
      "failed",
      `${"x".repeat(300)}…`,
    ],
    [
      "knows another state",
      { status: 200, body: '{"state":"waived"}' },
      "pending",
      "HOST answered something else than a state and a reason",
    ],
    [
      "is no such thing",
      { status: 200, body: "<html>" },
      "pending",
      "HOST answered something else than a state and a reason",
    ],
    ["is broken", { status: 500, body: "hunter2" }, "pending", "HOST answered 500"],
    ...[408, 425, 429, 503].map((status): [string, SinkAnswer, string, string] => [
      ...([`asks for patience by ${status}`, { status }, "pending", `HOST answered ${status}`] as const),
    ]),
    ...[400, 401, 403, 404, 410, 422].map((status): [string, SinkAnswer, string, string] => [
      ...([`refuses the question by ${status}`, { status, body: "hunter2" }, "failed"] as const),
      `HOST answered ${status}: it does not take the question; check the webhook \`board\` of trueup.yaml`,
    ]),
    [
      "sends on",
      { status: 302, headers: { location: "/" } },
      "failed",
      "HOST answered 302: it does not take the question; check the webhook `board` of trueup.yaml",
    ],
    ["never answers", undefined, "pending", "HOST did not answer within 300 ms"],
  ])("where it %s", async (_, given, state, reason) => {
    answer = () => given;
    expect(await wordOf(session, { webhook: "board", question: question() }, session.stop)).toEqual({
      state,
      reason: reason.replace("HOST", `127.0.0.1:${sink.port}`),
    });
  });

  it("keeps nobody who no longer wants to know", async () => {
    answer = () => undefined;
    const stop = new AbortController();
    const about = question();
    const asked = wordOf(session, { webhook: "board", question: about }, stop.signal);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });

  it("is asked of none but those that trueup.yaml names", async () => {
    await expect(wordOf(session, { webhook: "baord", question: question() }, session.stop)).rejects.toMatchObject({
      ...{ code: "CONFIG_INVALID", message: "trueup.yaml names no webhook `baord`", hint: 'did you mean "board"?' },
    });
  });
});
