import { readFile } from "node:fs/promises";
import type { IClientOptions, MqttClient } from "mqtt";
import { TrueupError } from "../../core/errors.js";
import { brokerOf, brokerOptions, CONNECT_TIMEOUT, connectBroker, isLoginRefused } from "../../lib/mqtt.js";
import { unreachable } from "../failure.js";
import type { MqttSpec } from "./spec.js";

export interface Publication {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

/** A connection to the broker that comes about when it is first needed, and again after it was lost. */
export interface Link {
  publish(publications: readonly Publication[], signal: AbortSignal): Promise<void>;
  /** Says `last` and ends. Idempotent. */
  close(last?: Publication): Promise<void>;
}

export interface Presence {
  /** Published each time that a connection comes about. */
  readonly hello: Publication;
  /** The broker publishes it where the connection breaks. */
  readonly will: Publication;
}

export function openLink(spec: MqttSpec, presence?: Presence): Link {
  const where = `the broker ${brokerOf(spec)}`;
  let client: MqttClient | undefined;

  const say = async (to: MqttClient, { topic, payload, retain }: Publication) => {
    let lost: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        // The driver would wait for the acknowledgement also when nobody is left to send one.
        lost = () => {
          reject(new Error("lost"));
        };
        to.once("close", lost);
        to.publishAsync(topic, payload, { qos: 1, retain }).then(() => {
          resolve();
        }, reject);
      });
    } catch (error) {
      throw unreachable(where, error);
    } finally {
      if (lost !== undefined) to.off("close", lost);
    }
  };
  const connected = async (signal: AbortSignal): Promise<MqttClient> => {
    if (client?.connected === true) return client;
    client?.end(true);
    client = await connect(await optionsOf(spec, presence), signal, where);
    if (presence !== undefined) await say(client, presence.hello);
    return client;
  };
  return {
    async publish(publications, signal) {
      const to = await connected(signal);
      const drop = () => {
        to.end(true);
      };
      signal.addEventListener("abort", drop, { once: true });
      try {
        for (const publication of publications) await say(to, publication);
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener("abort", drop);
      }
    },
    async close(last) {
      const closing = client;
      client = undefined;
      if (closing === undefined) return;
      if (!closing.connected) {
        closing.end(true);
        return;
      }
      if (last !== undefined) {
        const impatient = setTimeout(() => closing.end(true), CONNECT_TIMEOUT);
        // A broker that is gone shows the will; there is nothing else to do at the end.
        await say(closing, last).catch(() => undefined);
        clearTimeout(impatient);
      }
      await closing.endAsync(false);
    },
  };
}

async function connect(options: IClientOptions, signal: AbortSignal, where: string): Promise<MqttClient> {
  try {
    return await connectBroker(options, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!isLoginRefused(error)) throw unreachable(where, error);
    throw new TrueupError("DELIVERY_REFUSED", `${where} refuses the login`, {
      hint: "check the notifier's username and password, and what the broker lets it publish",
    });
  }
}

async function optionsOf(spec: MqttSpec, presence: Presence | undefined): Promise<IClientOptions> {
  const options = brokerOptions(spec, spec.ca === undefined ? undefined : await authority(spec.ca));
  if (presence === undefined) return options;
  return { ...options, will: { ...presence.will, payload: Buffer.from(presence.will.payload), qos: 1 } };
}

async function authority(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch {
    throw new TrueupError("DELIVERY_REFUSED", "the notifier's `ca` cannot be read", {
      where: { file },
      hint: "give the path of a PEM file that the controller may read",
    });
  }
}
