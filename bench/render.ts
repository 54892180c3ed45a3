import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { parseChecked } from "../dist/config/checked.js";
import { openSource } from "../dist/git/source.js";
import { renderEnvironment } from "../dist/render/render.js";
import { targetKinds } from "../dist/targets/registry.js";
import { ms, ratioFigure, type Section } from "./report.js";
import { inTurns, median, ratio } from "./statistics.js";
import { CLI, commit, write } from "./world.js";

const run = promisify(execFile);
const DOCUMENTS = 1_000;

/** A base of 1,000 documents of ten settings and an overlay that changes one in each, as kustomize and Trueup have it. */
export async function rendering(): Promise<Section> {
  const folder = mkdtempSync(join(tmpdir(), "trueup-render-"));
  try {
    const repository = await makeTrueup(folder);
    makeKustomize(folder);
    const config = join(folder, "trueup.yaml");
    write(
      config,
      `repository: { url: ${repository} }\nenvironments: { prod: { branch: main, connections: { host: { root: /tmp } } } }\n`,
    );
    const kubectl = await run("kubectl", ["kustomize", "--help"]).then(
      () => true,
      () => false,
    );
    const kustomize = () => run("kubectl", ["kustomize", join(folder, "kustomize/prod")], { maxBuffer: 2 ** 28 });
    const trueup = () =>
      run(process.execPath, [CLI, "render", "prod", "-o", "json", "--config", config], { maxBuffer: 2 ** 28 });
    await check(trueup, kubectl ? kustomize : undefined);
    const times = await inTurns({ trueup, ...(kubectl ? { kustomize } : {}) }, { runs: 5, warmup: 1 });
    const again = await rerender(folder, repository);
    const theirs = (times as { kustomize?: number[] }).kustomize;
    return {
      title: "Rendering 1,000 documents: a base and an overlay",
      figures: [
        theirs === undefined
          ? { what: "whole processes", ours: ms(median(times.trueup)) }
          : ratioFigure("whole processes", {
              ...{ ours: median(times.trueup), theirs: median(theirs), ratio: ratio(times.trueup, theirs) },
              ...{ name: "kubectl kustomize, 1,000 ConfigMaps", goal: 0.5 },
            }),
        { what: "in a process: the first time", ours: ms(again.first) },
        ratioFigure("in a process: after a commit that changes one file", {
          ...{ ours: again.one, theirs: again.first, ratio: again.one / again.first, name: "the first time" },
        }),
      ],
      notes: theirs === undefined ? ["kubectl is not installed here: not compared."] : [],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function settings(index: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 10 }, (_, each) => [`SETTING_${each}`, `value ${index}.${each}`]));
}

async function makeTrueup(folder: string): Promise<string> {
  const work = join(folder, "work");
  write(join(work, "environments/base/environment.yaml"), "targets:\n  host: { kind: files, connection: host }\n");
  write(join(work, "environments/prod/environment.yaml"), "layers: [base]\n");
  for (let index = 0; index < DOCUMENTS; index += 1) {
    write(join(work, `environments/base/host/app-${index}.yaml`), stringify(settings(index)));
    write(join(work, `environments/prod/host/app-${index}.yaml`), `SETTING_0: of prod ${index}\n`);
  }
  const repository = join(folder, "environments.git");
  await commit(work, repository);
  return repository;
}

function makeKustomize(folder: string): void {
  const names = Array.from({ length: DOCUMENTS }, (_, index) => `app-${index}`);
  const map = (name: string, data: object) =>
    stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
  names.forEach((name, index) => {
    write(join(folder, `kustomize/base/${name}.yaml`), map(name, settings(index)));
    write(join(folder, `kustomize/prod/${name}.yaml`), map(name, { SETTING_0: `of prod ${index}` }));
  });
  write(
    join(folder, "kustomize/base/kustomization.yaml"),
    stringify({ resources: names.map((name) => `${name}.yaml`) }),
  );
  const patches = names.map((name) => ({ path: `${name}.yaml` }));
  write(join(folder, "kustomize/prod/kustomization.yaml"), stringify({ resources: ["../base"], patches }));
}

/** Both give the same 1,000 documents. */
async function check(
  trueup: () => Promise<{ stdout: string }>,
  kustomize?: () => Promise<{ stdout: string }>,
): Promise<void> {
  const expected = { ...settings(7), SETTING_0: "of prod 7" };
  const { targets } = JSON.parse((await trueup()).stdout) as { targets: { document: Record<string, object> }[] };
  const ours = targets[0]?.document ?? {};
  same(Object.keys(ours).length, DOCUMENTS);
  same(ours["app-7.yaml"], expected);
  if (kustomize === undefined) return;
  const documents = (await kustomize()).stdout.split("\n---\n");
  same(documents.length, DOCUMENTS);
  const theirs = documents.map((text) => parse(text) as { metadata: { name: string }; data: object });
  same(theirs.find(({ metadata }) => metadata.name === "app-7")?.data, expected);
}

function same(found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`rendered ${a}, not ${b}`);
}

/** A first rendering in a fresh process is this one's: nothing is cached yet; then one file moves. */
async function rerender(folder: string, repository: string) {
  const { signal } = new AbortController();
  const source = await openSource({ url: repository, folder: join(folder, "mirror.git") });
  const connections = {
    declared: { host: { root: "/tmp" } },
    source: parseChecked("{}", "trueup.yaml", "CONFIG_INVALID"),
  };
  const once = async () => {
    const revision = (await source.refresh(signal)).branches.get("main") ?? "";
    const snapshot = await source.read(revision, ["environments", "policies"], signal);
    const secret = () => Promise.reject(new Error("no secrets here"));
    const rendered = await renderEnvironment({
      environment: "prod",
      revision,
      snapshot,
      kinds: targetKinds,
      connections,
      probes: [],
      secret,
    });
    const failed = rendered.targets.find((target) => "error" in target);
    if (failed !== undefined) throw new Error(`rendering failed: ${JSON.stringify(failed)}`);
  };
  const timed = async () => {
    const start = performance.now();
    await once();
    return performance.now() - start;
  };
  const first = await timed();
  const work = join(folder, "work");
  const again: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    write(join(work, "environments/prod/host/app-7.yaml"), `SETTING_0: of round ${round}\n`);
    const git = ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false"];
    await run("git", [...git, "commit", "--quiet", "-am", `Round ${round}`], { cwd: work });
    await run("git", ["push", "--quiet", repository, "main"], { cwd: work });
    again.push(await timed());
  }
  await source.close();
  return { first, one: median(again) };
}
