import { afterEach, describe, expect, it } from "vitest";
import { TrueupError } from "../../../src/core/errors.js";
import { startBroker } from "../../../src/demo/mqtt-broker.js";
import type { MqttConnection } from "../../../src/targets/mqtt/spec.js";
import type { Target } from "../../../src/targets/target.js";
import {
  type Mosquitto,
  type MosquittoOptions,
  mosquittoUnavailable,
  opensslUnavailable,
  startMosquitto,
} from "../../support/mosquitto.js";
import { connectClient, openTarget, retain } from "../../support/mqtt.js";

const prefix = "predictor/config";
const spec = { prefix, payload: "auto" } as const;
const none = new Set<string>();
const signal = (milliseconds = 20_000) => AbortSignal.timeout(milliseconds);
const secret = "s3cret-of-the-broker";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function target(connection: MqttConnection): Promise<Target> {
  const opened = await openTarget(connection, spec);
  closing.push(() => opened.close());
  return opened;
}
async function mosquitto(options?: MosquittoOptions): Promise<Mosquitto> {
  const broker = await startMosquitto(options);
  closing.push(() => broker.close());
  return broker;
}
async function client(url: string, options?: Parameters<typeof connectClient>[1]) {
  const connected = await connectClient(url, options);
  closing.push(() => connected.endAsync(true));
  return connected;
}
async function failure(connection: MqttConnection, milliseconds?: number): Promise<TrueupError> {
  const opened = await target(connection);
  const error = await opened.observe(none, signal(milliseconds)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TrueupError)) throw new Error("expected a TrueupError", { cause: error });
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    expect(`${cause.message} ${JSON.stringify(cause)}`).not.toContain(secret);
  }
  return error;
}

describe("connecting", () => {
  it("falls back to MQTT 3.1.1 where the broker does not know 5", async () => {
    const broker = await startBroker();
    closing.push(() => broker.stop());
    await retain(await client(broker.url), [[`${prefix}/mode`, "auto"]]);
    const { document } = await (await target({ url: broker.url })).observe(none, signal());
    expect(document).toEqual({ mode: "auto" });
  });

  it("says so where it is told to speak 5 and the broker does not", async () => {
    const broker = await startBroker();
    closing.push(() => broker.stop());
    const error = await failure({ url: broker.url, protocolVersion: 5 });
    expect(error).toMatchObject({
      code: "CONNECTION_FAILED",
      hint: expect.stringContaining("protocolVersion") as string,
    });
  });

  it("says that nothing listens", async () => {
    const broker = await startBroker();
    await broker.stop();
    const error = await failure({ url: broker.url, username: "u", password: secret });
    expect(error.code).toBe("CONNECTION_FAILED");
    expect(error.message).toBe(`cannot connect to the broker 127.0.0.1:${broker.port}: nothing listens there`);
  });

  it("says that a host is not known", async () => {
    const error = await failure({ url: `mqtt://user:${secret}@no-such-host.invalid` });
    expect(error.code).toBe("CONNECTION_FAILED");
    expect(error.message).toMatch(/no-such-host\.invalid:1883: the host name (does not|cannot be) resolve/);
  });

  it("takes the login of the URL, decoded", async () => {
    const broker = await startBroker({ username: "user@site", password: "p/w" });
    closing.push(() => broker.stop());
    const url = broker.url.replace("mqtt://", "mqtt://user%40site:p%2Fw@");
    expect((await (await target({ url })).observe(none, signal())).document).toEqual({});
  });

  it("refuses a wrong password on the embedded broker", async () => {
    const broker = await startBroker({ username: "u", password: "right" });
    closing.push(() => broker.stop());
    const error = await failure({ url: broker.url, username: "u", password: secret });
    expect(error.code).toBe("CONNECTION_DENIED");
  });

  it("ends when its signal aborts while the other side says nothing", async () => {
    const { createServer } = await import("node:net");
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const stop = new AbortController();
    const sockets: { destroy(): void }[] = [];
    silent.on("connection", (socket) => {
      sockets.push(socket);
      stop.abort(new Error("stopped"));
    });
    closing.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const { port } = silent.address() as { port: number };
    const opened = await target({ url: `mqtt://127.0.0.1:${port}` });
    await expect(opened.observe(none, stop.signal)).rejects.toThrow("stopped");
  });
});

describe.skipIf(mosquittoUnavailable !== undefined)(
  `connecting to mosquitto (${mosquittoUnavailable ?? "real"})`,
  () => {
    it.each([5, 4, undefined] as const)(
      "logs in with MQTT %s, and is refused with a wrong password",
      async (version) => {
        const broker = await mosquitto({ users: { trueup: secret } });
        const versioned = version === undefined ? {} : { protocolVersion: version };
        const login = { url: broker.url, username: "trueup", ...versioned };
        expect((await (await target({ ...login, password: secret })).observe(none, signal())).document).toEqual({});
        for (const connection of [
          { ...login, password: "wrong" },
          { url: broker.url, ...versioned },
        ]) {
          const error = await failure(connection);
          expect(error.code).toBe("CONNECTION_DENIED");
          expect(error.message).toContain(`127.0.0.1:${broker.port}`);
        }
      },
    );

    it.skipIf(opensslUnavailable !== undefined)("speaks TLS, and trusts only what it is told to", async () => {
      const broker = await mosquitto({ tls: true });
      const { url, caFile } = broker;
      if (caFile === undefined) throw new Error("the broker has a certificate");
      expect((await (await target({ url, ca: caFile })).observe(none, signal())).document).toEqual({});

      const untrusted = await failure({ url });
      expect(untrusted.code).toBe("CONNECTION_FAILED");
      expect(untrusted.hint).toContain("`ca`");
      const missing = await failure({ url, ca: "/nowhere/ca.pem" });
      expect(missing).toMatchObject({ code: "CONFIG_INVALID", where: { file: "/nowhere/ca.pem" } });
      const plain = await failure({ url: url.replace("mqtts:", "mqtt:") });
      expect(plain).toMatchObject({ code: "CONNECTION_FAILED", hint: expect.stringContaining("mqtts://") as string });
    });

    it.skipIf(opensslUnavailable !== undefined)("refuses a certificate of another host", async () => {
      const broker = await mosquitto({ tls: true });
      const error = await failure({ url: broker.url.replace("localhost", "127.0.0.2"), ca: broker.caFile });
      expect(error.code).toBe("CONNECTION_FAILED");
    });

    it("does not believe a connection on which nobody answers any more", async () => {
      const broker = await mosquitto();
      const opened = await target({ url: broker.url });
      await opened.observe(none, signal());
      broker.freeze();
      await expect(opened.observe(none, signal())).rejects.toMatchObject({
        code: "CONNECTION_FAILED",
        message: expect.stringContaining("does not answer") as string,
      });
      broker.thaw();
      expect((await opened.observe(none, signal())).document).toEqual({});
    });

    it("reads nothing but an empty document from a broker that lost its retained messages", async () => {
      const broker = await mosquitto({ persistence: false });
      await retain(await client(broker.url), [[`${prefix}/mode`, "auto"]]);
      const opened = await target({ url: broker.url });
      expect((await opened.observe(none, signal())).document).toEqual({ mode: "auto" });
      await broker.stop();
      await expect(opened.observe(none, signal())).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
      await broker.start();
      expect((await opened.observe(none, signal())).document).toEqual({});
    });

    it("gives its place to another client with its clientId, and takes it back", async () => {
      const broker = await mosquitto();
      const connection = { url: broker.url, clientId: "one", protocolVersion: 5 } as const;
      const [first, second] = [await target(connection), await target(connection)];
      for (const opened of [first, second, first]) {
        expect((await opened.observe(none, signal())).document).toEqual({});
      }
    });
  },
);

describe.skipIf(mosquittoUnavailable !== undefined)(`rights (${mosquittoUnavailable ?? "mosquitto"})`, () => {
  const users = { trueup: secret, admin: "admin" };
  const admin = ["user admin", "topic readwrite #"];

  // With an unlimited queue mosquitto hangs up on a denied write, otherwise it acknowledges it, with a reason in MQTT 5.
  for (const [protocolVersion, unlimited] of [
    [5, true],
    [5, false],
    [4, true],
    [4, false],
  ] as const) {
    const login = (broker: Mosquitto) =>
      ({ url: broker.url, username: "trueup", password: secret, protocolVersion }) as const;
    const version = `${protocolVersion === 5 ? "5" : "3.1.1"}, ${unlimited ? "hangs up" : "acknowledges"}`;
    const withTopic = async (acl: readonly string[]) => {
      const broker = await mosquitto({ users, unlimited, acl: [...admin, "user trueup", ...acl] });
      await retain(await client(broker.url, { username: "admin", password: "admin" }), [[`${prefix}/mode`, "auto"]]);
      return broker;
    };

    it(`may not read: an error, no empty document (${version})`, async () => {
      const broker = await withTopic([`topic write ${prefix}/#`]);
      const error = await failure(login(broker));
      expect(error.code).toBe("PERMISSION_DENIED");
      expect(error.hint).toContain("readwrite <prefix>/#");
    });

    it(`has no rights at all (${version})`, async () => {
      const broker = await withTopic(["topic readwrite elsewhere/#"]);
      expect((await failure(login(broker))).code).toBe("PERMISSION_DENIED");
    });

    it(`may read but not write its sentinel (${version})`, async () => {
      const broker = await withTopic([`topic read ${prefix}/#`]);
      const error = await failure(login(broker));
      expect(error.code).toBe("PERMISSION_DENIED");
      expect(error.message).toContain("$trueup");
    });

    it(`may not write a topic: told for that one, and the others are written (${version})`, async () => {
      const broker = await withTopic([
        `topic read ${prefix}/#`,
        `topic write ${prefix}/$trueup/#`,
        `topic write ${prefix}/rooms/#`,
      ]);
      const opened = await target(login(broker));
      const outcomes = await opened.apply(
        [
          { path: "/mode", expected: "auto", desired: "manual" },
          { path: "/rooms~1a", expected: undefined, desired: 21 },
          { path: "/new", expected: undefined, desired: 1 },
          { path: "/rooms~1b", expected: undefined, desired: { setpoint: 21 } },
        ],
        signal(),
      );
      expect(outcomes.map((outcome) => (outcome.result === "failed" ? outcome.error : outcome.result))).toEqual([
        expect.objectContaining({ code: "PERMISSION_DENIED" }),
        "applied",
        expect.objectContaining({ code: "PERMISSION_DENIED" }),
        "applied",
      ]);
      expect((await opened.observe(none, signal())).document).toEqual({
        mode: "auto",
        "rooms/a": 21,
        "rooms/b": { setpoint: 21 },
      });
    });
  }
});
