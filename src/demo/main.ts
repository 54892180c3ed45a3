import { printError } from "../cli/output/error.js";
import { holder, stopOnSignal } from "../cli/process.js";
import { paint } from "../cli/output/paint.js";
import { loadConfig } from "../config/config.js";
import { sync } from "../operations/sync.js";
import { pushSetup } from "../operations/push.js";
import { status } from "../operations/status.js";
import { runController } from "../reconcile/run.js";
import { openSession, type Session } from "../reconcile/session.js";
import { serveControl } from "../server/control.js";
import { isOver } from "../lib/signals.js";
import { runPromotions } from "../server/promotions.js";
import { runRollouts } from "../server/rollouts.js";
import { lockDirectory } from "../store/directory-lock.js";
import { mischief, type Mischief } from "./drift.js";
import { worldPaths } from "./paths.js";
import { travel } from "./promotion.js";
import { chapter, say } from "./say.js";
import { listen, PATIENCE, type Story } from "./story.js";
import { ENVIRONMENTS, openWorld, type World } from "./world.js";

/** `npm start`: three environments, a controller that keeps them true, someone who does not, and a change that travels. */
async function main(): Promise<void> {
  const stop = stopOnSignal();
  const paths = worldPaths(process.cwd());
  const lock = await lockDirectory(paths.state);
  if (lock.kind === "held") {
    say(`A demonstration runs here already (process ${lock.pid ?? "unknown"}). Look at it with:`);
    tellCommands();
    return;
  }
  chapter(`A world under ${paths.root}`);
  const world = await openWorld(paths, say);
  let quiet = true;
  const story = listen(({ environment, target }, message) => {
    const words = [environment, target].filter((word) => typeof word === "string").join("/");
    if (!quiet) say(`${paint("dim", `${words}:`)} ${message}`);
  }, stop);
  const session = openSession({
    config: loadConfig(paths.config, process.env),
    log: story.log,
    stop,
    holder: holder(),
    lock,
  });
  const control = serveControl(session, lock);
  try {
    const turn = await firstContact(session, stop);
    const controller = runController(session);
    await controller.settled;
    const tending = Promise.all([controller.done, runPromotions(session), runRollouts(session)]);
    await tour(world, story, { turn, stop });
    await travel(world, session, story).catch((error: unknown) => {
      if (!stop.aborted) printError(error, process.argv.includes("--verbose"));
    });
    quiet = false;
    if (!stop.aborted) {
      chapter("The controller goes on until Ctrl-C. From a second terminal:");
      tellCommands();
    }
    await tending;
  } finally {
    await control.close();
    await session.close();
    await lock.release();
    await world.close();
  }
}

/** Brings the systems to what git says, as a person would the first time. Returns how often that was done before. */
async function firstContact(session: Session, signal: AbortSignal): Promise<number> {
  const context = { signal, progress: () => undefined };
  const known = await status.run(session, { environments: [] }, context);
  if (known.environments.some(({ targets }) => targets.length > 0)) {
    const { events } = await (
      await import("../operations/history.js")
    ).history.run(session, { environments: [], limit: 10_000 }, context);
    const turn = events.filter(({ type }) => type === "drifted").length;
    chapter("The world was there already: Trueup goes on where it was");
    return turn;
  }
  chapter("First contact");
  say("settings tables get a trigger, so that they tell of their changes: trueup init target prod/settings --install");
  for (const name of ENVIRONMENTS) await (await pushSetup(session, `${name}/settings`, context)).run("install", signal);
  say("what git describes and nobody has made is made, what is there already would be left for a person: trueup sync");
  const made = await sync.run(session, { environments: [] }, context);
  for (const { name, targets } of made.environments) {
    say(
      `  ${name}: ${targets.map(({ name: target, outcomes = [], findings }) => `${target} ${outcomes.length} written${findings.length > 0 ? `, ${findings.length} left for a person` : ""}`).join(" · ")}`,
    );
  }
  return 0;
}

/** Makes drift of every severity in every target, one after the other, and tells what becomes of it. */
async function tour(world: World, story: Story, { turn, stop }: { turn: number; stop: AbortSignal }): Promise<void> {
  chapter("3:07 a.m.: drift, judged by policies/drift.yaml");
  say("tables, topics and files push; server settings cannot, and are found by the interval of 2 s");
  for (const one of mischief) {
    if (isOver(stop)) return;
    say(`${paint("bold", `${one.environment}/${one.target}`)}: ${one.story}`);
    const { environment, target, path } = one;
    const awaited = story.heard({ environment, target, path, event: one.healed ? "healed" : "drifted" });
    const before = performance.now();
    await one.act(world.places[one.environment], turn % 20);
    const heard = await awaited;
    if (isOver(stop)) return;
    say(`  ${verdict(one, heard === undefined ? undefined : { message: heard.message, after: heard.at - before })}`);
  }
}

function verdict(one: Mischief, heard: { message: string; after: number } | undefined): string {
  if (heard === undefined)
    return paint("red", `not ${one.healed ? "healed" : "reported"} within ${PATIENCE / 1_000} s`);
  const after = `${Math.round(heard.after)} ms`;
  return one.healed
    ? `${paint("green", "healed")} (${one.severity}) after ${after}: ${heard.message}`
    : `${paint("yellow", "reported")} (${one.severity}) after ${after}: ${heard.message}`;
}

function tellCommands(): void {
  const config = "--config .trueup/trueup.yaml";
  say(`  npx trueup promote staging prod --approve ${config}     # and see what happens here`);
  say(`  npx trueup promotions ${config}`);
  say(`  npx trueup status ${config}`);
  say(`  npx trueup diff prod ${config}`);
  say(`  npx trueup policy explain prod /pool/max ${config}`);
  say(
    `  npx trueup revert prod/settings ${config}     # decide on what was proposed: git's values; adopt keeps the live ones`,
  );
  say(`  npx trueup sync prod --adopt desired ${config}     # put everything back`);
  say(`  npx trueup history --since 1h ${config}`);
}

try {
  await main();
} catch (error) {
  printError(error, process.argv.includes("--verbose"));
  process.exitCode = 1;
}
