import type { ClientBase } from "pg";
import type { Change, Observation, Outcome } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { child, parsePointer } from "../../core/pointer.js";
import { equal, mapOf, type Document } from "../../core/value.js";
import type { PostgresConnection } from "../../lib/postgres/connection.js";
import { openSession, type Session } from "../postgres/session.js";
import type { OpenOptions, Target } from "../target.js";
import type { Facts } from "./facts.js";
import { describeSettings, type Subject } from "./failure.js";
import { normalizeSettings, type Live } from "./live.js";
import { readOverride } from "./override.js";
import { refusal } from "./reach.js";
import { mayWriteSettings } from "./rights.js";
import { readServer } from "./server.js";
import { scopeOf, type PostgresSettingsSpec, type SettingsScope } from "./spec.js";
import { writeOverride, writeServer } from "./write.js";
import { settingWriters } from "./writers.js";

export async function openSettings(options: OpenOptions<PostgresSettingsSpec, PostgresConnection>): Promise<Target> {
  const { spec, connection } = options;
  const scope = scopeOf(spec, connection);
  const session = await openSession(connection);
  const subject: Subject = { session, scope };
  let facts: Facts = new Map();
  let last: { readonly live: Live; readonly at: Date } | undefined;
  // By setting that was seen to move: when it was last seen as it had been.
  const seenUntil = new Map<string, Date>();

  const read = (client: ClientBase, names: readonly string[]) =>
    scope.kind === "server" ? readServer(client, names, session.address.user) : readOverride(client, scope);

  const observe = async (managed: ReadonlySet<string>, signal: AbortSignal): Promise<Observation> => {
    const at = new Date();
    const live = await session.read((client) => read(client, [...managed]), signal);
    facts = live.facts;
    for (const name of last === undefined ? [] : [...managed, ...live.values.keys()]) {
      if (last !== undefined && !equal(last.live.values.get(name), live.values.get(name))) seenUntil.set(name, last.at);
    }
    last = { live, at };
    return observation(live, connection);
  };

  const attempt = async <T>(work: () => Promise<T>, signal: AbortSignal, changes: readonly Change[]): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      throw describeSettings(subject, error, changes);
    }
  };

  return {
    // Of a database or role, all is written in one transaction; ALTER SYSTEM cannot stand in one.
    capabilities: { prune: true, watch: false, atomic: scope.kind === "override" },
    normalize: (document: Document) => normalizeSettings(facts, document, scope.kind),
    observe: (managed, signal) => attempt(() => observe(managed, signal), signal, []),
    apply: (changes, signal) =>
      attempt(() => applySettings({ session, scope, connection, changes }, signal), signal, changes),
    lastWriters: (paths, signal) => {
      const question = { scope, seenUntil: (name: string) => seenUntil.get(name) };
      return attempt(
        () => session.read((client) => settingWriters({ ...question, client }, paths), signal),
        signal,
        [],
      );
    },
    mayWrite: (managed, signal) => {
      const asked = { names: [...managed], role: session.address.user };
      return attempt(() => session.read((client) => mayWriteSettings(client, scope, asked), signal), signal, []);
    },
    close: () => session.close(),
  };
}

/** What the connection does not let targets reach is not shown, either: an `exclusive` target would remove it. */
function observation({ values, pending }: Live, connection: PostgresConnection): Observation {
  const visible = [...values].filter(([name]) => refusal(name, connection) === undefined);
  const waiting = [...pending].filter((name) => refusal(name, connection) === undefined);
  return { document: mapOf(visible), pendingRestart: waiting.map((name) => child("", name)) };
}

interface Request {
  readonly session: Session;
  readonly scope: SettingsScope;
  readonly connection: PostgresConnection;
  readonly changes: readonly Change[];
}

async function applySettings(request: Request, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { session, scope, connection, changes } = request;
  if (changes.length === 0) return [];
  // Admitted when it was planned; asked again because this is where it is written.
  const refused = new Map<Change, Outcome>();
  const writes: (Change & { name: string })[] = [];
  for (const change of changes) {
    const [name = "", ...below] = parsePointer(change.path);
    const why = below.length > 0 ? "narrowed" : refusal(name, connection);
    if (why === undefined) writes.push({ ...change, name });
    else refused.set(change, { path: change.path, result: "failed", error: refusedError(name) });
  }
  const written =
    scope.kind === "server"
      ? await writeServer({ session, scope, writes }, signal)
      : await writeOverride({ session, scope, writes }, signal);
  const byPath = new Map(written.map((outcome) => [outcome.path, outcome]));
  return changes.flatMap((change) => refused.get(change) ?? byPath.get(change.path) ?? []);
}

function refusedError(name: string): TrueupError {
  return new TrueupError("TARGET_REFUSED", `the connection does not let targets write ${name}`, {
    hint: "name it under the connection's `settings` in trueup.yaml",
  });
}
