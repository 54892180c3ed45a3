import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promote } from "../../src/operations/promote.js";
import { rollback } from "../../src/operations/rollback.js";
import type { HopReport } from "../../src/promotion/report.js";
import { tendMemory, type TendMemory, tendPromotions } from "../../src/promotion/tend.js";
import { reconcileEnvironment, refresh } from "../../src/reconcile/environment.js";
import type { EnvironmentReport } from "../../src/reconcile/report.js";
import type { Session } from "../../src/reconcile/session.js";
import { eventList, makeWorld, type World, type WorldOptions } from "./world.js";

/** In the order of the policy; each follows the branch of its name. */
export const ORDER = ["dev", "staging", "prod"] as const;
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h"];
const FILE = "environments/base/host/app.yaml";

/** By name; one that is left out is 0. */
export type Settings = Readonly<Record<string, number>>;

export interface PromotionWorldOptions extends WorldOptions {
  /** The policy of every branch. */
  readonly policy?: string;
  /** Beside the settings and the policy, or in place of them. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Three environments that share their settings, each a folder of files, on branches that begin at one commit. */
export interface PromotionWorld extends World {
  /** The controller's, */
  readonly session: Session;
  /** and what it remembers between its passes. */
  readonly memory: TendMemory;
  /** The controller is killed and begins anew: only the store and the mirror remain. */
  restart(): Promise<void>;
  readonly git: (...args: string[]) => Promise<string>;
  readonly tip: (branch: string) => Promise<string>;
  /** Commits settings to a branch: all of them, so that what is left out is 0 again. */
  set(branch: string, settings: Settings): Promise<string>;
  /** Those of a commit that are not 0. */
  settings(revision: string): Promise<Settings>;
  /** A merge as a person makes it on the command line. */
  merge(into: string, branch: string, ...flags: string[]): Promise<string>;
  /** Every environment is reconciled with what git says now. */
  reconcile(): Promise<Readonly<Record<string, EnvironmentReport>>>;
  /** One look at the promotions with what the mirror knows, by the environment that is promoted into. */
  tend(): Promise<Readonly<Record<string, HopReport>>>;
  /** As the controller does it: `reconcile`, and then `tend`. */
  pass(): Promise<Readonly<Record<string, HopReport>>>;
  /** `trueup promote dev staging`, unless other arguments are given. */
  ask(args?: Partial<Parameters<typeof promote.run>[1]>): Promise<HopReport>;
  /** `trueup rollback prod`, unless other arguments are given. */
  back(args?: Partial<Parameters<typeof rollback.run>[1]>): ReturnType<typeof rollback.run>;
  /** What an environment's files say. */
  live(environment: string): string;
  /** Changes them as an intruder would. */
  drift(environment: string, settings: Settings): void;
  /** `type: message` of an environment's events of these types, oldest first. */
  happened(environment: string, prefix?: string): Promise<string[]>;
  /** What was logged as an error. */
  faults(): string[];
}

const AUTO = "{ auto: true, merge: direct }";

/** A policy with these hops; one that is left out goes by itself, straight to the branch. */
export function policyOf({ staging = AUTO, prod = AUTO, more = "" } = {}): string {
  return `order: [dev, staging, prod]\n${more}into:\n  staging: ${staging}\n  prod: ${prod}\n`;
}

/** @param options `forge` is the local one unless another is given */
export async function promotionWorld(options: PromotionWorldOptions = {}): Promise<PromotionWorld> {
  const { environments = ORDER, forge = { kind: "local" }, policy = policyOf(), files = {} } = options;
  const world = await makeWorld({ ...options, environments, forge });
  const git = world.repository.git.bind(world.repository);
  const [first = "", ...later] = environments;
  const begin = await world.commit(
    {
      "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
      [FILE]: settingsText({}),
      ...Object.fromEntries(environments.map((name) => [`environments/${name}/environment.yaml`, "layers: [base]\n"])),
      "policies/promotion.yaml": policy,
      ...files,
    },
    { branch: first },
  );
  for (const branch of later) await git("branch", branch, begin);
  let session = world.open();
  let memory = tendMemory();
  const context = () => ({ signal: session.stop, progress: () => undefined });

  const reconcile: PromotionWorld["reconcile"] = async () => {
    const branches = await refresh(session, session.stop);
    const wishes = { sync: false, confirm: false };
    const passes = environments.map(async (environment) => {
      const pass = { environment, branches, signal: session.stop };
      return [environment, await reconcileEnvironment(session, pass, wishes)] as const;
    });
    return Object.fromEntries(await Promise.all(passes));
  };
  const tend: PromotionWorld["tend"] = async () =>
    Object.fromEntries((await tendPromotions(session, memory, session.stop)).map((report) => [report.to, report]));
  const live: PromotionWorld["live"] = (environment) => readFileSync(join(world.root(environment), "app.yaml"), "utf8");

  return {
    ...world,
    get session() {
      return session;
    },
    get memory() {
      return memory;
    },
    async restart() {
      await session.close();
      session = world.open();
      memory = tendMemory();
    },
    ...{ git, reconcile, tend, live },
    tip: (branch) => git("rev-parse", "--verify", `refs/heads/${branch}`),
    set: (branch, settings) => world.commit({ [FILE]: settingsText(settings) }, { branch }),
    settings: async (revision) => parse(await git("show", `${revision}:${FILE}`)),
    async merge(into, branch, ...flags) {
      await git("checkout", "--quiet", "--force", into);
      await git("merge", "--quiet", "--no-edit", ...flags, branch);
      if (flags.includes("--squash")) await git("commit", "--quiet", "--message", "squashed");
      // A branch that is checked out takes no push.
      await git("checkout", "--quiet", "--detach");
      return git("rev-parse", "HEAD");
    },
    async pass() {
      await reconcile();
      return tend();
    },
    async ask(args) {
      const asked = { from: "dev", to: "staging", dryRun: false, merge: false, approve: false, waive: [], by: "ann" };
      return (await promote.run(session, { ...asked, ...args }, context())).hop;
    },
    back: (args) =>
      rollback.run(session, { environment: "prod", pullRequest: false, dryRun: false, by: "ann", ...args }, context()),
    drift(environment, settings) {
      let said = live(environment);
      for (const [name, value] of Object.entries(settings)) {
        said = said.replace(new RegExp(`^${name}: .*$`, "m"), `${name}: ${value}`);
      }
      writeFileSync(join(world.root(environment), "app.yaml"), said);
    },
    happened: async (environment, prefix = "promot") =>
      (await eventList(session, environment)).flatMap(({ type, message }) =>
        type.startsWith(prefix) ? [`${type}: ${message}`] : [],
      ),
    faults: () => world.logged.filter(({ level }) => level === "error").map(({ message }) => message),
  };
}

/** The file of settings: apart, so that git merges one beside another. */
export function settingsText(settings: Settings): string {
  return NAMES.map((name) => `${name}: ${settings[name] ?? 0}\n# about ${name}\n# and more\n`).join("");
}

function parse(content: string): Settings {
  const pairs = content.split("\n").flatMap((line) => /^(\w): (\d+)$/.exec(line)?.slice(1) ?? []);
  const settings: Record<string, number> = {};
  for (let index = 0; index < pairs.length; index += 2) {
    const value = Number(pairs[index + 1]);
    if (value !== 0) settings[pairs[index] ?? ""] = value;
  }
  return settings;
}
