import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mergeBySetting } from "../../src/formats/merge.js";
import { openSource, type Source } from "../../src/git/source.js";
import { candidateOf } from "../../src/promotion/candidate.js";
import { ROLLED_BACK } from "../../src/promotion/held.js";
import { often } from "../support/often.js";
import { makeRepository, type TestRepository } from "../support/git-repository.js";

const never = new AbortController().signal;
/** Few, and few values: then they meet. */
const SETTINGS = ["a", "b", "c"] as const;
type Settings = Readonly<Record<string, number>>;

type Step =
  | { readonly do: "commit" | "hotfix"; readonly setting: string; readonly value: number }
  /** As Trueup merges, or as a forge that squashes does. */
  | { readonly do: "promote"; readonly how: "merge" | "squash" }
  | { readonly do: "roll back"; readonly by: number };

const change = { setting: fc.constantFrom(...SETTINGS), value: fc.integer({ min: 0, max: 1 }) };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("commit" as const), ...change }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("hotfix" as const), ...change }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("promote" as const),
      how: fc.constantFrom("merge" as const, "squash" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("roll back" as const), by: fc.integer({ min: 1, max: 3 }) }) },
);

let root: string;
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trueup-histories-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Neighbours in one file: by lines, any two changes of both sides would be a conflict. */
function text(settings: Settings): string {
  return SETTINGS.map((name) => `${name}: ${settings[name] ?? 0} # about ${name}\n`).join("");
}

/** What a promotion must come to, setting by setting; undefined where both sides changed one otherwise. */
function merged(base: Settings, ours: Settings, theirs: Settings): Settings | undefined {
  const result: Record<string, number> = {};
  for (const name of SETTINGS) {
    const [was, our, their] = [base[name] ?? 0, ours[name] ?? 0, theirs[name] ?? 0];
    if (our !== their && our !== was && their !== was) return undefined;
    result[name] = our === was ? their : our;
  }
  return result;
}

/** prod as the model has it: what it says, and what of dev it has taken in. */
interface Past {
  readonly id: string;
  readonly says: Settings;
  readonly holds: Settings;
}

/** A history as git has it, and beside it what the model says of it. */
async function play(steps: readonly Step[]): Promise<void> {
  count += 1;
  const repository = await makeRepository(join(root, `repo${count}`), "--initial-branch=dev");
  const first = await repository.commit({ "app.yaml": text({}) }, "first");
  await repository.git("branch", "prod");
  const source = await openSource({
    ...{ url: repository.folder, folder: join(root, `state${count}`, "mirror") },
    mergeFile: mergeBySetting,
  });
  try {
    await follow(steps, { repository, source, first });
  } finally {
    await source.close();
  }
}

interface Place {
  readonly repository: TestRepository;
  readonly source: Source;
  readonly first: string;
}

async function follow(steps: readonly Step[], { repository, source, first }: Place): Promise<void> {
  const recorded = new Map<string, string>();
  const past: Past[] = [{ id: first, says: {}, holds: {} }];
  let dev: Settings = {};
  const commit = async (branch: string, settings: Settings, message: string): Promise<string> => {
    await repository.git("checkout", "--quiet", branch);
    return repository.commit({ "app.yaml": text(settings) }, message);
  };
  for (const one of steps) {
    const now = past.at(-1);
    if (now === undefined) throw new Error("prod has no past");
    switch (one.do) {
      case "commit":
        dev = { ...dev, [one.setting]: one.value };
        await commit("dev", dev, "change");
        break;
      case "hotfix": {
        const says = { ...now.says, [one.setting]: one.value };
        past.push({ ...now, id: await commit("prod", says, "hotfix"), says });
        break;
      }
      case "roll back": {
        const goal = past[Math.max(0, past.length - 1 - one.by)] ?? now;
        if (goal.id === now.id) break;
        past.push({ ...goal, id: await commit("prod", goal.says, `back\n\n${ROLLED_BACK}: ${goal.id}`) });
        break;
      }
      case "promote": {
        const { branches } = await source.refresh(never);
        const [revision = "", tip = ""] = [branches.get("dev"), branches.get("prod")];
        const found = await candidateOf(source.lineage, { from: "dev", to: "prod", revision, tip, recorded }, never);
        const expected = merged(now.holds, now.says, dev);
        if (found.relation === "conflicting") {
          expect(expected).toBeUndefined();
          break;
        }
        if (found.relation === "held") {
          expect(text(expected ?? {})).toBe(text(now.says));
          if (!found.byContent) break;
          recorded.set(tip, revision);
          past[past.length - 1] = { ...now, holds: dev };
          break;
        }
        if (found.relation !== "ahead" || expected === undefined) throw new Error(`not expected: ${found.relation}`);
        if (one.how === "squash") {
          const id = await commit("prod", expected, "squashed");
          recorded.set(id, revision);
          past.push({ id, says: expected, holds: dev });
          break;
        }
        await repository.git("checkout", "--quiet", "dev");
        await source.lineage.move({ branch: "prod", from: tip, to: found.commit }, never);
        expect(`${await repository.git("show", `${found.commit}:app.yaml`)}\n`).toBe(text(expected));
        past.push({ id: found.commit, says: expected, holds: dev });
      }
    }
  }
}

it(
  "no promoted change is lost and no hotfix undone, over any history of changes, hotfixes, promotions and roll-backs",
  () =>
    fc.assert(fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 20 }), play), {
      numRuns: often({ usually: 15, nightly: 100 }),
    }),
  300_000,
);
