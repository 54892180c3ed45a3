import fc from "fast-check";
import { expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { adopt } from "../../src/operations/adopt.js";
import { often } from "../support/often.js";
import { BEFORE, promotionHistory, type PromotionHistory } from "../support/promotion-history.js";
import { ORDER, policyOf, promotionWorld, type PromotionWorld, type Settings } from "../support/promotion-world.js";
import { newStores } from "../support/stores.js";

/** Few, and few values: then they meet. */
const SETTINGS = ["a", "b", "c"] as const;
const HEAD = "trueup/promote/prod";
/** Into staging goes what changes little; into prod what bob approved, by a pull request. */
const POLICY = policyOf({
  staging: "{ auto: true, merge: direct, gates: [ { when: 'promotion.changes < 3', name: small } ] }",
  prod: "{ auto: true, gates: [ { approvals: { by: [bob] } } ] }",
});
const GATES: Readonly<Record<string, string>> = { staging: "small", prod: "approvals" };
const FILES = {
  // Drift stays until somebody decides.
  "policies/drift.yaml": "rules: [ { name: told, severity: critical } ]\n",
  ...Object.fromEntries(
    ORDER.map((name) => [`environments/${name}/environment.yaml`, "layers: [base]\nadopt: direct\n"]),
  ),
};

type Act =
  | { readonly do: "commit" | "amend" | "drift"; readonly to: string; readonly settings: Settings }
  | { readonly do: "force back"; readonly to: string; readonly by: number }
  | { readonly do: "agree" | "mend" | "adopt" | "approve" | "waive" | "ask" | "roll back"; readonly to: string }
  | { readonly do: "merge" | "squash" | "close" | "push" | "remove" | "restart" };
interface Step {
  readonly act: Act;
  /** Befalls when the environments are reconciled and the promotions are not tended yet. */
  readonly meanwhile: Act | null;
}

const environment = fc.constantFrom(...ORDER);
const later = fc.constantFrom("staging", "prod");
const settings = fc
  .tuple(fc.constantFrom(...SETTINGS), fc.integer({ min: 0, max: 2 }))
  .map(([name, value]): Settings => ({ [name]: value }));
const verb = <const Do extends string>(...verbs: Do[]) => fc.constantFrom<Do[]>(...verbs);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: verb("commit"), to: fc.constant("dev"), settings }) },
  { weight: 3, arbitrary: fc.record({ do: verb("commit"), to: later, settings }) },
  { weight: 3, arbitrary: fc.record({ do: verb("amend", "drift"), to: environment, settings }) },
  { weight: 1, arbitrary: fc.record({ do: verb("force back"), to: environment, by: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ do: verb("mend", "adopt"), to: environment }) },
  { weight: 3, arbitrary: fc.record({ do: verb("approve"), to: fc.constant("prod") }) },
  { weight: 4, arbitrary: fc.record({ do: verb("agree", "waive", "ask", "roll back"), to: later }) },
  { weight: 6, arbitrary: fc.record({ do: verb("merge", "squash", "close", "push", "push", "remove", "restart") }) },
);
const meanwhile: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: verb("commit"), to: later, settings }) },
  { weight: 1, arbitrary: fc.record({ do: verb("force back"), to: environment, by: fc.constant(1) }) },
  { weight: 2, arbitrary: fc.record({ do: verb("push") }) },
  { weight: 2, arbitrary: act },
);
const histories = fc.array(fc.record({ act, meanwhile: fc.option(meanwhile, { freq: 2 }) }), {
  minLength: 10,
  maxLength: 20,
});

const newStore = newStores();

async function play(steps: readonly Step[]): Promise<void> {
  const world = await promotionWorld({ policy: POLICY, files: FILES, ...(await newStore()) });
  try {
    const holds = (_: string, gate: string, changes: number): boolean => gate === "small" && changes < 3;
    const history = promotionHistory({ world, names: SETTINGS, gates: GATES, holds });
    await history.pass();
    for (const { act, meanwhile } of steps) {
      await doing(world, history, act);
      await history.pass(meanwhile === null ? undefined : () => doing(world, history, meanwhile));
    }
    await history.settle();
    // What is told as a fault is what a person did, and nothing else.
    for (const fault of world.faults()) expect(fault).toMatch(/moved meanwhile|somebody pushed to/);
  } finally {
    await world.close();
  }
}

async function doing(world: PromotionWorld, history: PromotionHistory, what: Act): Promise<void> {
  const { git, session } = world;
  const context = { signal: session.stop, progress: () => undefined };
  const now = await history.tips();
  const head = now.get(HEAD);
  const asking = async (to: string, args: Parameters<PromotionWorld["ask"]>[0]) =>
    history.asked(() => refusable(world.ask({ from: BEFORE[to] ?? "", to, by: "bob", ...args })));
  switch (what.do) {
    case "commit":
      return history.people(async () => world.set(what.to, { ...(await world.settings(what.to)), ...what.settings }));
    case "agree":
      return history.people(async () => world.set(what.to, await world.settings(BEFORE[what.to] ?? "")));
    case "amend":
      return history.people(async () => {
        const changed = { ...(await world.settings(what.to)), ...what.settings };
        if (!(await goBack(world, what.to, 1))) return;
        await world.set(what.to, changed);
      });
    case "force back":
      return history.people(() => goBack(world, what.to, what.by));
    case "drift":
      world.drift(what.to, what.settings);
      return;
    case "mend": {
      const all = Object.fromEntries(SETTINGS.map((name) => [name, 0]));
      world.drift(what.to, { ...all, ...(await world.settings(what.to)) });
      return;
    }
    case "adopt": {
      const args = { environment: what.to, direct: true, dryRun: false, by: "ann" };
      return history.people(() => refusable(adopt.run(session, args, context)));
    }
    case "approve":
      await history.lets(what.to, "approvals");
      return asking(what.to, { approve: true });
    case "waive":
      await history.lets(what.to, GATES[what.to] ?? "");
      return asking(what.to, { waive: [GATES[what.to] ?? ""], because: "INC-1" });
    case "ask":
      return asking(what.to, {});
    case "roll back":
      return history.people(() => refusable(world.back({ environment: what.to })));
    case "merge":
    case "squash":
      if (head === undefined) return;
      return history.people(() => mergeByHand(world, what.do === "squash" ? ["--squash"] : ["--no-ff"]));
    case "close": {
      const { pullRequests } = await session.store();
      const pull = await pullRequests.find(HEAD);
      if (pull?.state === "open") await pullRequests.put({ ...pull, state: "closed" });
      return;
    }
    case "push":
      if (head === undefined) return;
      return history.people(async () => world.set(HEAD, { ...(await world.settings(HEAD)), h: 1 }));
    case "remove":
      if (head !== undefined) await git("update-ref", "-d", `refs/heads/${HEAD}`);
      return;
    case "restart":
      return world.restart();
  }
}

/** What Trueup may refuse, with a reason. */
async function refusable(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!(error instanceof TrueupError)) throw error;
    expect(["USAGE", "GIT_MOVED", "GUARD_REFUSED"]).toContain(error.code);
  }
}

async function goBack({ git }: PromotionWorld, branch: string, by: number): Promise<boolean> {
  const line = (await git("rev-list", "--first-parent", branch)).split("\n");
  const goal = line[by];
  if (goal !== undefined) await git("update-ref", `refs/heads/${branch}`, goal);
  return goal !== undefined;
}

async function mergeByHand(world: PromotionWorld, flags: readonly string[]): Promise<void> {
  try {
    await world.merge("prod", HEAD, ...flags);
  } catch {
    // A conflict, or nothing to squash: the person leaves it.
    await world.git("reset", "--quiet", "--hard");
  }
  await world.git("checkout", "--quiet", "--detach", "--force");
}

it(
  "nothing reaches a later environment that has not passed, nothing is lost or undone, and it comes to rest: whatever people do",
  // A failure is shown as it was found: to shrink it takes hundreds of runs.
  () =>
    fc.assert(fc.asyncProperty(histories, play), { numRuns: often({ usually: 6, nightly: 40 }), endOnFailure: true }),
  300_000,
);
