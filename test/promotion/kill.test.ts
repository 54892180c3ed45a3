import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { ORDER, policyOf, promotionWorld, type PromotionWorld } from "../support/promotion-world.js";

const HEAD = "trueup/promote/prod";

/** Everything by which a promotion leaves something behind: in the repository, in the store, on the forge. */
async function spies(world: PromotionWorld, step: (name: string, run: () => Promise<unknown>) => Promise<unknown>) {
  const { promotions, pullRequests, history } = await world.session.store();
  const source = await world.session.source();
  const around = (owner: object, key: string): void => {
    const methods = owner as Record<string, (...args: unknown[]) => Promise<unknown>>;
    const real = methods[key]?.bind(owner);
    vi.spyOn(methods, key).mockImplementation((...args) => step(key, async () => real?.(...args)));
  };
  around(promotions, "save");
  around(pullRequests, "add");
  around(pullRequests, "put");
  around(history, "append");
  around(source.lineage, "move");
  around(source, "remove");
}

describe.skipIf(postgresUnavailable !== undefined)("a controller that is killed as it promotes", () => {
  let server: TestPostgres;
  let world: PromotionWorld;
  beforeAll(async () => {
    server = await startPostgres();
    const store = await server.newDatabase();
    const policy = policyOf({ prod: "{ auto: true }", more: "backport: false\n" });
    world = await promotionWorld({ environments: ORDER, store, policy });
    await world.pass();
  });
  afterAll(async () => {
    await world.close();
    await server.close();
  });

  /** Passes until the revision is in prod, or `step` ends it; the names of the steps. */
  async function promoted(value: number, die?: { readonly at: number; readonly when: "before" | "after" }) {
    const revision = await world.set("staging", { a: value });
    await world.reconcile();
    const steps: string[] = [];
    const process = { isDead: false };
    await spies(world, async (name, run) => {
      const isLast = steps.length === die?.at;
      if (isLast && die.when === "before") process.isDead = true;
      if (!process.isDead) {
        steps.push(name);
        const result = await run();
        if (!isLast) return result;
        process.isDead = true;
      }
      throw new Error("killed");
    });
    for (let count = 0; count < 3 && !process.isDead; count += 1) await world.tend();
    vi.restoreAllMocks();
    return { revision, steps, ...process };
  }

  it(
    "at any step, before or after it, promotes once, tells it once, and leaves nothing behind",
    { timeout: 300_000 },
    async () => {
      let value = 1;
      const { steps } = await promoted(value);
      expect(new Set(steps)).toEqual(new Set(["move", "save", "add", "put", "remove"]));
      for (const [at] of steps.entries()) {
        for (const when of ["before", "after"] as const) {
          value += 1;
          const { revision, isDead } = await promoted(value, { at, when });
          expect(isDead).toBe(true);
          const hasArrived = (await world.tip("prod")) === revision;
          await world.restart();
          // Its source goes on at once, as it may.
          const next = at % 2 === 0 ? await world.set("staging", { a: value, b: value }) : revision;
          for (let count = 0; count < 4; count += 1) await world.pass();
          const where = `${when} step ${at}, ${steps[at] ?? ""}`;
          expect(await world.settings("prod"), where).toEqual(await world.settings(next));
          const told = (await world.happened("prod", "promoted")).filter((line) =>
            line.includes(revision.slice(0, 10)),
          );
          expect(told, where).toHaveLength(hasArrived || next === revision ? 1 : 0);
          expect(await (await world.session.store()).pullRequests.find(HEAD), where).toMatchObject({ state: "merged" });
          expect(await world.git("for-each-ref", "refs/heads/trueup"), where).toBe("");
        }
      }
    },
  );
});
