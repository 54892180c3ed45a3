import { readdirSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ENVIRONMENT_YAML, eventually, makeWorld, type Running, TRUEUP_YAML, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

let world: World;
let started: Running[] = [];
beforeEach(async () => {
  world = await makeWorld({ config: `${TRUEUP_YAML}interval: 200ms\n` });
});
afterEach(async () => {
  for (const { child } of started) child.kill("SIGKILL");
  await Promise.all(started.map(({ ended }) => ended));
  started = [];
  world.remove();
});

function start(...args: string[]): Running {
  const running = world.start(args);
  started.push(running);
  return running;
}

const read = (name: string): string => {
  try {
    return world.read(name);
  } catch {
    return "";
  }
};

/** The controller's log: one line of JSON an event. */
function lines({ output }: Running): Record<string, unknown>[] {
  return output()
    .stderr.split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const said = (running: Running, event: string) => lines(running).some((line) => line["event"] === event);
const logOf = (running: Running) => () => running.output().stderr;

async function controller(): Promise<Running> {
  const running = start("run");
  await eventually(() => read("live/app.yaml") !== "", logOf(running));
  return running;
}

describe("trueup run", () => {
  it("applies what git says, heals what the policy says, and logs a line of JSON for each outcome", async () => {
    await world.commit({ "policies/drift.yaml": "rules:\n  - { name: all, severity: low }\n" });
    const running = await controller();
    world.put("live/app.yaml", read("live/app.yaml").replace("8080", "1"));
    await eventually(() => said(running, "healed"), logOf(running));
    expect(read("live/app.yaml")).toContain("8080");
    await world.commit({ "environments/dev/host/app.yaml": "server:\n  port: 9090\nlogging:\n  level: info\n" });
    await eventually(() => read("live/app.yaml").includes("9090"), logOf(running));
    const log = lines(running);
    expect(log[0]).toMatchObject({ level: "info", event: "started", environments: ["dev"] });
    expect(log.find(({ event }) => event === "healed")).toMatchObject({
      ...{ level: "info", environment: "dev", target: "host", path: "/app.yaml/server/port" },
      msg: "healed /app.yaml/server/port: 1 → 8080",
    });
    for (const { time } of log) expect(new Date(String(time)).toISOString()).toBe(time);
    expect(running.output().stdout).toBe("");
  });

  it("answers every verb in a second terminal, just as a process of its own does", async () => {
    await world.commit({
      "environments/dev/host/app.yaml": "server:\n  port: 8080\nbig: 12345678901234567890\n",
      "policies/drift.yaml": "rules:\n  - { name: big, match: { path: /app.yaml/big }, severity: high }\n",
    });
    await eventually(() => read("live/app.yaml") !== "", logOf(await controller()));
    const [running] = started;
    world.put("live/app.yaml", "server:\n  port: 8080\nbig: 12345678901234567891\n");
    const asked = async () => {
      const answers = [];
      for (const verb of [
        "diff",
        "status",
        "sync --dry-run",
        "history --limit 2",
        "policy explain dev",
        "diff -o markdown",
        "status -o yaml",
      ]) {
        const { code, stdout, stderr } = await world.run([
          ...verb.split(" "),
          ...(verb.includes("-o") ? [] : ["-o", "json"]),
        ]);
        answers.push({ verb, code, stdout, stderr });
      }
      return answers;
    };
    await eventually(
      () => running !== undefined && said(running, "drifted"),
      () => running?.output().stderr ?? "",
    );
    const through = await asked();
    expect(answer("diff", through[0]?.stdout ?? "").environments[0]?.targets[0]?.findings).toHaveLength(1);
    expect(through[0]?.stdout).toContain('"live": 12345678901234567891');
    const suspended = await world.run(["suspend", "dev", "--because", "test", "-o", "json"]);
    expect(answer("suspend", suspended.stdout).environments).toEqual([{ name: "dev", suspended: true, changed: true }]);
    expect(answer("resume", (await world.run(["resume", "dev", "-o", "json"])).stdout).environments[0]?.changed).toBe(
      true,
    );
    expect(answer("doctor", (await world.run(["doctor", "-o", "json"])).stdout).healthy).toBe(true);
    const unknown = await world.run(["diff", "devv"]);
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toContain(
      'error: trueup.yaml names no environment `devv` (USAGE)\n  hint: did you mean "dev"?',
    );

    running?.child.kill("SIGTERM");
    expect((await running?.ended)?.code).toBe(0);
    const direct = await asked();
    // The suspension made history meanwhile; all else is the same, byte for byte.
    const comparable = (all: typeof direct) => all.filter(({ verb }) => !verb.startsWith("history"));
    expect(comparable(direct)).toEqual(comparable(through));
  });

  it("writes at once what is approved in a second terminal", async () => {
    world.put("trueup.yaml", `${TRUEUP_YAML}interval: 1h\n`);
    await world.commit({ "policies/drift.yaml": "guards:\n  approval: [{ environment: dev }]\n" });
    const running = start("run");
    await eventually(() => said(running, "approval-wanted"), logOf(running));
    const { plans } = answer("approve", (await world.run(["approve", "-o", "json"])).stdout);
    expect(plans).toMatchObject([{ environment: "dev", target: "host", verb: "pass" }]);
    const short = plans[0]?.plan.slice(0, 12) ?? "";
    const shown = await world.run(["approve", "dev/host"]);
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout).toContain(`to approve it: trueup approve dev/host ${short}\n`);
    const other = await world.run(["approve", "dev/host", "0123456789ab"]);
    expect(other).toMatchObject({ code: 1, stdout: "" });
    expect(other.stderr).toContain(`it is now ${short} (the next pass) (USAGE)`);
    expect(read("live/app.yaml")).toBe("");
    const approved = await world.run(["approve", "dev/host", short, "--because", "CHG-7", "-o", "json"]);
    expect(answer("approve", approved.stdout)).toMatchObject({
      did: "approved",
      plans: [{ approved: { reason: "CHG-7" } }],
    });
    await eventually(() => said(running, "approval-used"), logOf(running));
    expect(read("live/app.yaml")).toContain("8080");
  });

  it("reads trueup.yaml again on SIGHUP, and keeps the old one where the new one is not valid", async () => {
    const running = await controller();
    const good = world.read("trueup.yaml");
    world.put("trueup.yaml", `${good}intervall: 1m\n`);
    running.child.kill("SIGHUP");
    await eventually(() => said(running, "reload"), logOf(running));
    expect(lines(running).find(({ event }) => event === "reload")).toMatchObject({
      ...{ level: "error", code: "CONFIG_INVALID", where: "trueup.yaml:7:12", hint: 'did you mean "interval"?' },
      msg: "trueup.yaml is not valid, the old one stays: unknown key `intervall`",
    });
    await world.commit({ "environments/dev/host/app.yaml": "server:\n  port: 9090\n" });
    await eventually(() => read("live/app.yaml").includes("9090"), logOf(running));

    // Another repository cannot be followed without a restart.
    world.put("trueup.yaml", good.replace("./repo", "./other"));
    running.child.kill("SIGHUP");
    await eventually(() => lines(running).filter(({ event }) => event === "reload").length === 2, logOf(running));
    expect(lines(running).at(-1)?.["msg"]).toContain("`repository` cannot change while the controller runs");

    world.put("trueup.yaml", good.replace("root: live", "root: moved"));
    world.put("moved/app.yaml", "other: 1\n");
    running.child.kill("SIGHUP");
    await eventually(() => said(running, "reloaded"), logOf(running));
    await eventually(() => lines(running).length > 4, logOf(running));
    expect(running.child.exitCode).toBeNull();
  });

  it("leaves on SIGTERM with every file whole, and the next sync converges", async () => {
    const text = (value: string) => Array.from({ length: 100 }, (_, index) => `SETTING_${index}=${value}\n`).join("");
    const names = Array.from({ length: 60 }, (_, index) => `f${index}.env`);
    await world.commit(Object.fromEntries(names.map((name) => [`environments/dev/host/${name}`, text("a")])));
    const running = start("run");
    await eventually(() => readdirSync(join(world.folder, "live")).length > 2, logOf(running));
    running.child.kill("SIGTERM");
    const { code, signal } = await running.ended;
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    const written = readdirSync(join(world.folder, "live"));
    expect(written.filter((name) => !names.includes(name) && name !== "app.yaml")).toEqual([]);
    for (const name of written.filter((each) => each.endsWith(".env"))) expect(read(`live/${name}`)).toBe(text("a"));
    expect(readdirSync(join(world.folder, ".trueup"))).not.toContain("trueup.sock");
    // What was written is remembered: it is in sync now, and the rest is pending, not in conflict.
    const diff = answer("diff", (await world.run(["diff", "-o", "json"])).stdout);
    const kinds = new Set(diff.environments[0]?.targets[0]?.findings.map(({ kind }) => kind));
    expect([...kinds].filter((kind) => kind !== "pending")).toEqual([]);
    expect((await world.run(["sync"])).code).toBe(0);
    expect(readdirSync(join(world.folder, "live"))).toHaveLength(61);
  });

  it("does not run twice on one state directory, and says who holds it", async () => {
    const running = await controller();
    const second = await start("run").ended;
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`process ${running.child.pid} holds the state directory`);
    expect(second.stderr).toContain("(STORE_BUSY)");
  });

  it("does not start on a trueup.yaml that is not valid", async () => {
    world.put("trueup.yaml", "repository: {}\n");
    const ran = await start("run").ended;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("(CONFIG_INVALID)\n  at trueup.yaml:");
  });
});

describe("Ctrl-C", () => {
  let silent: Server;
  beforeEach(async () => {
    // Takes connections and says nothing.
    silent = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
  });
  afterEach(() => {
    silent.close();
  });

  // Whoever waited to the end would say that the other side does not answer.
  it("ends a short command that waits for git, and says that it was stopped", async () => {
    let connected = false;
    silent.once("connection", () => (connected = true));
    const { port } = silent.address() as { port: number };
    world.put("trueup.yaml", TRUEUP_YAML.replace("./repo", `http://127.0.0.1:${port}/x.git`));
    const running = start("validate");
    await eventually(() => connected, logOf(running));
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("error: stopped (ABORTED)\n  hint: ");
  });

  it("ends a short command that waits for a target, and says so", async () => {
    let connected = false;
    silent.once("connection", () => (connected = true));
    const { port } = silent.address() as { port: number };
    world.put("trueup.yaml", TRUEUP_YAML.replace("root: live", `url: "mqtt://127.0.0.1:${port}"`));
    await world.commit({
      "environments/dev/environment.yaml": ENVIRONMENT_YAML.replace("kind: files", "kind: mqtt, prefix: app"),
      "environments/dev/host.yaml": "a: 1\n",
    });
    await world.repository.git("rm", "-rq", "environments/dev/host");
    await world.repository.git("commit", "-qm", "One document");
    const running = start("diff");
    await eventually(() => connected, logOf(running));
    running.child.kill("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("(ABORTED)");
  });
});
