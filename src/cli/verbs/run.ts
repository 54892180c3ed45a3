import { setFlagsFromString } from "node:v8";
import { loadConfig } from "../../config/config.js";
import { formatPlace } from "../../core/errors.js";
import { runDelivery } from "../../delivery/delivery.js";
import { compileRoutes } from "../../delivery/routes.js";
import { asTrueupError } from "../../reconcile/pass.js";
import { runController } from "../../reconcile/run.js";
import { openSession } from "../../reconcile/session.js";
import { serveControl } from "../../server/control.js";
import { runPreviews } from "../../server/previews.js";
import { runPromotions } from "../../server/promotions.js";
import { runRollouts } from "../../server/rollouts.js";
import { scheduleReports } from "../../server/scheduled-reports.js";
import { waitForDirectory } from "../../store/directory-lock.js";
import { holder, stopOnSignal } from "../process.js";
import { openLog } from "../output/log.js";
import type { Globals } from "../globals.js";

/** Runs the controller until SIGTERM or Ctrl-C. SIGHUP reads trueup.yaml again; an invalid one keeps the old. */
export async function run(globals: Globals): Promise<void> {
  // It lives for months and is idle most of the time. V8 would let garbage grow to several times what is in use before it
  // looks: so the controller takes 100 MB instead of 180, and its cycles are none the slower (docs/performance.md).
  setFlagsFromString("--optimize-for-size");
  const config = loadConfig(globals.config, process.env);
  const stop = stopOnSignal();
  const log = await openLog(globals.verbose);
  const lock = await waitForDirectory(config.stateDirectory, { signal: stop });
  const session = openSession({ config, log, stop, holder: holder(), lock });
  const control = serveControl(session, lock);
  try {
    // A store that cannot be opened is a reason not to start; one that goes away later is not a reason to stop.
    await session.store();
    await session.routes();
    const controller = runController(session);
    const delivery = runDelivery(session);
    const previews = runPreviews(session);
    const promotions = runPromotions(session);
    const rollouts = runRollouts(session);
    const reports = scheduleReports(session);
    const reread = async (): Promise<void> => {
      try {
        const next = loadConfig(globals.config, process.env);
        await compileRoutes(next);
        session.reconfigure(next);
        log.info({ event: "reloaded" }, `read ${globals.config} again`);
        reports.reload();
        controller.tick();
      } catch (error) {
        const { code, message, where, hint } = asTrueupError(error);
        const place = where === undefined ? undefined : formatPlace(where);
        log.error(
          { event: "reload", code, where: place, hint },
          `${globals.config} is not valid, the old one stays: ${message}`,
        );
      }
    };
    const reload = (): void => void reread();
    process.on("SIGHUP", reload);
    log.info({ event: "started", environments: [...config.environments.keys()] }, "the controller runs");
    await Promise.all([controller.done, delivery, previews, promotions, rollouts]);
    reports.stop();
    process.off("SIGHUP", reload);
    log.info({ event: "stopped" }, "the controller leaves");
  } finally {
    await control.close();
    await session.close();
    await lock.release();
  }
}
