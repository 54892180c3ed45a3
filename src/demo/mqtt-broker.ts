import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import type { AuthenticateError, Client } from "aedes";

export interface BrokerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** A file that keeps retained messages over restarts; made when missing. Without it they are gone with the broker. */
  readonly persistence?: string;
  /** Clients must log in with these. Without them anyone on this machine may connect. */
  readonly username?: string;
  readonly password?: string;
  /** Stops the broker. */
  readonly signal?: AbortSignal;
}

export interface Broker {
  readonly url: string;
  readonly port: number;
  /** Disconnects all clients and writes retained messages down. Idempotent. */
  stop(): Promise<void>;
}

/** Retained messages as the persistence file holds them: topic and payload in base64. */
type Retained = Map<string, string>;

/** An MQTT 3.1.1 broker on loopback inside this process: enough for a demonstration, not meant for production. */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const { Aedes } = await import("aedes");
  const aedes = await Aedes.createBroker();
  if (options.username !== undefined) aedes.authenticate = authenticator(options.username, options.password ?? "");

  const keeper = options.persistence === undefined ? undefined : await keepRetained(options.persistence);
  for (const [topic, payload] of keeper?.retained ?? []) {
    await new Promise<void>((resolve, reject) => {
      aedes.publish(
        { cmd: "publish", topic, payload: Buffer.from(payload, "base64"), qos: 1, retain: true, dup: false },
        (error) => {
          if (error) reject(error);
          else resolve();
        },
      );
    });
  }
  aedes.on("publish", ({ topic, payload, retain }) => {
    if (retain && !topic.startsWith("$")) keeper?.record(topic, Buffer.from(payload));
  });

  // Without Nagle's algorithm: a retained message after a SUBACK would otherwise wait 40 ms for the client's delayed ACK.
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  let stopped: Promise<void> | undefined;
  const stop = () =>
    (stopped ??= (async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => {
        aedes.close(() => {
          resolve();
        });
      });
      for (const socket of sockets) socket.destroy();
      await closed;
      await keeper?.flush();
    })());
  options.signal?.addEventListener("abort", () => void stop(), { once: true });
  return { url: `mqtt://127.0.0.1:${port}`, port, stop };
}

function authenticator(username: string, password: string) {
  return (
    _client: Client,
    user: string | undefined,
    given: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ) => {
    done(null, user === username && given?.toString() === password);
  };
}

/** Writes the whole file after each burst of changes, to a neighbour first: a kill leaves the old file or the new one. */
async function keepRetained(file: string) {
  const retained = await load(file);
  let writing: Promise<void> | undefined;
  let changed = false;
  let failure: unknown;
  const write = async () => {
    try {
      while (changed) {
        await writeFile(`${file}.new`, snapshot());
        await rename(`${file}.new`, file);
      }
    } finally {
      writing = undefined;
    }
  };
  const snapshot = () => {
    changed = false;
    return JSON.stringify(Object.fromEntries(retained), undefined, 1);
  };
  return {
    retained: new Map(retained),
    record(topic: string, payload: Buffer) {
      if (payload.length === 0) retained.delete(topic);
      else retained.set(topic, payload.toString("base64"));
      changed = true;
      writing ??= write();
      // A full disk is told at the end, and must not end the process before.
      writing.catch((error: unknown) => (failure = error));
    },
    async flush() {
      await writing?.catch(() => undefined);
      if (failure !== undefined) throw failure as Error;
    },
  };
}

async function load(file: string): Promise<Retained> {
  try {
    return new Map(Object.entries(JSON.parse(await readFile(file, "utf8")) as Record<string, string>));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
}
