import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import { policyOf, promotionWorld, type PromotionWorld } from "../support/promotion-world.js";

vi.setConfig({ testTimeout: 60_000 });

const environment = (name: string, more = ""): string => `layers: [base]\nvariables: { here: ${name} }\n${more}`;

describe("what is an environment's own", () => {
  let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
  let world: PromotionWorld;
  beforeAll(async () => {
    if (postgresUnavailable === undefined) server = await startPostgres();
    const store = await server?.newDatabase();
    const policy = policyOf({ staging: "{}" });
    const files = {
      "environments/base/host/mail.yaml": "user: ${secret:user}\nhost: mail.${here}.example\n",
      ...Object.fromEntries(
        ["dev", "staging", "prod"].flatMap((name) => [
          [`environments/${name}/environment.yaml`, environment(name)],
          [`environments/${name}/host/app.yaml`, `own: ${name}\n`],
        ]),
      ),
    };
    world = await promotionWorld({ policy, files, ...(store === undefined ? {} : { store }) });
    own("dev", { root: world.root("dev"), secrets: { user: "dev-user", extra: "dev-extra" } });
    own("staging", { root: world.root("staging"), secrets: { user: "staging-user" } });
    await world.restart();
    await world.pass();
  });
  afterAll(async () => {
    await world.close();
    await server?.close();
  });

  /** Gives an environment its own connection, and secrets that no other has. */
  function own(name: string, { root, secrets }: { root: string; secrets: Readonly<Record<string, string>> }): void {
    const folder = join(world.folder, "secrets", name);
    mkdirSync(folder, { recursive: true });
    for (const [key, text] of Object.entries(secrets)) writeFileSync(join(folder, key), text);
    const file = JSON.parse(readFileSync(world.configFile, "utf8")) as { environments: Record<string, object> };
    const connections = { host: { root }, [`${name}-only`]: { root } };
    const given = { ...file.environments[name], connections, secrets: [{ kind: "directory", path: folder }] };
    file.environments[name] = given;
    writeFileSync(world.configFile, JSON.stringify(file));
  }

  /** What promoting a commit on dev with these files would do to staging. */
  async function would(files: Readonly<Record<string, string>>) {
    const before = await world.tip("dev");
    await world.commit(files, { branch: "dev" });
    const { gates, changes } = await world.ask({ dryRun: true });
    await world.git("branch", "--force", "dev", before);
    return { changes, validation: gates.find(({ name }) => name === "validation") };
  }

  it.each<[string, Readonly<Record<string, string>>]>([
    ["the overlay", { "environments/dev/host/app.yaml": "own: other\nmore: 1\n" }],
    ["an overlay of a new file", { "environments/dev/host/new.env": "A=1\n" }],
    ["a patch", { "environments/dev/host.patch.yaml": "- { op: add, path: /app.yaml/b, value: 2 }\n" }],
    ["the variables", { "environments/dev/environment.yaml": environment("elsewhere") }],
    [
      "the targets",
      { "environments/dev/environment.yaml": environment("dev", "targets: { host: { timeout: 5s } }\n") },
    ],
    [
      "a secret, and a connection",
      {
        "environments/dev/host/app.yaml": "own: ${secret:extra}\n",
        "environments/dev/environment.yaml": environment("dev", "targets: { host: { connection: dev-only } }\n"),
      },
    ],
    ["the other's name", { "environments/dev/host/app.yaml": "own: staging\n", README: "dev\n" }],
  ])("changes nothing for another: %s", async (_, files) => {
    expect(await would(files)).toMatchObject({ changes: [], validation: { state: "passed" } });
  });

  it.each<[string, Readonly<Record<string, string>>, RegExp]>([
    [
      "for a layer",
      { "environments/staging/environment.yaml": "layers: [base, dev]\n" },
      /own environment.yaml names layers/,
    ],
    [
      "by a way out of its folder",
      { "environments/staging/environment.yaml": "layers: [../dev]\n" },
      /name of a folder/,
    ],
    [
      "for a connection",
      {
        "environments/staging/environment.yaml": environment(
          "staging",
          "targets: { host: { connection: dev-only } }\n",
        ),
      },
      /gives staging no connection `dev-only`/,
    ],
    [
      "for a secret",
      { "environments/base/host/mail.yaml": "user: ${secret:extra}\n" },
      /no source has the secret "extra"/,
    ],
  ])("is not taken by another: %s", async (_, files, reason) => {
    const { changes, validation } = await would(files);
    expect(validation).toMatchObject({ state: "failed", reason: expect.stringMatching(reason) as string });
    // Nobody knows what it would be: nothing is said to go.
    expect(changes).toEqual([]);
  });

  it("stays each one's own as all that they share is promoted", async () => {
    await world.commit({ "environments/base/host/mail.yaml": "user: ${secret:user}\nport: 25\n" }, { branch: "dev" });
    await world.reconcile();
    expect(await world.ask({ merge: true })).toMatchObject({ state: "promoted" });
    await world.reconcile();
    const mail = (name: string) => readFileSync(join(world.root(name), "mail.yaml"), "utf8");
    expect([mail("dev"), mail("staging")]).toEqual(
      ["dev", "staging"].map((name) => expect.stringContaining(`user: ${name}-user\n`) as string),
    );
    expect(world.live("staging")).toContain("own: staging");
    expect(await world.git("log", "--all", "-p")).not.toContain("-user");
  });
});
