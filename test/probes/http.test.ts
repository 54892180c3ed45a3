import { afterEach, describe, expect, it } from "vitest";
import { http } from "../../src/probes/http/index.js";
import type { ProbeResult } from "../../src/probes/probe.js";
import { deadPort, startSilent, startSink, type SinkAnswer } from "../support/http-sink.js";

const never = new AbortController().signal;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function open(spec: Readonly<Record<string, unknown>>) {
  return http.open(http.schema.parse(spec), { folder: "/", environment: "staging" });
}

async function ask(answer: SinkAnswer, spec: Readonly<Record<string, unknown>> = {}): Promise<ProbeResult> {
  const sink = await startSink(() => answer);
  closing.push(() => sink.close());
  const probe = await open({ url: `http://127.0.0.1:${sink.port}/health?token=hunter2`, ...spec });
  const { healthy, detail } = await probe.check(never);
  return { healthy, detail: detail.replace(`127.0.0.1:${sink.port}`, "HOST") };
}

describe("the probe `http`", () => {
  it.each([
    [{ status: 200, body: "ok" }, {}, true, "HOST answered 200"],
    [{ status: 204 }, {}, true, "HOST answered 204"],
    [{ status: 204 }, { status: 200 }, false, "HOST answered 204 instead of 200"],
    [{ status: 503 }, { status: 503 }, true, "HOST answered 503"],
    [{ status: 500, body: "hunter2" }, {}, false, "HOST answered 500 instead of 2xx"],
    [{ status: 302, headers: { location: "/elsewhere" } }, {}, false, "HOST answered 302 instead of 2xx"],
    [
      { status: 200, body: '{"state":"ok"}' },
      { contains: '"ok"' },
      true,
      "HOST answered 200, and its text has what it should contain",
    ],
    [
      { status: 200, body: "hunter2" },
      { contains: "ok" },
      false,
      "HOST answered 200, and its text does not have what it should contain",
    ],
  ] as const)("answered with %j, asked with %j", async (answer, spec, healthy, detail) => {
    expect(await ask(answer, spec)).toEqual({ healthy, detail });
  });

  it("reads a long answer no further than a megabyte", async () => {
    expect(await ask({ status: 200, body: "x".repeat(3_000_000) + "ok" }, { contains: "ok" })).toMatchObject({
      healthy: false,
    });
  });

  it("sends the headers that it is given", async () => {
    const sink = await startSink(({ headers }) => ({ status: headers.authorization === "Bearer t" ? 200 : 401 }));
    closing.push(() => sink.close());
    const url = `http://127.0.0.1:${sink.port}`;
    expect(await (await open({ url, headers: { authorization: "Bearer t" } })).check(never)).toMatchObject({
      healthy: true,
    });
  });

  it("is unhealthy where nothing listens, and where nobody answers in time", async () => {
    const port = await deadPort();
    expect(await (await open({ url: `http://127.0.0.1:${port}/?token=hunter2` })).check(never)).toEqual({
      healthy: false,
      detail: `127.0.0.1:${port}: nothing listens there`,
    });
    const silent = await startSilent();
    closing.push(() => silent.close());
    const probe = await open({ url: `http://127.0.0.1:${silent.port}`, timeout: "100ms" });
    expect(await probe.check(never)).toEqual({
      healthy: false,
      detail: `127.0.0.1:${silent.port} did not answer within 100 ms`,
    });
  });

  it("throws nothing but the reason why nobody wants to know any more", async () => {
    const silent = await startSilent();
    closing.push(() => silent.close());
    const stop = new AbortController();
    const asked = (await open({ url: `http://127.0.0.1:${silent.port}` })).check(stop.signal);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });

  it("refuses an address with a password in it, which would show up in logs", () => {
    expect(http.schema.safeParse({ url: "http://a:b@h/" }).success).toBe(false);
  });
});
