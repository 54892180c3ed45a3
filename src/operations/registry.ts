import { approve } from "./approve.js";
import { backtest } from "./backtest.js";
import { adopt } from "./adopt.js";
import { compareEnvironments } from "./compare.js";
import { diff } from "./diff.js";
import { doctor } from "./doctor.js";
import { explain } from "./explain.js";
import { history } from "./history.js";
import { hold } from "./hold.js";
import { notifyTest } from "./notify-test.js";
import type { Operation } from "./operation.js";
import { promote } from "./promote.js";
import { promotions } from "./promotions.js";
import { report } from "./report.js";
import { revert } from "./revert.js";
import { revisions } from "./revisions.js";
import { rollback } from "./rollback.js";
import { status } from "./status.js";
import { resume, suspend } from "./suspend.js";
import { sync } from "./sync.js";

/** Everything that can be asked of a running controller. */
export const operations: readonly Operation<unknown, unknown>[] = [
  adopt,
  approve,
  backtest,
  compareEnvironments,
  diff,
  doctor,
  explain,
  history,
  notifyTest,
  hold,
  promote,
  promotions,
  report,
  resume,
  revert,
  revisions,
  rollback,
  status,
  suspend,
  sync,
];
