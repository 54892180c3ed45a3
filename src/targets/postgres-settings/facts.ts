import type { ClientBase } from "pg";

/** What the server says of a setting itself, whatever its value. */
export interface SettingFacts {
  readonly name: string;
  readonly type: "bool" | "integer" | "real" | "enum" | "string";
  readonly unit: string | null;
  readonly min: number | null;
  readonly max: number | null;
  readonly choices: readonly string[];
  /** When it can change: `internal` never, `postmaster` with a restart, `sighup` with a reload, the others in a session. */
  readonly context: string;
}

export type Facts = ReadonlyMap<string, SettingFacts>;

const FACTS = `SELECT name, vartype, unit, min_val, max_val, array_to_json(enumvals) AS choices, context FROM pg_settings`;

const known = new WeakMap<ClientBase, Facts>();

/** Asked once a connection: a server that was upgraded or was given an extension is a new connection, too. */
export async function factsOf(client: ClientBase, options: { fresh?: boolean } = {}): Promise<Facts> {
  const cached = known.get(client);
  if (cached !== undefined && options.fresh !== true) return cached;
  const { rows } = await client.query<Record<string, string | null>>(FACTS);
  const facts = new Map(
    rows.map((row): [string, SettingFacts] => [
      row.name ?? "",
      {
        name: row.name ?? "",
        type: (row.vartype ?? "string") as SettingFacts["type"],
        unit: row.unit ?? null,
        min: bound(row.min_val),
        max: bound(row.max_val),
        choices: row.choices === null || row.choices === undefined ? [] : (JSON.parse(row.choices) as string[]),
        context: row.context ?? "",
      },
    ]),
  );
  known.set(client, facts);
  return facts;
}

function bound(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

/** Without metadata: a parameter that the server only learns of by being given it, such as `app.tenant`. Always a text. */
export function customFacts(name: string): SettingFacts {
  return { name, type: "string", unit: null, min: null, max: null, choices: [], context: "user" };
}

const CUSTOM = /^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)+$/;

export function isCustomName(name: string): boolean {
  return CUSTOM.test(name);
}
