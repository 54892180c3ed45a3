import { TrueupError } from "../../core/errors.js";
import type { Command as Comment, Forge, PullRequest } from "../../forges/forge.js";
import { answerTo, reverted } from "../../proposals/answer.js";
import type { ReadyTarget } from "../../render/rendered.js";
import { type Done, executeCommand, type Given, type Heeding, ownerOf } from "./execute-command.js";
import type { TargetPass } from "../pass.js";
import { type Asked, type Heard, type Kept, openDesk } from "./desk.js";
import type { ReportedFinding } from "../report.js";
import type { Reversion } from "./reversion.js";

/** Everything that was ever said on a pull request. */
const EVER = "1970-01-01T00:00:00Z";

interface Listening {
  readonly forge: Forge;
  readonly pull: PullRequest | undefined;
  readonly known: Kept | undefined;
  readonly findings: readonly ReportedFinding[];
}

/** What people asked for in comments and nobody has answered; undefined where there is nothing, and where nobody can ask. */
export async function hear(
  { forge, pull, known, findings }: Listening,
  signal: AbortSignal,
): Promise<Heard | undefined> {
  if (forge.commands === undefined || pull?.state !== "open" || known === undefined) return undefined;
  const { heard, answer } = known.asked ?? {};
  const comments = await forge.commands(pull.number, heard?.at ?? EVER, signal);
  const isNew = answer !== undefined || comments.some((comment) => !isHeard(known.asked, comment));
  return isNew ? { pull, known, comments, findings } : undefined;
}

/** By its time and, of those of the same second, by its id: a forge need not count upwards. */
function isHeard(asked: Asked | undefined, { id, at }: Comment): boolean {
  const { heard } = asked ?? {};
  return heard !== undefined && (at < heard.at || (at === heard.at && heard.ids.includes(id)));
}

/**
 * Does what people asked for in comments, oldest first, and answers each once. What is done is kept, with its answer, before
 * the answer is sent: after a crash or a forge that fails the next pass sends it, unless the forge has it already, and does
 * nothing twice. A crash before that does it again, and each command ends the same when done twice. After one that changes
 * what passes go by the rest waits for the next pass.
 */
export async function heed(pass: TargetPass, target: ReadyTarget, heeding: Heeding): Promise<Reversion | undefined> {
  const { forge, heard } = heeding;
  const { asked = {} } = heard.known;
  if (asked.answer !== undefined) {
    const { to } = asked.answer;
    if (heard.comments.some(({ id }) => id === to)) await send(pass, heeding, asked.answer);
    await heeding.desk.keep({ ...heard.known, asked: sent(asked) });
  }
  for (const comment of heard.comments.filter((one) => !isHeard(asked, one))) {
    const done = await executeCommand(pass, target, { heeding, comment });
    if ("revert" in done) {
      const { revert } = done;
      const by = `${ownerOf(forge, comment)} asked for it on ${heard.pull.url}`;
      const answer: Reversion["answer"] = async (now, report) => {
        await conclude(now, target, { heeding, comment, done: { answer: reverted(revert.answers(report)) } });
        now.session.decided.ring();
      };
      return { settings: new Set(revert.settings), by, answer };
    }
    await conclude(pass, target, { heeding, comment, done });
    if (done.changed === true) {
      pass.session.decided.ring();
      return undefined;
    }
  }
  return undefined;
}

/** How much of a command's words the history has. */
const LONGEST = 200;

async function conclude(
  pass: TargetPass,
  target: ReadyTarget,
  { heeding, comment, done }: Given & { done: Done },
): Promise<void> {
  const { proposals } = await pass.session.store();
  const proposal = (await proposals.load(pass.environment.name)).get(target.name);
  const desk = openDesk({ ...pass, proposal }, target.name);
  const { known } = desk;
  // Another pass was here since.
  if (isHeard(known?.asked, comment)) return;
  const { forge, heard } = heeding;
  const { author, id, at } = comment;
  const answer = { to: id, text: answerTo(comment, done.answer) };
  const before = known?.asked?.heard;
  const asked: Asked = {
    ...known?.asked,
    ...(done.layer === undefined ? {} : { layer: done.layer }),
    heard: { at, ids: before?.at === at ? [...before.ids, id] : [id] },
    answer,
  };
  const text = comment.text.length > LONGEST ? `${comment.text.slice(0, LONGEST - 1)}…` : comment.text;
  const message = `${author}@${forge.name} asked on ${heard.pull.url}: /trueup ${text}`;
  // What was closed and forgotten meanwhile is answered, too.
  if (known !== undefined) await desk.keep({ ...known, asked }, { type: "command", message });
  await send(pass, heeding, answer);
  if (known !== undefined) await desk.keep({ ...known, asked: sent(asked) });
}

/** An answer that the forge will never take is told in the log instead: it shall not stand in the way of all that comes. */
async function send(
  { session, environment, signal }: TargetPass,
  { forge, heard }: Heeding,
  { to, text }: NonNullable<Asked["answer"]>,
): Promise<void> {
  try {
    await forge.update(heard.pull.number, { comment: text, answers: to }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TrueupError) || error.code !== "DELIVERY_REFUSED") throw error;
    const { code, hint, message } = error;
    session.log.warn({ environment: environment.name, event: "command", code, hint }, `not answered: ${message}`);
  }
}

/** Nothing waits to be sent any more. */
function sent({ heard, layer: asked }: Asked): Asked {
  return { ...(heard && { heard }), ...(asked === undefined ? {} : { layer: asked }) };
}
