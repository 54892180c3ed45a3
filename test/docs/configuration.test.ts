import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { ENVIRONMENT_YAML, makeWorld, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const blocks = (name: string) => [...page(name).matchAll(/```yaml\n([^]*?)```/g)].map(([, text = ""]) => text);

let world: World;
afterEach(() => {
  world.remove();
});

/** The keys that the error about an unknown one lists. */
async function known(env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const { stdout, stderr } = await world.run(["validate"], { env });
  const [, list = ""] = /unknown key `zzzzzzzzzzzz`[^]*?hint: known: (.*)/.exec(stdout + stderr) ?? [];
  expect(list, stdout + stderr).not.toBe("");
  return list.split(", ");
}

describe("docs/configuration.md", () => {
  it("has an example with every key, and it loads", async () => {
    const [example = ""] = blocks("configuration.md");
    world = await makeWorld({
      config: example
        .replace("https://git.example/acme/environments.git", "./repo")
        // Nothing in the test's repository is signed, and its branch is dev.
        .replace(/^ *signers:.*\n/m, "")
        .replace("branch: prod", "branch: dev"),
      files: {
        "environments/prod/environment.yaml": [
          "targets:",
          "  host: { kind: files, connection: host }",
          "  settings: { kind: postgres-table, connection: database, table: app_settings }",
          "  server: { kind: postgres-settings, connection: database }",
          "  broker: { kind: mqtt, connection: broker, prefix: app/config }\n",
        ].join("\n"),
        "environments/prod/host.yaml": "app.env: { A: '1' }\n",
        "environments/prod/settings.yaml": "password: ${secret:smtp}\n",
        "environments/prod/server.yaml": "work_mem: 8MB\n",
        "environments/prod/broker.yaml": "mode: auto\n",
      },
    });
    const env = {
      ...{ GIT_TOKEN: "x", DATABASE_URL: "postgres://x/x", PROD_DATABASE_PASSWORD: "x", PROD_MQTT_PASSWORD: "x" },
      ...{ PROD_SECRET_SMTP: "x", CHANGE_BOARD_SECRET: "x", API_TOKEN: "x" },
    };
    const ran = await world.run(["validate", "-o", "json"], { env });
    expect(ran.stderr).toBe("");
    expect(answer("validate", ran.stdout)).toMatchObject({ valid: true, warnings: [] });

    const config = world.read("trueup.yaml");
    world.put("trueup.yaml", `${config}zzzzzzzzzzzz: 1\n`);
    for (const key of await known(env))
      expect(page("configuration.md"), key).toMatch(new RegExp(`^${key}:|\`${key}\``, "m"));
    const places: [string, RegExp][] = [
      ["repository:\n", /^ {2}KEY:/m],
      ["  prod:\n", /^ {4}KEY:/m],
      ["      database: # for postgres-table and postgres-settings\n", /^ {8}KEY:/m],
      ["      broker: # for mqtt\n", /^ {8}KEY:/m],
      ["      host: # for files\n", /^ {8}KEY:/m],
      ["  change-board:\n", /^ {4}KEY:/m],
      ["      api: # one GET; redirects are not followed\n", /^ {8}KEY:/m],
      ["      rows: # one query, in a read-only transaction: one row with one boolean\n", /^ {8}KEY:/m],
      ["      bus: # somebody publishes\n", /^ {8}KEY:/m],
      ["      check: # a program that exits with 0, in this folder, with TRUEUP_ENVIRONMENT; no shell\n", /^ {8}KEY:/m],
    ];
    for (const [at, pattern] of places) {
      const indentation = " ".repeat(at.search(/\S/) + 2);
      world.put("trueup.yaml", config.replace(at, `${at}${indentation}zzzzzzzzzzzz: 1\n`));
      for (const key of await known(env))
        expect(example, `${at} ${key}`).toMatch(new RegExp(pattern.source.replace("KEY", key), "m"));
    }
  }, 60_000);
});

describe("docs/environments.md", () => {
  it("has an example with every key, and it loads", async () => {
    const [example = ""] = blocks("environments.md");
    const files = {
      "environments/base/host/app.yaml": "rooms: [{ id: kitchen }]\nallowed_origins: [a]\nworkers: ${workers}\n",
      "environments/dev/environment.yaml": example,
    };
    world = await makeWorld({ files });
    const ran = await world.run(["validate", "-o", "json"]);
    expect(answer("validate", ran.stdout)).toMatchObject({ valid: true });
    expect((await world.run(["render", "dev"])).stdout).toContain("workers: 8\n");

    await world.commit({ "environments/dev/environment.yaml": `${example}zzzzzzzzzzzz: 1\n` });
    for (const key of await known()) expect(example, key).toMatch(new RegExp(`^${key}:`, "m"));
    await world.commit({
      "environments/dev/environment.yaml": example.replace("  host:\n", "  host:\n    zzzzzzzzzzzz: 1\n"),
    });
    for (const key of await known()) expect(example, key).toMatch(new RegExp(`^ {4}${key}:`, "m"));
  });
});

describe("docs/policies.md", () => {
  it("has examples with every key, and they load", async () => {
    const [drift = "", validation = "", tests = ""] = blocks("policies.md");
    const files = {
      "environments/dev/environment.yaml": ENVIRONMENT_YAML,
      "environments/dev/host/app.yaml": "a: 1\n",
      "policies/drift.yaml": drift,
      "policies/validation.yaml": validation,
      "policies/tests/drift.yaml": tests,
    };
    world = await makeWorld({ files });
    expect((await world.run(["policy", "test"])).code).toBe(0);
    expect((await world.run(["validate"])).code).toBe(0);
    const places: [string, string, RegExp][] = [
      ["policies/drift.yaml", "rules:\n", /^KEY:/m],
      ["policies/drift.yaml", "  - name: security settings\n", /^ {2}(- | {2})KEY:/m],
      ["policies/drift.yaml", "guards:\n", /^ {2}KEY:|`KEY`/m],
      ["policies/validation.yaml", "  - name: a pool has room\n", /^ {2}(- | {2})KEY:/m],
    ];
    for (const [name, at, pattern] of places) {
      const text = name.endsWith("drift.yaml") ? drift : validation;
      const inside = at === "guards:\n" ? "  " : at === "rules:\n" ? "" : "    ";
      const line = `${inside}zzzzzzzzzzzz: 1\n`;
      await world.commit({ ...files, [name]: at === "rules:\n" ? line + text : text.replace(at, at + line) });
      for (const key of await known()) {
        expect(page("policies.md"), `${at} ${key}`).toMatch(new RegExp(pattern.source.replaceAll("KEY", key), "m"));
      }
    }
  }, 60_000);
});
