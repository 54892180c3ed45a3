import { Ajv } from "ajv";
import formats from "ajv-formats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pagerduty } from "../../../src/notifiers/pagerduty/index.js";
import { describeNotifier, incident, message } from "../../contract/notifier.js";
import { type HttpSink, startSink } from "../../support/http-sink.js";

const ROUTING_KEY = "r0uting/key+of 32 characters 123";
const signal = new AbortController().signal;

/** As the documentation of the Events API v2 has it. */
const link = { type: "object", required: ["href"], properties: { href: { type: "string", format: "uri" }, text: {} } };
const payload = {
  type: "object",
  required: ["summary", "source", "severity"],
  additionalProperties: false,
  properties: {
    summary: { type: "string", minLength: 1, maxLength: 1_024 },
    source: { type: "string", minLength: 1 },
    severity: { enum: ["critical", "error", "warning", "info"] },
    timestamp: { type: "string", format: "date-time" },
    component: { type: "string" },
    group: { type: "string" },
    class: { type: "string" },
    custom_details: { type: "object" },
  },
};
const ajv = new Ajv();
formats.default(ajv);
const valid = ajv.compile({
  type: "object",
  required: ["routing_key", "event_action", "dedup_key"],
  additionalProperties: false,
  properties: {
    routing_key: { type: "string", minLength: 32, maxLength: 32 },
    event_action: { enum: ["trigger", "acknowledge", "resolve"] },
    dedup_key: { type: "string", minLength: 1, maxLength: 255 },
    client: { type: "string" },
    client_url: { type: "string", format: "uri" },
    links: { type: "array", items: link },
    payload,
  },
  if: { properties: { event_action: { const: "trigger" } } },
  then: { required: ["payload"] },
});

interface Event {
  readonly event_action: string;
  readonly dedup_key: string;
  readonly payload?: {
    readonly summary: string;
    readonly severity: string;
    readonly custom_details?: Record<string, unknown>;
  };
}
const eventsOf = ({ requests }: HttpSink) => requests.map(({ body }) => JSON.parse(body) as Event);
/** Answers as PagerDuty does. */
const startPagerduty = () =>
  startSink(({ path, body }) =>
    path === "/v2/enqueue" && valid(JSON.parse(body))
      ? { status: 202, body: '{"status":"success"}' }
      : { status: 400, body: JSON.stringify({ status: "invalid event", errors: valid.errors }) },
  );
const open = (port: number) =>
  pagerduty.open(pagerduty.spec.parse({ routingKey: ROUTING_KEY, url: `http://127.0.0.1:${port}/v2/enqueue` }));

describeNotifier({
  name: "pagerduty",
  threads: false,
  async start() {
    const sink = await startPagerduty();
    const refusing = await startSink(({ body }) => ({ status: 400, body }));
    return {
      port: sink.port,
      refusingPort: refusing.port,
      open,
      secrets: [ROUTING_KEY],
      arrived: () =>
        Promise.resolve(
          eventsOf(sink).map((event) => ({
            id: event.dedup_key,
            thread: undefined,
            text: [event.payload?.summary, ...Object.values(event.payload?.custom_details ?? {})].join("\n"),
          })),
        ),
      async close() {
        await Promise.all([sink.close(), refusing.close()]);
      },
    };
  },
});

describe("pagerduty", () => {
  let sink: HttpSink;
  beforeEach(async () => {
    sink = await startPagerduty();
  });
  afterEach(() => sink.close());

  it("is one event an incident, resolved by its fingerprint", async () => {
    const notifier = await open(sink.port);
    const incidents = [incident({ fingerprint: "a" }), incident({ fingerprint: "b", severity: "critical" })];
    await notifier.deliver(message({ incidents }), signal);
    await notifier.deliver(message({ id: "2", kind: "resolved", incidents: incidents.slice(0, 1) }), signal);
    expect(
      eventsOf(sink).map(({ event_action, dedup_key, payload: sent }) => [event_action, dedup_key, sent?.severity]),
    ).toEqual([
      ["trigger", "a", "error"],
      ["trigger", "b", "critical"],
      ["resolve", "a", undefined],
    ]);
  });

  it("leaves nobody paged by a test, and pages nobody for a report", async () => {
    const notifier = await open(sink.port);
    await notifier.deliver(message({ kind: "test", incidents: [] }), signal);
    await notifier.deliver(message({ kind: "report", incidents: [] }), signal);
    expect(eventsOf(sink).map(({ event_action }) => event_action)).toEqual(["trigger", "resolve"]);
  });
});
