import { setTimeout as delay } from "node:timers/promises";
import { joined } from "../lib/signals.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { deliverDue } from "./deliver.js";
import type { Route } from "./routes.js";
import { environmentStates } from "./states.js";

/** Other controllers that share the store may have written messages: nobody rings for those. */
const POLL = 60_000;

/**
 * Delivers while the controller runs: a lane for each notifier, so that a sink that is down stops nothing else. A lane is woken
 * when a pass has saved something, and when its next message is due. Resolves when the session's stop has been heeded.
 */
export async function runDelivery(session: Session): Promise<void> {
  const { stop } = session;
  const lanes = new Map<string, Promise<void>>();
  while (!stop.aborted) {
    const rung = session.news.next;
    // trueup.yaml may have been read again.
    for (const { name } of await session.routes().catch(() => [])) {
      if (lanes.has(name)) continue;
      lanes.set(
        name,
        runLane(session, name).finally(() => lanes.delete(name)),
      );
    }
    await pause(POLL, [stop, rung]);
  }
  await Promise.all(lanes.values());
}

async function runLane(session: Session, name: string): Promise<void> {
  const { stop, log } = session;
  // A function: the compiler takes the signal's state for settled by the first look at it.
  const left = (): boolean => stop.aborted;
  let shown = "";
  while (!stop.aborted) {
    const rung = session.news.next;
    let failed: number | undefined;
    let next: number | undefined;
    try {
      const route = (await session.routes()).find((one) => one.name === name);
      // Messages for it stay: `trueup doctor` tells of them.
      if (route === undefined) return;
      shown = await show(session, route, shown);
      failed = await deliver(session, route, stop);
      next = await (await session.store()).outbox.nextDue(name);
    } catch (error) {
      if (left()) return;
      const { code, message, hint } = asTrueupError(error);
      log.warn({ event: "delivery", notifier: name, code, hint }, message);
      failed = POLL;
    }
    // After a failure no news makes another attempt sooner.
    await pause(Math.min(failed ?? next ?? POLL, POLL), failed === undefined ? [stop, rung] : [stop]);
  }
}

async function deliver(session: Session, route: Route, signal: AbortSignal): Promise<number | undefined> {
  const { outbox } = await session.store();
  const { holder, log } = session;
  return deliverDue({ outbox, route, notifier: await session.notifier(route), holder, log }, signal);
}

/** Shows the environments' states where the medium does, and where they differ from what it shows. */
async function show(session: Session, route: Route, shown: string): Promise<string> {
  const notifier = await session.notifier(route);
  if (notifier.show === undefined) return shown;
  const states = await environmentStates(session);
  const now = JSON.stringify(states);
  if (now === shown) return shown;
  const at = new Date().toISOString();
  await notifier.show(
    states.map((state) => ({ ...state, at })),
    session.stop,
  );
  return now;
}

export interface DeliverNow {
  readonly signal: AbortSignal;
  /** Milliseconds; what is not delivered by then stays for the next command or controller. */
  readonly patience: number;
}

/** For a short command: sends what is due before it leaves. Never throws for a sink: its messages stay in the outbox. */
export async function deliverNow(session: Session, { signal, patience }: DeliverNow): Promise<void> {
  const routes = await session.routes();
  if (routes.length === 0) return;
  const until = joined([signal, AbortSignal.timeout(patience)]);
  try {
    await Promise.all(
      routes.map(async (route) => {
        try {
          await deliver(session, route, until.signal);
        } catch (error) {
          const { code, message, hint } = asTrueupError(error);
          session.log.warn({ event: "delivery", notifier: route.name, code, hint }, message);
        }
      }),
    );
  } finally {
    until.release();
  }
}

async function pause(milliseconds: number, signals: readonly AbortSignal[]): Promise<void> {
  const woken = joined(signals);
  await delay(milliseconds, undefined, { signal: woken.signal }).catch(ignore);
  woken.release();
}

function ignore(): void {
  // Woken.
}
