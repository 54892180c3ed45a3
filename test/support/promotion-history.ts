import { expect } from "vitest";
import type { HopReport } from "../../src/promotion/report.js";
import type { EnvironmentReport } from "../../src/reconcile/report.js";
import { ORDER, type PromotionWorld } from "./promotion-world.js";
import { eventList } from "./world.js";

/** Where a revision comes from. */
export const BEFORE: Readonly<Record<string, string>> = { staging: "dev", prod: "staging" };

/** What a test lets happen, and holds against what promotion may make of it. */
export interface PromotionHistory {
  /** Where the branches are now. */
  tips(): Promise<ReadonlyMap<string, string>>;
  /** People did this: what it changes is theirs from now on. */
  people(action: () => Promise<unknown>): Promise<void>;
  /** A person lets what is at an environment's tip pass a gate of the next. */
  lets(to: string, gate: string): Promise<void>;
  /** A person asked Trueup, which looks at git first: what it moves must have passed, and must keep what is people's. */
  asked(action: () => Promise<unknown>): Promise<void>;
  /** One pass of the controller; `meanwhile` befalls when the environments are reconciled and the promotions are not tended yet. */
  pass(meanwhile?: () => Promise<unknown>): Promise<void>;
  /** Passes until nothing moves any more, which must come soon; then how each hop stands must be right. */
  settle(): Promise<void>;
}

export interface HistoryOptions {
  readonly world: PromotionWorld;
  readonly names: readonly string[];
  /** Whether a gate of the policy, beside `synced` and those that people let a revision pass, holds for what travels. */
  readonly holds: (to: string, gate: string, changes: number) => boolean;
  /** By the environment that is promoted into. */
  readonly gates: Readonly<Record<string, string>>;
}

/** So many passes at most until nothing moves: a revision needs three for two hops, a pull request one more. */
const SOON = 8;

export function promotionHistory({ world, names, holds, gates }: HistoryOptions): PromotionHistory {
  const { git } = world;
  /** `environment setting`: set there by people, and not changed in the environment before since. */
  const own = new Set<string>();
  /** `environment setting`: differs from the environment before by what people did to one of the two. */
  const apart = new Set<string>();
  /** `environment revision gate`, by people. */
  const passed = new Set<string>();
  /** `environment revision`: was in sync there. */
  const ran = new Set<string>();
  /** Commits of people on Trueup's own branches. */
  const pushed = new Set<string>();
  const rolledBack = new Set<string>();
  let reconciled: Readonly<Record<string, EnvironmentReport>> = {};
  let hops: Readonly<Record<string, HopReport>> = {};
  /** As the mirror has them. */
  let seen: ReadonlyMap<string, string> = new Map();

  const says = oncePerKey((revision) => world.settings(revision));
  const treeOf = oncePerKey((revision) => git("rev-parse", `${revision}^{tree}`));
  const tips: PromotionHistory["tips"] = async () => {
    const lines = (await git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")).split("\n");
    return new Map(lines.map((line) => line.split(" ") as [string, string]));
  };
  const base = (one = "", other = ""): Promise<string> => git("merge-base", one, other);
  const has = async (tip = "", revision = ""): Promise<boolean> =>
    tip === revision || (await base(tip, revision)) === revision;

  async function differing(from = "", to = ""): Promise<readonly string[]> {
    if (from === to) return [];
    const [old, now] = await Promise.all([says(from), says(to)]);
    return names.filter((name) => old[name] !== now[name]);
  }

  async function isSynced(from: string, revision: string): Promise<boolean> {
    if (seen.get(from) !== revision && ran.has(`${from} ${revision}`)) return true;
    const { state, revision: at } = reconciled[from] ?? {};
    return state === "Synced" && typeof at === "string" && (await treeOf(at)) === (await treeOf(revision));
  }

  async function hasPassed(to: string, revision: string, changes: number): Promise<boolean> {
    const gate = gates[to] ?? "";
    const isLet = passed.has(`${to} ${revision} ${gate}`) || holds(to, gate, changes);
    return isLet && (await isSynced(BEFORE[to] ?? "", revision));
  }

  /** A branch moved from one commit to another by Trueup. */
  async function expectRight(to: string, before: string, after: string): Promise<void> {
    const [author, first, second] = (await git("log", "-1", "--format=%an%n%P", after)).split(/\s/);
    // Otherwise it follows, to what may be a merge of an earlier hop.
    const isMerge = author === "Trueup" && second !== undefined && first === before;
    const revision = isMerge ? second : after;
    // Nothing but the revision, and what it stands on, is new.
    expect({ to, on: await base(after, before) }).toEqual({ to, on: before });
    const source = seen.get(BEFORE[to] ?? "") ?? "";
    expect({ to, source, revision: await base(source, revision) }).toEqual({ to, source, revision });
    const [was, now, brought] = await Promise.all([says(before), says(after), says(revision)]);
    const changes = (await differing(before, after)).length;
    expect({ to, revision, passed: await hasPassed(to, revision, changes) }).toMatchObject({ passed: true });
    for (const name of names) {
      const isKept = now[name] === was[name] && apart.has(`${to} ${name}`);
      expect({ to, name, lost: now[name] !== brought[name] && !isKept }).toMatchObject({ lost: false });
      expect({ to, name, undone: now[name] !== was[name] && own.has(`${to} ${name}`) }).toMatchObject({
        undone: false,
      });
      if (now[name] === brought[name]) apart.delete(`${to} ${name}`);
    }
    rolledBack.delete(to);
  }

  function voidNext(from: string, name: string, { rewritten }: { rewritten: boolean }): void {
    for (const to of ORDER.filter((each) => BEFORE[each] === from)) {
      own.delete(`${to} ${name}`);
      if (rewritten) apart.add(`${to} ${name}`);
    }
  }

  const history: PromotionHistory = {
    tips,
    async people(action) {
      const before = await tips();
      await action();
      const after = await tips();
      for (const [branch, now] of after) {
        if (branch.startsWith("trueup/") && before.get(branch) !== now) pushed.add(now);
      }
      for (const to of ORDER) {
        const rewritten = !(await has(after.get(to), before.get(to)));
        // A roll-back is a rewriting without one: what was set since then is not meant to stay.
        const isBack = (await git("log", "-1", "--format=%s", to)).startsWith("Roll ");
        if (rewritten || (isBack && before.get(to) !== after.get(to))) {
          for (const name of names) own.delete(`${to} ${name}`);
          for (const name of names) apart.add(`${to} ${name}`);
          rolledBack.add(to);
        }
        for (const name of await differing(before.get(to), after.get(to))) {
          if (!rewritten && !isBack) own.add(`${to} ${name}`);
          apart.add(`${to} ${name}`);
          voidNext(to, name, { rewritten });
        }
      }
    },
    async lets(to, gate) {
      passed.add(`${to} ${(await tips()).get(BEFORE[to] ?? "") ?? ""} ${gate}`);
    },
    async asked(action) {
      seen = await tips();
      await watched(action);
    },
    async pass(meanwhile) {
      seen = await tips();
      reconciled = await world.reconcile();
      for (const [name, { state, revision }] of Object.entries(reconciled)) {
        if (state === "Synced" && revision !== null) ran.add(`${name} ${revision}`);
      }
      await meanwhile?.();
      await watched(async () => {
        hops = await world.tend();
      });
    },
    async settle() {
      let before = "";
      for (let count = 0; ; count += 1) {
        expect(count, "it loops").toBeLessThan(SOON);
        await history.pass();
        const now = await snapshot(world, await tips());
        if (now === before) break;
        before = now;
      }
      await expectExplained();
    },
  };

  async function watched(action: () => Promise<unknown>): Promise<void> {
    const before = await tips();
    await action();
    const after = await tips();
    for (const to of ORDER) {
      const [was = "", now = ""] = [before.get(to), after.get(to)];
      if (was === now) continue;
      expect(to).not.toBe("dev");
      await expectRight(to, was, now);
      for (const name of await differing(was, now)) voidNext(to, name, { rewritten: false });
      // The mirror follows what it pushed.
      seen = new Map(seen).set(to, now);
    }
    for (const [branch, was] of before) {
      if (!pushed.has(was) || after.get(branch) === was) continue;
      expect({ branch, was, isThere: await isAnywhere(after, was) }).toMatchObject({ isThere: true });
    }
  }

  async function isAnywhere(after: ReadonlyMap<string, string>, commit: string): Promise<boolean> {
    for (const tip of after.values()) if (await has(tip, commit)) return true;
    return false;
  }

  /** Nothing moves any more: why each hop does not go on must be true. */
  async function expectExplained(): Promise<void> {
    for (const [to, from] of Object.entries(BEFORE)) {
      const hop = hops[to];
      const [there, here] = [seen.get(from) ?? "", seen.get(to) ?? ""];
      const different = await differing(there, here);
      if (hop === undefined) {
        expect({ to, different }).toEqual({ to, different: [] });
        continue;
      }
      expect(hop.reason).not.toBe("");
      if (hop.state === "waiting") {
        // So many change at most.
        const may = await hasPassed(to, hop.revision ?? "", different.length);
        expect({ ...hop, may }).toMatchObject({ may: false });
      } else if (hop.state === "idle" && !rolledBack.has(to)) {
        expect({ to, left: different.filter((name) => !apart.has(`${to} ${name}`)) }).toEqual({ to, left: [] });
      }
    }
  }

  return history;
}

async function snapshot({ session }: PromotionWorld, tips: ReadonlyMap<string, string>): Promise<string> {
  const { promotions, pullRequests } = await session.store();
  const [kept, pull, events] = await Promise.all([
    promotions.load(),
    pullRequests.find("trueup/promote/prod"),
    eventList(session),
  ]);
  return JSON.stringify([[...tips], [...kept], pull, events.length]);
}

function oncePerKey<T>(make: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const made = new Map<string, Promise<T>>();
  return (key) => {
    const found = made.get(key) ?? make(key);
    made.set(key, found);
    return found;
  };
}
