import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../config/config.js";
import { openProbe } from "../config/probes.js";
import type { Hash } from "../core/same.js";
import { TrueupError } from "../core/errors.js";
import type { Route } from "../delivery/routes.js";
import type { Forge, Pace } from "../forges/forge.js";
import { gitAccess } from "../forges/git-access.js";
import type { ForgeSpec } from "../forges/registry.js";
import type { Source } from "../git/source.js";
import { type Bell, bell } from "../lib/bell.js";
import type { Log } from "../lib/log.js";
import type { Notifier } from "../notifiers/notifier.js";
import type { Probe } from "../probes/probe.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import { openSecretSource, resolveSecret } from "../secrets/registry.js";
import type { OwnedDirectory } from "../store/directory-lock.js";
import type { Store } from "../store/store.js";
import type { Target } from "../targets/target.js";
import { openSeal } from "./seal.js";

/**
 * What one process holds while it works: the configuration, the git mirror, the store, the targets that it opened. Each is
 * opened when it is first asked for: `validate` never opens the store, `history` never the mirror.
 */
export interface Session {
  /** As trueup.yaml said when it was last read. */
  readonly config: Config;
  readonly log: Log;
  /** Aborts when the process shall leave: finish the write in hand, begin no other. */
  readonly stop: AbortSignal;
  /** Who writes, for leases and the history: `user@host:pid`. */
  readonly holder: string;
  /** The keyed hash of sensitive values. */
  hash(): Hash;
  /** The secret of that name, from the sources that trueup.yaml gives the environment. @throws TrueupError SECRET_MISSING */
  secret(environment: string, name: string): Promise<string>;
  source(): Promise<Source>;
  store(): Promise<Store>;
  /** The open target for what git says of it now; opened anew when its spec or connection changed. */
  target(environment: string, target: ReadyTarget): Promise<Target>;
  /** Ends the connections of a target that nobody works with any more. */
  release(environment: string, name: string): Promise<void>;
  /** The probe that trueup.yaml gives the environment by that name. @throws TrueupError CONFIG_INVALID where it gives none */
  probe(environment: string, name: string): Promise<Probe>;
  /** The notifiers of trueup.yaml, with who is told what. @throws TrueupError CONFIG_INVALID */
  routes(): Promise<readonly Route[]>;
  /** The open notifier; opened anew when trueup.yaml was read again. */
  notifier(route: Route): Promise<Notifier>;
  /** Where drift is proposed; undefined where trueup.yaml says nowhere. */
  forge(): Promise<Forge | undefined>;
  /** Rings when something was saved: a state that changed, a message to be sent. */
  readonly news: Bell;
  /** Rings when there is something to act on now, and not at the next interval: a person decided, a branch was moved. */
  readonly decided: Bell;
  /** What the last rendering of each environment gave; `desired.ts` keeps it. */
  readonly rendered: Map<string, Rendering>;
  /**
   * Goes on with another trueup.yaml. @throws TrueupError CONFIG_INVALID where it names another repository, store or state
   * directory: those need a restart.
   */
  reconfigure(config: Config): void;
  close(): Promise<void>;
}

export interface Rendering {
  /** The trees and the configuration that it was made from. */
  readonly key: string;
  readonly environment: RenderedEnvironment;
  /** The values that it took, undefined for one that was missing: where one changed, it is made anew. */
  readonly secrets: ReadonlyMap<string, string | undefined>;
}

export interface SessionOptions {
  readonly config: Config;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly holder: string;
  /** The lock on the state directory, where the caller holds it already. */
  readonly lock?: OwnedDirectory | undefined;
  /** How the forge is asked; default `polite`. */
  readonly pace?: Pace;
}

export function openSession(options: SessionOptions): Session {
  let { config } = options;
  const source = once(async () => {
    const [{ openSource }, { mergeBySetting }] = await Promise.all([
      import("../git/source.js"),
      import("../formats/merge.js"),
    ]);
    return openSource({ ...sourceOptions(config, () => config.forge), mergeFile: mergeBySetting });
  });
  const store = once(async () => {
    const { openStore } = await import("../store/open.js");
    const { stateDirectory, store: url } = config;
    return openStore({ url, stateDirectory, lock: options.lock, signal: options.stop });
  });
  let hash: Hash | undefined;
  let forge: { readonly spec: ForgeSpec; readonly opened: Promise<Forge | undefined> } | undefined;
  let routes: Promise<readonly Route[]> | undefined;
  const notifiers = new Map<Route, Promise<Notifier>>();
  const targets = new Map<string, { readonly key: string; readonly target: Promise<Target> }>();
  return {
    get config() {
      return config;
    },
    log: options.log,
    stop: options.stop,
    holder: options.holder,
    hash: () => (hash ??= openSeal(config.stateDirectory)),
    secret: (environment, name) => {
      const context = { folder: config.folder, environment: process.env };
      const specs = config.environments.get(environment)?.secrets ?? [];
      const sources = specs.map((spec) => openSecretSource(spec, context));
      return resolveSecret(sources, name, options.stop);
    },
    source: source.get,
    store: store.get,
    async target(environment, { name, kind, spec, connection, lists }) {
      const at = `${environment}/${name}`;
      const key = JSON.stringify([kind.kind, spec, connection, lists]);
      const known = targets.get(at);
      if (known?.key === key) return known.target;
      if (known !== undefined) await closed(known.target);
      const target = kind.open({ environment, name, spec, connection, lists });
      targets.set(at, { key, target });
      // What could not be opened is tried again by whoever asks next.
      target.catch(() => {
        if (targets.get(at)?.target === target) targets.delete(at);
      });
      return target;
    },
    async release(environment, name) {
      const at = `${environment}/${name}`;
      const known = targets.get(at);
      targets.delete(at);
      if (known !== undefined) await closed(known.target);
    },
    probe: (environment, name) => {
      const { probes = new Map<never, never>() } = config.environments.get(environment) ?? {};
      return openProbe(probes, name, { environment, folder: config.folder });
    },
    async routes() {
      routes ??= import("../delivery/routes.js").then(({ compileRoutes }) => compileRoutes(config));
      return routes;
    },
    notifier(route) {
      const known = notifiers.get(route);
      if (known !== undefined) return known;
      const opening = route.open();
      notifiers.set(route, opening);
      opening.catch(() => notifiers.delete(route));
      return opening;
    },
    async forge() {
      const { forge: spec } = config;
      if (forge?.spec !== spec) {
        const opening = Promise.all([import("../forges/registry.js"), store.get()]);
        forge = {
          spec,
          opened: opening.then(([{ openForge }, { pullRequests }]) => openForge(spec, pullRequests, options.pace)),
        };
        forge.opened.catch(() => (forge = undefined));
      }
      return forge.opened;
    },
    news: bell(),
    decided: bell(),
    rendered: new Map(),
    reconfigure(next) {
      for (const key of ["repository", "store", "stateDirectory"] as const) {
        if (JSON.stringify(next[key]) === JSON.stringify(config[key])) continue;
        throw new TrueupError("CONFIG_INVALID", `\`${key}\` cannot change while the controller runs`, {
          hint: "restart it",
        });
      }
      config = next;
      routes = undefined;
      for (const [route, notifier] of notifiers) {
        notifiers.delete(route);
        void closed(notifier);
      }
      this.news.ring();
    },
    async close() {
      await Promise.all([...targets.values()].map(({ target }) => closed(target)));
      await Promise.all([...notifiers.values()].map(closed));
      targets.clear();
      await source.opened()?.then((opened) => opened.close(), ignore);
      await store.opened()?.then((opened) => opened.close(), ignore);
    },
  };
}

function sourceOptions({ repository, stateDirectory }: Config, forge: () => ForgeSpec) {
  const { url, path, token, username, signers } = repository;
  return {
    url,
    path,
    folder: join(stateDirectory, "repository.git"),
    token: token ?? gitAccess(url, forge),
    ...(username === undefined ? {} : { username }),
    ...(signers === undefined ? {} : { signers }),
  };
}

/** Opens once; a failed opening is tried again by whoever asks next. */
function once<T>(open: () => Promise<T>): { get: () => Promise<T>; opened: () => Promise<T> | undefined } {
  let opening: Promise<T> | undefined;
  return {
    get: () => {
      if (opening !== undefined) return opening;
      const attempt = open();
      opening = attempt;
      attempt.catch(() => {
        if (opening === attempt) opening = undefined;
      });
      return attempt;
    },
    opened: () => opening,
  };
}

/** A system that does not answer may hold a connection attempt for long: nobody waits for that in order to leave. */
async function closed(opening: Promise<Target | Notifier>): Promise<void> {
  const closing = opening.then((opened) => opened.close()).catch(ignore);
  await Promise.race([closing, delay(CLOSING, undefined, { ref: false })]);
}

const CLOSING = 1_000;

function ignore(): void {
  // What could not be opened need not be closed, and a connection that fails to close is gone.
}
