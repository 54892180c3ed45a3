import { execFile, spawn } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { loadConfig } from "../dist/config/config.js";
import { silentLog } from "../dist/lib/log.js";
import { promotions } from "../dist/operations/promotions.js";
import { tendMemory, tendPromotions } from "../dist/promotion/tend.js";
import { refresh } from "../dist/reconcile/environment.js";
import { openSession } from "../dist/reconcile/session.js";
import * as bare from "./bare.mjs";
import { type Figure, ms, ratioFigure, type Section } from "./report.js";
import { inTurns, median, ratio } from "./statistics.js";
import { type World, write } from "./world.js";

const run = promisify(execFile);
const COMMITS = 1_000;
const ENVIRONMENTS = 100;
const SETTINGS = 20;
const names = Array.from({ length: ENVIRONMENTS }, (_, index) => `stage-${index}`);

/**
 * A chain of 100 environments over 1,000 commits, each ten commits behind the one before it, and every other one with a hotfix:
 * so half of the 99 promotions are merges. Against the git commands that this takes at least, run one after the other; and a pass
 * in which nothing moved, against asking git and reading what the store has.
 */
export async function promotion(world: World): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), "trueup-promotion-"));
  const stop = new AbortController();
  const { signal } = stop;
  setMaxListeners(0, signal);
  try {
    const repository = join(folder, "environments.git");
    await makeHistory(repository);
    const config = configure(world, folder, repository);
    const session = openSession({
      config: loadConfig(config, process.env),
      log: silentLog,
      stop: signal,
      holder: "bench",
    });
    const context = { signal, progress: () => undefined };
    const plan = async () => {
      const { hops, faults } = await promotions.run(session, {}, context);
      const ready = hops.filter(({ commits, gates }) => commits.length > 0 && gates.at(-1)?.state === "passed");
      if (faults.length > 0 || ready.length !== ENVIRONMENTS - 1) {
        throw new Error(`${ready.length} promotions planned: ${JSON.stringify(faults).slice(0, 500)}`);
      }
    };
    const floor = bareGit(repository, await tips(repository));
    const planning = await inTurns({ trueup: plan, git: floor }, { runs: 3, warmup: 1 });
    const memory = tendMemory();
    const pass = async () => {
      await refresh(session, signal);
      await tendPromotions(session, memory, signal);
    };
    const state = await bareStore(config);
    // The first notes what waits; from the second on nothing has moved.
    const idle = await inTurns(
      { pass, least: () => Promise.all([bare.askGit(repository), state.read()]) },
      { runs: 15, warmup: 2 },
    );
    await state.close();
    await session.close();
    const figure = (what: string, [ours, theirs]: Pair, name: string, goal: number): Figure =>
      ratioFigure(what, { ours: median(ours), theirs: median(theirs), ratio: ratio(ours, theirs), name, goal });
    return {
      title: `Promotion: ${COMMITS.toLocaleString("en")} commits, ${ENVIRONMENTS} environments in a chain`,
      figures: [
        figure(
          `planning ${ENVIRONMENTS - 1} promotions`,
          [planning.trueup, planning.git],
          "the same git commands",
          1.2,
        ),
        { what: "each of them", ours: ms(median(planning.trueup) / (ENVIRONMENTS - 1)) },
        figure(
          "a pass in which nothing moved",
          [idle.pass, idle.least],
          "`git ls-remote` beside reading the store's tables",
          5,
        ),
      ],
      notes: [
        "Trueup's time includes what the commands do not have: rendering each environment as it is and as it would be, the gates, the store.",
      ],
    };
  } finally {
    stop.abort();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Pair = readonly [ours: readonly number[], theirs: readonly number[]];

/** What git is asked for one promotion after the other: both sides with their edge, the merge and its commit, the files. */
function bareGit(repository: string, branches: ReadonlyMap<string, string>): () => Promise<void> {
  const git = async (...args: string[]) =>
    (await run("git", ["--git-dir", repository, ...args], { maxBuffer: 2 ** 28 })).stdout.trim();
  const one = async (from: string, to: string) => {
    const format = "--format=%m %H %T %P %an %cI %s %(trailers:only,unfold)";
    const log = await git("log", "-z", "--topo-order", "--left-right", "--boundary", format, `${to}...${from}`);
    let commit = from;
    if (log.split("\0").some((line) => line.startsWith("<"))) {
      const [tree = ""] = (await git("merge-tree", "--write-tree", "-z", to, from)).split("\0");
      commit = await git(...IDENTITY, "commit-tree", tree, "-p", to, "-p", from, "-m", "Promote");
    }
    const listed = await git("ls-tree", "-r", "-t", "-l", "--full-tree", commit, "--", "environments", "policies");
    const ids = listed.split("\n").flatMap((line) => (line.includes(" blob ") ? [line.split(" ")[2] ?? ""] : []));
    await blobs(repository, ids);
  };
  return async () => {
    await bare.askGit(repository);
    for (const [index, to] of names.entries()) {
      const from = names[index - 1];
      if (from !== undefined) await one(branches.get(from) ?? from, branches.get(to) ?? to);
    }
  };
}

/** What a pass must know: the tables that it reads, all in one round trip. */
async function bareStore(config: string): Promise<{ read(): Promise<unknown>; close(): Promise<void> }> {
  const client = new pg.Client({ connectionString: loadConfig(config, process.env).store });
  await client.connect();
  const tables = ["promotion", "arrival", "decision", "run", "rollout", "target", "suspension"];
  return {
    read: () => client.query(tables.map((table) => `SELECT * FROM trueup.${table}`).join("; ")),
    close: () => client.end(),
  };
}

const IDENTITY = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"];

async function blobs(repository: string, ids: readonly string[]): Promise<void> {
  const child = spawn("git", ["--git-dir", repository, "cat-file", "--batch"], { stdio: ["pipe", "pipe", "ignore"] });
  child.stdout.resume();
  child.stdin.end(ids.map((id) => `${id}\n`).join(""));
  await once(child, "close");
}

async function tips(repository: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await bare.askGit(repository)).trim().split("\n");
  return new Map(
    lines.map((line) => [line.slice(line.indexOf("refs/heads/") + 11), line.slice(0, line.indexOf("\t"))]),
  );
}

/** One stream for `git fast-import`: the line of commits, and the branches that left it. */
async function makeHistory(repository: string): Promise<void> {
  await run("git", ["init", "--quiet", "--bare", "--initial-branch=stage-0", repository]);
  const blob = (path: string, text: string) => `M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`;
  const commit = (branch: string, mark: number, from: string, changes: string) =>
    `commit refs/heads/${branch}\nmark :${mark}\ncommitter bench <bench@example.org> ${1_700_000_000 + mark} +0000\ndata 6\nchange\n${from}${changes}\n`;
  const settings = (values: ReadonlyMap<number, number>) =>
    Array.from({ length: SETTINGS }, (_, index) => `setting-${index}: ${values.get(index) ?? 0}\n`).join("");
  const values = new Map<number, number>();
  const files = names.flatMap((name) => [
    blob(`environments/${name}/environment.yaml`, "layers: [base]\n"),
    blob(`environments/${name}/host/own.yaml`, `name: ${name}\n`),
  ]);
  const stream = [
    commit(
      "line",
      1,
      "",
      [
        blob("environments/base/environment.yaml", "targets:\n  host: { kind: files, connection: host }\n"),
        blob("environments/base/host/app.yaml", settings(values)),
        blob("policies/promotion.yaml", policy()),
        ...files,
      ].join(""),
    ),
  ];
  for (let mark = 2; mark <= COMMITS; mark += 1) {
    values.set(mark % SETTINGS, mark);
    stream.push(commit("line", mark, `from :${mark - 1}\n`, blob("environments/base/host/app.yaml", settings(values))));
  }
  for (const [index, name] of names.entries()) {
    const at = COMMITS - index * (COMMITS / ENVIRONMENTS);
    const hotfix = blob(`environments/${name}/host/own.yaml`, `name: ${name}\nhotfix: true\n`);
    stream.push(
      index % 2 === 0
        ? `reset refs/heads/${name}\nfrom :${at}\n\n`
        : commit(name, COMMITS + index, `from :${at}\n`, hotfix),
    );
  }
  stream.push("reset refs/heads/line\nfrom 0000000000000000000000000000000000000000\n\n");
  const child = spawn("git", ["--git-dir", repository, "fast-import", "--quiet"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  child.stdin.end(stream.join(""));
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error("git fast-import failed");
}

/** Without back-ports: a hotfix on every other branch would be measured instead. */
function policy(): string {
  const into = names.slice(1).map((name) => `  ${name}: { auto: true, merge: direct }\n`);
  return `order: [${names.join(", ")}]\nbackport: false\ninto:\n${into.join("")}`;
}

function configure(world: World, folder: string, repository: string): string {
  const store = new URL(world.databaseUrl);
  store.pathname = "/store";
  const environments = names.map((name) => `  ${name}: { connections: { host: { root: ./live/${name} } } }\n`);
  const config = join(folder, "trueup.yaml");
  write(
    config,
    `repository: { url: ${repository} }\nstateDirectory: state\nforge: { kind: none }\nstore: ${JSON.stringify(store.href)}\nenvironments:\n${environments.join("")}`,
  );
  return config;
}
