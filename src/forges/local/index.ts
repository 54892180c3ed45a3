import type { Forge, PullRequest } from "../forge.js";

/** Where the pull requests of a forge of our own are kept. */
export interface PullRequestRecords {
  /** The newest of that head branch. */
  find(head: string): Promise<PullRequest | undefined>;
  /** Numbers a new one; where one is open for that head, that one. */
  add(head: string, pullRequest: Omit<PullRequest, "number">): Promise<PullRequest>;
  put(pullRequest: PullRequest): Promise<void>;
  get(number: number): Promise<PullRequest | undefined>;
}

/**
 * No forge but the repository: the branch is in it, the pull request in the store, and a person decides with `trueup adopt`
 * and `trueup revert`. Both end the drift, and with it the pull request.
 */
export function openLocal(records: PullRequestRecords): Forge {
  return {
    name: "local",
    find: (head) => records.find(head),
    open: ({ head, title, body }) => records.add(head, { url: `branch ${head}`, title, body, state: "open" }),
    async update(number, { content, close, merged }) {
      const found = await records.get(number);
      if (found === undefined) return;
      const { title, body } = content ?? found;
      const state = close !== true ? found.state : merged === true ? "merged" : "closed";
      await records.put({ ...found, title, body, state });
    },
  };
}
