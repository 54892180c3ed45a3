import { isMap } from "../core/value.js";
import { readJson, stringifyJson } from "../lib/json.js";
import type { Query } from "./database.js";
import type { PullRequestRecord, PullRequests } from "./store.js";

const FIND = `SELECT number, pull_request, state FROM trueup.pull_request WHERE head = $1 ORDER BY number DESC LIMIT 1`;
const GET = `SELECT number, pull_request, state FROM trueup.pull_request WHERE number = $1`;

// Of two controllers that open one at once, the second gets the first's.
const ADD = `
  INSERT INTO trueup.pull_request AS there (head, pull_request, state) VALUES ($1, $2, 'open')
  ON CONFLICT (head) WHERE state = 'open' DO UPDATE SET head = there.head
  RETURNING number, pull_request, state`;

const PUT = `UPDATE trueup.pull_request SET pull_request = $2, state = $3 WHERE number = $1`;

interface Row {
  number: string;
  pull_request: string;
  state: PullRequestRecord["state"];
}

export function pullRequests(query: Query): PullRequests {
  const first = (rows: readonly Row[]) => (rows[0] === undefined ? undefined : recordOf(rows[0]));
  return {
    find: async (head) => first(await query<Row>(FIND, [head])),
    get: async (number) => first(await query<Row>(GET, [number])),
    add: async (head, { url, title, body }) => {
      const [row] = await query<Row>(ADD, [head, stringifyJson({ url, title, body })]);
      return { ...(row === undefined ? { number: 0, url, title, body, state: "open" } : recordOf(row)) };
    },
    put: async ({ number, url, title, body, state }) => {
      await query(PUT, [number, stringifyJson({ url, title, body }), state]);
    },
  };
}

function recordOf({ number, pull_request, state }: Row): PullRequestRecord {
  const said = readJson(pull_request);
  const text = (key: string): string => (isMap(said) && typeof said[key] === "string" ? said[key] : "");
  return { number: Number(number), url: text("url"), title: text("title"), body: text("body"), state };
}
