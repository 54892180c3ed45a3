import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ENVIRONMENT_YAML, makeWorld, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

const DRIFT_YAML = `rules:
  - name: the port
    match: { path: "/app.yaml/server/port" }
    severity: high
  - name: log level
    match: { path: "/app.yaml/logging/**" }
    severity: low
`;
const CASES = `cases:
  - name: the port is high
    finding: { environment: dev, target: host, path: /app.yaml/server/port, kind: modified, desired: 8080, live: 1 }
    expect: { severity: high, actions: [propose, alert], rule: the port }
`;
const CONFIG = `repository: { url: repo }
environments:
  dev: { connections: { host: { root: live/dev } } }
  prod: { connections: { host: { root: live/prod } } }
`;

let world: World;
beforeAll(async () => {
  world = await makeWorld({
    config: CONFIG,
    files: {
      "environments/base/host/app.yaml": "server:\n  port: 8080\nlogging:\n  level: info\n",
      "environments/base/environment.yaml": ENVIRONMENT_YAML,
      "environments/dev/environment.yaml": "layers: [base]\n",
      "environments/prod/environment.yaml": "layers: [base]\n",
      "policies/drift.yaml": DRIFT_YAML,
      "policies/tests/drift.yaml": CASES,
      "policies/tests/README.md": "not a case\n",
    },
    branches: ["prod"],
  });
});
afterAll(() => {
  world.remove();
});

const json = async (...args: string[]) => {
  const ran = await world.run(["policy", "test", ...args, "-o", "json"]);
  return { code: ran.code, report: answer("policy test", ran.stdout) };
};

describe("trueup policy test", () => {
  it("runs the cases at the environments' branches, the same ones once, and names rules that none covers", async () => {
    const { code, report } = await json();
    expect(code).toBe(0);
    const decision = { severity: "high", actions: ["propose", "alert"], rule: "the port" };
    expect(report).toEqual({
      schemaVersion: 1,
      passed: true,
      suites: [
        {
          environments: ["dev", "prod"],
          policy: "policies/drift.yaml",
          cases: [
            {
              name: "the port is high",
              where: "policies/tests/drift.yaml:2:5",
              passed: true,
              expected: decision,
              got: decision,
            },
          ],
          uncovered: [{ name: "log level", where: "policies/drift.yaml:5:5" }],
        },
      ],
    });
    expect(await world.run(["policy", "test"])).toMatchObject({
      code: 0,
      stderr: "",
      stdout: 'dev, prod: 1 case, passed\nnote: no case covers the rule "log level" (policies/drift.yaml:5:5)\n',
    });
    // The tests are in nobody's way: everything renders as without them.
    expect((await world.run(["validate"])).code).toBe(0);
  });

  it("judges each branch by its own policies, and says where, what was expected, and what came", async () => {
    await world.commit({ "policies/drift.yaml": DRIFT_YAML.replace("severity: high", "severity: critical") });
    const failed = await world.run(["policy", "test"]);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain(
      "dev: 1 case, 1 failed\n" +
        "failed: the port is high\n" +
        "  at policies/tests/drift.yaml:2:5\n" +
        "  expected high, propose and alert, by the port\n" +
        "  got      critical, alert, by the port\n",
    );
    expect(failed.stdout).toContain("\nprod: 1 case, passed\n");
    const { code, report } = await json();
    expect(code).toBe(1);
    expect(report.suites.map(({ environments, cases }) => [environments, cases.map(({ passed }) => passed)])).toEqual([
      [["dev"], [false]],
      [["prod"], [true]],
    ]);
    expect((await world.run(["policy", "test", "-o", "markdown"])).stdout).toContain(
      "| dev | the port is high | failed | policies/tests/drift.yaml:2:5 | high, propose and alert, by the port | critical, alert, by the port |\n",
    );
  });

  it("runs those of a folder before a commit, without a trueup.yaml", async () => {
    world.put("work/policies/drift.yaml", DRIFT_YAML);
    world.put("work/policies/tests/a.yaml", CASES);
    world.put("work/policies/tests/b.yml", CASES.replace("expect: {", "expect: none #"));
    const bare = ["--config", "nowhere.yaml"];
    const whole = await json("work", ...bare);
    expect(whole.code).toBe(1);
    expect(whole.report.suites[0]).toMatchObject({
      environments: [],
      policy: "work/policies/drift.yaml",
      cases: [
        { passed: true, where: "work/policies/tests/a.yaml:2:5" },
        { passed: false, where: "work/policies/tests/b.yml:2:5", expected: "none", got: { severity: "high" } },
      ],
    });
    expect((await json("./work/policies", ...bare)).report.suites[0]?.cases).toHaveLength(2);
    const one = await json("work/policies/tests/a.yaml", ...bare);
    expect(one).toMatchObject({ code: 0, report: { suites: [{ cases: [{ passed: true }] }] } });
  });

  it("says what is wrong with the tests, and that there are none", async () => {
    world.put("bad/policies/tests/drift.yaml", CASES.replace("live: 1", "lvie: 1"));
    const misspelt = await world.run(["policy", "test", "bad"]);
    expect(misspelt).toMatchObject({ code: 1, stdout: "" });
    expect(misspelt.stderr).toBe(
      "error: unknown key `lvie` under `cases.0.finding` (POLICY_INVALID)\n" +
        "  at bad/policies/tests/drift.yaml:3:114\n" +
        '  hint: did you mean "live"?\n',
    );
    mkdirSync(join(world.folder, "none/policies"), { recursive: true });
    const none = await world.run(["policy", "test", "none"]);
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toContain("there are no tests of policies (USAGE)\n  hint: write cases into policies/tests/");
    const nowhere = await world.run(["policy", "test", "nowhere"]);
    expect(nowhere.stderr).toContain("there is no folder nowhere (USAGE)");
    const other = await world.run(["policy", "test", "live"]);
    expect(other.stderr).toContain("live is no folder of policies (USAGE)");
  });
});
