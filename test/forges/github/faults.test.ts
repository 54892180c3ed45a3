import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Forge, Pace } from "../../../src/forges/forge.js";
import { openGitHub } from "../../../src/forges/github/index.js";
import { githubWorld, type GitHubWorld, tokens } from "../../support/github.js";

const { signal } = new AbortController();
const FAILED = { code: "DELIVERY_FAILED" };

describe("GitHub on a bad day", () => {
  let github: GitHubWorld;
  let repository: string;
  let forge: Forge;
  let number: number;

  beforeAll(async () => {
    github = await githubWorld();
    repository = await github.repository();
    forge = await opened("none");
  });
  afterEach(() => {
    expect(github.violations.splice(0)).toEqual([]);
    expect(github.faults.splice(0)).toEqual([]);
    expect(github.instead.splice(0)).toEqual([]);
    github.asked.length = 0;
  });
  afterAll(() => github.close());

  const opened = (pace?: Pace) =>
    openGitHub({
      ...{ repository, identity: { token: tokens.owner }, baseUrl: github.url },
      ...(pace === undefined ? {} : { pace }),
    });
  const open = (head: string) =>
    forge.open({ head, base: "prod", title: "drift", body: "a table", labels: [], reviewers: [] }, signal);
  const list = async (path: string): Promise<readonly { readonly body: string }[]> => {
    const { data } = await github.as(tokens.owner, "GET", `/repos/${repository}${path}`);
    return data as { body: string }[];
  };
  const pulls = (head: string) => list(`/pulls?head=acme:${head}&state=all`);

  it("opens one pull request where the answer to the first attempt is lost", async () => {
    github.faults.push({ at: /^POST .*\/pulls$/, how: "lost" });
    const opened = await open("trueup/lost");
    expect(opened).toMatchObject({ state: "open", title: "drift" });
    number = opened.number;
    expect(await pulls("trueup/lost")).toMatchObject([{ number }]);
  });

  it("opens none where GitHub took nothing, and one when it is asked again", async () => {
    github.faults.push({ at: /^POST .*\/pulls$/, how: "reset" });
    await expect(open("trueup/reset")).rejects.toMatchObject(FAILED);
    expect(await pulls("trueup/reset")).toEqual([]);
    const opened = await open("trueup/reset");
    expect(await pulls("trueup/reset")).toMatchObject([{ number: opened.number }]);
  });

  it.each(["lost", "reset"] as const)("writes a comment once where an attempt is %s", async (how) => {
    github.faults.push({ at: /^POST .*\/comments$/, how });
    await forge.update(number, { comment: `note: ${how}` }, signal);
    const written = (await list(`/issues/${number}/comments`)).filter(({ body }) => body.startsWith(`note: ${how}\n`));
    expect(written).toHaveLength(1);
  });

  it.each(["cut", "reset"] as const)(
    "asks again where an answer is %s, and takes no part of one for the whole",
    async (how) => {
      github.faults.push({ at: /^GET /, how });
      expect(await forge.find("trueup/lost", signal)).toMatchObject({ state: "open" });
    },
  );

  it("gives up after three attempts, and takes a page for people for no answer", async () => {
    const page = { status: 200, headers: { "content-type": "text/html" }, body: "<html>" };
    github.instead.push({ status: 502 }, { status: 503 }, page);
    await expect(forge.find("trueup/lost", signal)).rejects.toMatchObject({
      ...FAILED,
      message: `GitHub did not answer for ${repository}`,
      hint: expect.stringContaining("/api/v3") as string,
    });
    expect(github.asked).toHaveLength(3);
  });

  it("waits out a used-up rate limit that ends in seconds", async () => {
    const reset = String(Math.ceil(Date.now() / 1000));
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset };
    github.instead.push({ status: 403, headers, body: { message: "API rate limit exceeded for user ID 1." } });
    expect(await forge.find("trueup/lost", signal)).toMatchObject({ state: "open" });
    expect(github.asked).toHaveLength(2);
  });

  const inAnHour = () => ({
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(Math.ceil(Date.now() / 1000) + 3600),
  });
  // The words are GitHub's: its documentation of both limits, and what it said before they were named so.
  it.each([
    {
      what: "a used-up rate limit",
      status: 403,
      headers: inAnHour,
      message: "API rate limit exceeded for user ID 1.",
      wait: 3_600_000,
    },
    {
      what: "the same as 429",
      status: 429,
      headers: inAnHour,
      message: "API rate limit exceeded for user ID 1.",
      wait: 3_600_000,
    },
    {
      what: "a burst, with a time",
      status: 403,
      headers: () => ({ "retry-after": "120" }),
      message: "You have exceeded a secondary rate limit.",
      wait: 120_000,
    },
    {
      what: "a burst, without",
      status: 403,
      headers: () => ({}),
      message: "You have exceeded a secondary rate limit.",
      wait: 60_000,
    },
    {
      what: "a burst, in older words",
      status: 403,
      headers: () => ({}),
      message: "You have triggered an abuse detection mechanism.",
      wait: 60_000,
    },
    {
      what: "a proxy's own limit",
      status: 429,
      headers: () => ({ "retry-after": "30" }),
      message: "Too many requests",
      wait: 30_000,
    },
  ])("leaves a longer wait to its caller, and says how long: $what", async ({ status, headers, message, wait }) => {
    github.instead.push({ status, headers: headers(), body: { message } });
    const error: unknown = await forge.find("trueup/lost", signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject(FAILED);
    const { retryAfter = 0 } = error as { retryAfter?: number };
    expect(Math.abs(retryAfter - wait)).toBeLessThan(5_000);
    expect(github.asked).toHaveLength(1);
  });

  // Last, for time must not go back: who throttles by it would wait until then.
  describe("with the pauses of production", () => {
    afterEach(() => {
      vi.restoreAllMocks();
      vi.useRealTimers();
    });

    it("ends its waiting at once when it is told to stop", async () => {
      const waits = vi.spyOn(globalThis, "setTimeout");
      github.instead.push({ status: 502 });
      const stop = new AbortController();
      const reason = new Error("stop");
      const finding = (await opened()).find("trueup/lost", stop.signal);
      await expect.poll(() => waits.mock.calls.filter(([, delay]) => delay === 1_000)).toHaveLength(1);
      stop.abort(reason);
      await expect(finding).rejects.toBe(reason);
      expect(github.asked).toHaveLength(1);
    });

    it("keeps what notifies people three seconds apart, as GitHub asks of programs", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
      const sent: number[] = [];
      const { fetch } = globalThis;
      vi.spyOn(globalThis, "fetch").mockImplementation((address, init) => {
        const isOurs = typeof address === "string" && address.startsWith(github.url);
        if (isOurs && init?.method === "POST") sent.push(Date.now());
        return fetch(address, init);
      });
      const polite = await opened();
      let written = 0;
      for (const comment of ["one", "two"]) {
        void polite.update(number, { comment }, signal).then(() => (written += 1));
      }
      await expect.poll(() => vi.advanceTimersByTimeAsync(100).then(() => written), { timeout: 10_000 }).toBe(2);
      const [one = 0, two = 0] = sent;
      expect(Math.round((two - one) / 1_000)).toBe(3);
    });
  });
});
