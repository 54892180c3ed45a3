import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { paint } from "../cli/output/paint.js";
import { paintGate, paintState } from "../cli/output/promotion.js";
import { table } from "../cli/output/table.js";
import { promotions } from "../operations/promotions.js";
import { revert } from "../operations/revert.js";
import type { HopReport } from "../promotion/report.js";
import type { Session } from "../reconcile/session.js";
import { commitTo } from "./repository.js";
import { chapter, say } from "./say.js";
import { type Heard, PATIENCE, type Story } from "./story.js";
import type { World } from "./world.js";

/** What the commit changes in what all environments share: a setting in each kind of system, further with every start. */
const CHANGES = [
  { target: "settings", path: "/model/horizon", file: "settings.yaml", number: /(?<=horizon: )\d+/, step: 5 },
  { target: "broker", path: "/rooms~1hall/setpoint", file: "broker.yaml", number: /(?<=hall: .*: )[\d.]+/, step: 0.5 },
  { target: "host", path: "/api.env/MAX_AGE_SECONDS", file: "host/api.env", number: /(?<=SECONDS=)\d+/, step: 30 },
] as const;

/**
 * Commits to dev, and tells how that comes to staging by itself and stops in front of prod, until a person approves it.
 * @throws once the session is to stop
 */
export async function travel(world: World, session: Session, story: Story): Promise<void> {
  session.stop.throwIfAborted();
  chapter("A change travels: policies/promotion.yaml");
  const applied = (environment: string): Promise<readonly (Heard | undefined)[]> =>
    Promise.all(CHANGES.map(({ target, path }) => story.heard({ environment, target, path, event: "synced" })));
  const [inDev, promoted, inStaging] = [
    applied("dev"),
    story.heard({ environment: "staging", event: "promoted" }),
    applied("staging"),
  ];
  const message = "Look further ahead, warm the hall, and let displays wait longer";
  const revision = await commitTo(world.paths.repository, { branch: "dev", message, edit });
  const began = performance.now();
  say(`${paint("bold", "dev")}: someone commits ${revision.slice(0, 10)} ${message}`);
  const ofDev = await inDev;
  const settings = ofDev.map((one) => one?.message.replace(/^synced /, "")).join(" · ");
  say(`  ${appliedText(ofDev, began, session)}: ${settings}`);

  say(`${paint("bold", "staging")}: nobody is asked, once dev has run it for 2 s without drift`);
  const arrival = await promoted;
  session.stop.throwIfAborted();
  if (arrival === undefined) {
    say(`  ${paint("red", `not promoted within ${PATIENCE / 1_000} s`)}: \`npx trueup promotions\` says why`);
    return;
  }
  const isApplied = appliedText(await inStaging, began, session);
  say(`  ${arrival.message} after ${since(began, arrival)}, ${isApplied}`);

  say(`${paint("bold", "prod")}: gates look at what runs in staging, and a person has the last word`);
  const hop = await waiting(session, revision, ({ gates }) => gates.length > 0);
  const synced = hop?.gates.find(({ name }) => name === "synced");
  if (synced?.state === "pending") {
    say(`  ${paint("yellow", "held back")}: ${synced.reason}`);
    say("  someone decides on that drift, for git's values: trueup revert staging");
    const args = { environment: "staging", confirm: false, by: "the demonstration" };
    await revert.run(session, args, { signal: session.stop, progress: () => undefined });
  }
  sayGates(await waiting(session, revision, isForPeople));
}

function edit(folder: string): void {
  for (const { file, number, step } of CHANGES) {
    const path = join(folder, "environments", "base", file);
    const text = readFileSync(path, "utf8");
    writeFileSync(
      path,
      text.replace(number, (value) => String(Number(value) + step)),
    );
  }
}

function isForPeople({ gates }: HopReport): boolean {
  const open = gates.filter(({ state }) => state !== "passed");
  return open.every(({ name }) => name === "approvals");
}

/** The promotion of that commit into prod, once it is as expected, or as it was when patience came to its end. */
async function waiting(session: Session, revision: string, expected: (hop: HopReport) => boolean) {
  const { stop } = session;
  const deadline = performance.now() + PATIENCE;
  let hop: HopReport | undefined;
  while (performance.now() < deadline) {
    const { hops } = await promotions.run(session, {}, { signal: stop, progress: () => undefined });
    hop = hops.find(({ to, commits }) => to === "prod" && commits.some(({ id }) => id === revision));
    if (hop !== undefined && expected(hop)) return hop;
    await delay(200, undefined, { signal: stop });
  }
  return hop;
}

/** @throws once the session is to stop */
function appliedText(heard: readonly (Heard | undefined)[], began: number, { stop }: Session): string {
  stop.throwIfAborted();
  const all = heard.flatMap((one) => one ?? []);
  if (all.length < heard.length) return paint("red", `not applied within ${PATIENCE / 1_000} s`);
  const last = all.reduce((one, other) => (other.at > one.at ? other : one));
  return `${paint("green", "applied")} after ${since(began, last)}`;
}

/** As `trueup promotions` tells of one hop. */
function sayGates(hop: HopReport | undefined): void {
  if (hop === undefined) {
    say(`  ${paint("red", `not offered within ${PATIENCE / 1_000} s`)}`);
    return;
  }
  const rows = hop.gates.map(({ name, state, reason }) => ["", "", name, paintGate(state), reason]);
  const first = [hop.from, hop.to, "", paintState(hop.state), hop.pullRequest?.url ?? ""];
  const text = table({ head: ["FROM", "TO", "GATE", "STATE", "WHY"], rows: [first, ...rows], shrink: [4] });
  for (const line of text.trimEnd().split("\n")) say(`  ${line}`);
}

function since(began: number, { at }: Heard): string {
  return `${((at - began) / 1_000).toFixed(1)} s`;
}
