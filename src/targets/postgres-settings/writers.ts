import type { ClientBase } from "pg";
import type { Attribution } from "../../core/attribution.js";
import { parsePointer, type Pointer } from "../../core/pointer.js";
import { isoOf, personOf, suspect, wordPattern } from "../postgres/activity.js";
import { faultOf } from "../../lib/postgres/failure.js";
import { loggedStatements } from "./server-log.js";
import type { SettingsScope } from "./spec.js";

export interface WriterQuestion {
  readonly scope: SettingsScope;
  /** When a setting was last seen to be as it had been; undefined where it was never seen otherwise. */
  readonly seenUntil: (name: string) => Date | undefined;
}

interface Asking extends WriterQuestion {
  readonly client: ClientBase;
}

type Writers = Map<string, Attribution>;

/** How far the server's clock may be from ours. */
const SKEW_MS = 60_000;

/** Who set these settings last: by the server's log, else by who is connected, else by the time of ALTER SYSTEM's own file. */
export async function settingWriters(
  question: Asking,
  paths: readonly Pointer[],
): Promise<ReadonlyMap<Pointer, Attribution>> {
  const names = new Map(paths.map((path) => [path, parsePointer(path)[0] ?? ""]));
  const known: Writers = new Map();
  for (const source of [byLog, byActivity, byFile]) {
    const missing = [...new Set(names.values())].filter((name) => !known.has(name));
    if (missing.length === 0) break;
    for (const [name, writer] of await allowed(source(question, missing))) known.set(name, writer);
  }
  return new Map(
    [...names].flatMap(([path, name]) => {
      const writer = known.get(name);
      return writer === undefined ? [] : [[path, writer] as const];
    }),
  );
}

/** What the role may not read, or is not there, tells nothing: that is how most servers are set up. */
async function allowed(source: Promise<Writers>): Promise<Writers> {
  try {
    return await source;
  } catch (error) {
    if (["42501", "58P01"].includes(faultOf(error).code)) return new Map();
    throw error;
  }
}

/** Certain where the statement is younger than the last look that saw the old value: it may also be an earlier one, or await its reload. */
async function byLog({ client, scope, seenUntil }: Asking, names: readonly string[]): Promise<Writers> {
  const logged = await loggedStatements(client);
  if (logged.length === 0) return new Map();
  const { rows } = await client.query<{ role: string; application: string }>(
    "SELECT session_user AS role, current_setting('application_name') AS application",
  );
  const [own] = rows;
  const found: Writers = new Map();
  for (const name of names) {
    const last = logged.findLast(({ statement }) => settersOf(scope, statement).includes(name.toLowerCase()));
    if (last === undefined) continue;
    if (last.role === own?.role && last.application === own.application) continue;
    const since = seenUntil(name);
    const isYoung = since !== undefined && Date.parse(last.at) >= since.getTime() - SKEW_MS;
    found.set(name, {
      ...{ by: personOf(last), at: last.at, how: "the server's log" },
      certainty: isYoung ? "certain" : "likely",
    });
  }
  return found;
}

/** The names that the text sets or resets at that scope, in lower case. */
function settersOf(scope: SettingsScope, text: string): readonly string[] {
  const identifier = (name: string) => `"?${name.replaceAll(/\W/g, "\\$&")}"?`;
  const within = scope.kind === "server" || scope.database === undefined ? "" : identifier(scope.database);
  const subject =
    scope.kind === "server"
      ? "SYSTEM"
      : scope.role === undefined
        ? `DATABASE\\s+${within}`
        : `(?:ROLE|USER)\\s+${identifier(scope.role)}${within === "" ? "" : `\\s+IN\\s+DATABASE\\s+${within}`}`;
  const pattern = new RegExp(`(?:^|;)\\s*ALTER\\s+${subject}\\s+(?:SET|RESET)\\s+([\\w."]+)`, "gi");
  return [...text.matchAll(pattern)].map(([, name = ""]) => name.replaceAll('"', "").toLowerCase());
}

/** Whoever sets a server's setting reloads it next, most often in the same session. */
async function byActivity({ client, scope, seenUntil }: Asking, names: readonly string[]): Promise<Writers> {
  const found: Writers = new Map();
  for (const name of names) {
    const until = seenUntil(name);
    const since = until === undefined ? undefined : new Date(until.getTime() - SKEW_MS);
    const subject = scope.kind === "server" ? "system" : "(database|role|user)";
    const alter = `\\malter\\s+${subject}\\M.*\\m(set|reset)\\s.*${wordPattern(name)}`;
    const statement = scope.kind === "server" ? `${alter}|\\mpg_reload_conf\\M` : alter;
    const writer = await suspect(client, { statement, since });
    if (writer !== undefined) found.set(name, writer);
  }
  return found;
}

async function byFile({ client, scope, seenUntil }: Asking, names: readonly string[]): Promise<Writers> {
  if (scope.kind !== "server") return new Map();
  const { rows } = await client.query<{ at: string }>(
    `SELECT ${isoOf("(pg_stat_file('postgresql.auto.conf')).modification")} AS at`,
  );
  const at = rows[0]?.at ?? "";
  const isOld = (name: string) => Date.parse(at) < (seenUntil(name)?.getTime() ?? -Infinity) - SKEW_MS;
  const writer = { at, how: "time of postgresql.auto.conf", certainty: "possible" } as const;
  return new Map(names.filter((name) => !isOld(name)).map((name) => [name, writer]));
}
