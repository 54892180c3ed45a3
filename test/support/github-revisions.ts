import { exampleOf, operationOf } from "./github-openapi.js";

/** What the emulator has nothing of, or only for commits of its own: GitHub's own examples, with what is known here. */
export interface Revisions {
  /** Undefined: the emulator answers. */
  answer(request: RevisionRequest): Answer | undefined;
}

interface Answer {
  readonly status: number;
  readonly data: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface RevisionRequest {
  readonly method: string;
  readonly address: URL;
  readonly body: string;
  /** Who asks. */
  readonly login: string;
}

interface Entry {
  readonly about: string;
  readonly data: Record<string, unknown>;
}

/** @param hasCommit whether the repository has it */
export function revisionsFake(hasCommit: (repository: string, commit: string) => boolean): Revisions {
  const entries: Entry[] = [];
  let ids = 0;

  const add = (about: string, path: string, known: object) => {
    ids += 1;
    const data = { ...example("POST", path), created_at: at(ids), updated_at: at(ids), ...known, id: ids };
    entries.push({ about, data });
    return { status: 201, data };
  };
  /** Newest first, as GitHub lists them. */
  const list = (about: string) => entries.flatMap((entry) => (entry.about === about ? [entry.data] : [])).toReversed();
  const paged = (all: readonly object[], address: URL) => {
    const [size, page] = [
      Number(address.searchParams.get("per_page") ?? 30),
      Number(address.searchParams.get("page") ?? 1),
    ];
    const next = new URL(address);
    next.searchParams.set("page", String(page + 1));
    const headers = all.length > page * size ? { link: `<${next.href}>; rel="next"` } : {};
    return { status: 200, headers, data: all.slice((page - 1) * size, page * size) };
  };

  return {
    answer({ method, address, body, login }) {
      const { pathname: path, searchParams: query } = address;
      const [, repository = "", rest = ""] = /^\/repos\/([^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
      const given = (): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
      const [what = "", one = "", part = ""] = rest.split("/");
      switch (`${method} ${[what, part].filter(Boolean).join(" ")}`) {
        case "POST statuses":
          if (!hasCommit(repository, one)) return refused(`No commit found for SHA: ${one}`);
          return add(`${repository} ${one} status`, path, {
            ...given(),
            creator: { ...(example(method, path)["creator"] as object), login },
          });
        case "GET commits statuses":
          return paged(list(`${repository} ${one} status`), address);
        // Not in the description of what Trueup asks: a continuous integration does.
        case "POST check-runs": {
          const { head_sha, ...run } = given();
          const pattern = example("GET", `/repos/${repository}/commits/${String(head_sha)}/check-runs`);
          const [first = {}] = pattern["check_runs"] as object[];
          ids += 1;
          const data = { ...first, completed_at: null, started_at: at(ids), ...run, head_sha, id: ids };
          entries.push({ about: `${repository} ${String(head_sha)} run`, data });
          return { status: 201, data };
        }
        case "GET commits check-runs": {
          const all = list(`${repository} ${one} run`);
          const { data, ...rest } = paged(all, address);
          return { ...rest, data: { total_count: all.length, check_runs: data } };
        }
        case "POST deployments": {
          const { ref, ...rest } = given();
          if (!hasCommit(repository, String(ref))) return refused(`No ref found for: ${String(ref)}`);
          return add(`${repository} deployment`, path, { ...without(rest), sha: ref, ref });
        }
        case "GET deployments": {
          const fits = (data: Record<string, unknown>) =>
            ["sha", "environment", "task"].every((key) => !query.has(key) || data[key] === query.get(key));
          return paged(list(`${repository} deployment`).filter(fits), address);
        }
        case "POST deployments statuses":
          return add(`${repository} ${one} deployment status`, path, without(given()));
        case "GET deployments statuses":
          return paged(list(`${repository} ${one} deployment status`), address);
        default:
          return undefined;
      }
    },
  };
}

/** What is asked for, and not shown again. */
const ASKED_FOR = ["auto_merge", "required_contexts", "auto_inactive"];

function without(given: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !ASKED_FOR.includes(name)));
}

function refused(message: string) {
  return { status: 422, data: { message } };
}

function example(method: string, path: string): Record<string, unknown> {
  const operation = operationOf(method, path);
  if (operation === undefined) throw new Error(`${method} ${path} is not in the extract of GitHub's description`);
  return exampleOf(operation) as Record<string, unknown>;
}

/** Each a second after the one before. */
function at(count: number): string {
  return new Date(Date.parse("2026-01-01T00:00:00Z") + count * 1000).toISOString();
}
