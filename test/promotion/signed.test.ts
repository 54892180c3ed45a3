import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ORDER, promotionWorld, type PromotionWorld, type Settings } from "../support/promotion-world.js";
import { newStores } from "../support/stores.js";

const run = promisify(execFile);
vi.setConfig({ testTimeout: 120_000 });

const unavailable = await run("ssh-keygen", ["-?"]).then(
  () => undefined,
  (error: unknown) =>
    error instanceof Error && "code" in error && error.code === "ENOENT" ? "no ssh-keygen" : undefined,
);

describe.skipIf(unavailable !== undefined)(
  `promotion of signed commits (skipped where there is ${unavailable ?? "no ssh-keygen"})`,
  () => {
    const newStore = newStores();
    let world: PromotionWorld;
    beforeEach(async () => {
      world = await promotionWorld(await newStore());
      const key = join(world.folder, "ann");
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f", key]);
      writeFileSync(join(world.folder, "signers"), `ann@example.org ${readFileSync(`${key}.pub`, "utf8")}`);
      for (const [name, value] of [
        ["gpg.format", "ssh"],
        ["user.signingkey", key],
        ["commit.gpgsign", "true"],
      ] as const)
        await world.git("config", name, value);
      const file = JSON.parse(readFileSync(world.configFile, "utf8")) as { repository: object };
      const repository = { ...file.repository, signers: join(world.folder, "signers") };
      writeFileSync(world.configFile, JSON.stringify({ ...file, repository }));
      await world.restart();
      const first = await signed("dev", {});
      for (const name of ["staging", "prod"]) await world.git("update-ref", `refs/heads/${name}`, first);
    });
    afterEach(() => world.close());

    /** As `set`, signed by ann. */
    async function signed(branch: string, settings: Settings): Promise<string> {
      await world.set(branch, settings);
      await world.git("checkout", "--quiet", "--force", branch);
      await world.git("commit", "--quiet", "--amend", "--no-edit", "--allow-empty");
      await world.git("checkout", "--quiet", "--detach");
      return world.tip(branch);
    }

    it("follows by itself, leaves a merge to a person, says so, and goes on with theirs", async () => {
      const first = await signed("dev", { a: 1 });
      expect((await world.pass())["staging"]).toMatchObject({ state: "promoted", revision: first });
      for (let count = 0; count < 2; count += 1) await world.pass();
      expect(await world.tip("prod")).toBe(first);
      const hotfix = await signed("staging", { a: 1, b: 2 });
      const revision = await signed("dev", { a: 1, c: 3 });
      const blocked = {
        state: "blocked",
        reason: `staging follows signed commits only, and Trueup signs no merge: merge ${revision.slice(0, 10)} into its branch by hand, and sign it`,
      };
      for (let count = 0; count < 3; count += 1) expect((await world.pass())["staging"]).toMatchObject(blocked);
      expect((await world.happened("staging", "promotion-")).at(-1)).toBe(`promotion-blocked: ${blocked.reason}`);
      expect(await world.happened("staging", "promotion-blocked")).toHaveLength(1);
      expect(await world.tip("staging")).toBe(hotfix);
      // The hotfix itself goes on, for that is a signed commit.
      expect(await world.tip("prod")).toBe(hotfix);
      const merged = await world.merge("staging", "dev", "--no-ff");
      expect((await world.pass())["staging"]).toMatchObject({ state: "promoted" });
      for (let count = 0; count < 2; count += 1) await world.pass();
      expect(await world.tip("prod")).toBe(merged);
      for (const name of ORDER.slice(1)) expect(await world.settings(name)).toEqual({ a: 1, b: 2, c: 3 });
      expect(Object.values(await world.reconcile()).map(({ state }) => state)).toEqual(["Synced", "Synced", "Synced"]);
      expect(world.faults()).toEqual([]);
    });
  },
);
