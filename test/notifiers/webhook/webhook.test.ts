import { createHmac } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { webhook } from "../../../src/notifiers/webhook/index.js";
import { describeNotifier, incident, message } from "../../contract/notifier.js";
import { type HttpSink, type SinkAnswer, startSilent, startSink } from "../../support/http-sink.js";

const PATH = "/hooks/t0ken-in-the-path?key=qu3ry key";
const SECRET = "hmac/secret+value";
const open = (port: number) =>
  webhook.open(webhook.spec.parse({ url: `http://127.0.0.1:${port}${PATH}`, secret: SECRET }));
const signal = new AbortController().signal;

describeNotifier({
  name: "webhook",
  threads: false,
  async start() {
    const sink = await startSink(() => ({ status: 200 }));
    const refusing = await startSink(({ path }) => ({ status: 403, body: `not ${path}` }));
    return {
      port: sink.port,
      refusingPort: refusing.port,
      open,
      secrets: ["t0ken-in-the-path", "qu3ry", SECRET],
      arrived: () =>
        Promise.resolve(
          sink.requests.map(({ headers, body }) => ({
            id: String(headers["webhook-id"]),
            thread: undefined,
            text: textsOf(JSON.parse(body)).join("\n"),
          })),
        ),
      async close() {
        await Promise.all([sink.close(), refusing.close()]);
      },
    };
  },
});

function textsOf(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [String(value)];
}

describe("webhook", () => {
  const sinks: HttpSink[] = [];
  const sink = async (answer: SinkAnswer) => {
    const started = await startSink(() => answer);
    sinks.push(started);
    return started;
  };
  afterEach(async () => {
    await Promise.all(sinks.splice(0).map((one) => one.close()));
  });

  it("sends the documented shape, signed over id, time and body", async () => {
    const { port, requests } = await sink({ status: 204 });
    const { note, ...shown } = incident({
      live: 2n ** 60n,
      changedBy: { by: "ana (psql)", at: "2026-01-02T03:04:01.000Z", how: "column updated_by", certainty: "likely" },
    });
    expect(note).toBeUndefined();
    await (await open(port)).deliver(message({ incidents: [shown] }), signal);
    const [request] = requests;
    expect(request?.method).toBe("POST");
    expect(request?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(request?.body ?? "")).toEqual({
      schemaVersion: 1,
      ...message({ incidents: [] }),
      incidents: [{ ...shown, live: Number(2n ** 60n) }],
    });
    // All digits, not what a double would make of them.
    expect(request?.body).toContain("1152921504606846976");
    const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = request?.headers ?? {};
    expect(Math.abs(Number(timestamp) - Date.now() / 1_000)).toBeLessThan(60);
    const expected = createHmac("sha256", SECRET).update(`${String(id)}.${String(timestamp)}.${request?.body ?? ""}`);
    expect(signature).toBe(`v1,${expected.digest("base64")}`);
  });

  it("is not signed without a secret", async () => {
    const { port, requests } = await sink({ status: 200 });
    const notifier = await webhook.open(webhook.spec.parse({ url: `http://127.0.0.1:${port}/` }));
    await notifier.deliver(message(), signal);
    expect(requests[0]?.headers).not.toHaveProperty("webhook-signature");
  });

  it.each([
    [
      { status: 429, headers: { "retry-after": "7" } },
      { code: "DELIVERY_FAILED", retryAfter: 7_000 },
    ],
    [
      { status: 503, headers: { "retry-after": "120" } },
      { code: "DELIVERY_FAILED", retryAfter: 120_000 },
    ],
    [{ status: 503, headers: { "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" } }, { retryAfter: 0 }],
    [
      { status: 503, headers: { "retry-after": "soon" } },
      { code: "DELIVERY_FAILED", retryAfter: undefined },
    ],
    [{ status: 500 }, { code: "DELIVERY_FAILED" }],
    [{ status: 408 }, { code: "DELIVERY_FAILED" }],
    [{ status: 400 }, { code: "DELIVERY_REFUSED" }],
    [{ status: 410 }, { code: "DELIVERY_REFUSED" }],
  ])("understands the answer %j", async (answer, error) => {
    const { port } = await sink(answer);
    await expect((await open(port)).deliver(message(), signal)).rejects.toMatchObject(error);
  });

  it("carries its signature to no other place", async () => {
    const elsewhere = await sink({ status: 200 });
    const { port } = await sink({ status: 307, headers: { location: `http://127.0.0.1:${elsewhere.port}/` } });
    await expect((await open(port)).deliver(message(), signal)).rejects.toMatchObject({ code: "DELIVERY_REFUSED" });
    expect(elsewhere.requests).toEqual([]);
  });

  it("gives up after its time", async () => {
    const silent = await startSilent();
    const notifier = await webhook.open(
      webhook.spec.parse({ url: `http://127.0.0.1:${silent.port}/`, timeout: "200ms" }),
    );
    await expect(notifier.deliver(message(), signal)).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    await silent.close();
  });

  it.each([{ url: "ftp://x/" }, { url: "https://me:pw@x/" }, { url: "https://x/", sekret: "a" }, {}])(
    "does not take %j",
    (spec) => {
      expect(webhook.spec.safeParse(spec).success).toBe(false);
    },
  );
});
