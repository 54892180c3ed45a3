import type { IClientOptions, MqttClient } from "mqtt";

/** How a broker is reached, and as whom. */
export interface BrokerLogin {
  /** `mqtt://host[:port]` or `mqtts://host[:port]` */
  readonly url: string;
  /** These win over the url's. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** Milliseconds. */
export const CONNECT_TIMEOUT = 10_000;
/** CONNACK codes of MQTT 3.1.1: a wrong login, and one that may not connect. */
const LOGIN_REFUSED = new Set([4, 5]);

/** `host:port`, for errors: never a credential. */
export function brokerOf({ url }: BrokerLogin): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === "" ? (protocol === "mqtts:" ? "8883" : "1883") : port}`;
}

/** The driver's options of one connection, in 3.1.1, which every broker speaks; `ca` is PEM. */
export function brokerOptions(login: BrokerLogin, ca?: Buffer): IClientOptions {
  const { hostname, port, protocol, username, password } = new URL(login.url);
  const tls = protocol === "mqtts:";
  const user = login.username ?? decodeURIComponent(username);
  const pass = login.password ?? decodeURIComponent(password);
  return {
    protocol: tls ? "mqtts" : "mqtt",
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (tls ? 8883 : 1883) : Number(port),
    protocolVersion: 4,
    clean: true,
    connectTimeout: CONNECT_TIMEOUT,
    // Connecting again is the caller's: it knows when.
    reconnectPeriod: 0,
    ...(user === "" ? {} : { username: user }),
    ...(pass === "" ? {} : { password: pass }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** One connection, for one life. @throws what the driver throws; the reason of `signal` where that aborts */
export async function connectBroker(options: IClientOptions, signal: AbortSignal): Promise<MqttClient> {
  const driver = await import("mqtt");
  signal.throwIfAborted();
  const client = driver.connect(options);
  const stopped = () => {
    client.end(true);
  };
  signal.addEventListener("abort", stopped, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => {
        resolve();
      });
      client.once("error", reject);
      client.once("close", () => {
        reject(new Error("closed"));
      });
    });
  } catch (error) {
    client.end(true);
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stopped);
  }
  // Without a listener an error would end the process; what comes after this shows as `close`, too.
  client.on("error", () => undefined);
  return client;
}

export function isLoginRefused(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === "number" && LOGIN_REFUSED.has(code);
}
