import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { sync } from "../../src/operations/sync.js";
import { makeWorld, type World } from "../support/world.js";

let world: World | undefined;
afterEach(() => world?.close());

describe("environments that claim the same files", () => {
  it("fail both, and neither overwrites what the other wrote, from the second pass on", async () => {
    world = await makeWorld({ environments: ["dev", "staging"] });
    const shared = join(world.folder, "shared");
    mkdirSync(shared);
    world.configure({ environments: ["dev", "staging"], connections: { both: { root: shared } } });
    for (const name of ["dev", "staging"]) {
      await world.commit(
        {
          [`environments/${name}/environment.yaml`]: "targets: { host: { kind: files, connection: both } }\n",
          [`environments/${name}/host/app.yaml`]: `owner: ${name}\n`,
        },
        { branch: name },
      );
    }
    const session = world.open();
    const context = { signal: AbortSignal.timeout(20_000), progress: () => undefined };
    await sync.run(session, { environments: [], adopt: "desired" }, context);
    const second = await sync.run(session, { environments: [], adopt: "desired" }, context);
    const codes = second.environments.map(({ targets }) =>
      targets.map(({ state, error }) => `${state} ${error?.code ?? ""}`),
    );
    expect(codes).toEqual([["Failed TARGET_CONFLICT"], ["Failed TARGET_CONFLICT"]]);
  });
});
