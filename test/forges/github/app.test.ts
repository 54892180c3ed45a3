import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../../src/config/config.js";
import { TrueupError } from "../../../src/core/errors.js";
import { gitAccess } from "../../../src/forges/git-access.js";
import { openGitHub } from "../../../src/forges/github/index.js";
import { githubWorld, type GitHubWorld } from "../../support/github.js";
import { cycle, makeWorld } from "../../support/world.js";

const REPOSITORY = "acme/environments";
const { signal } = new AbortController();
const HOUR = 3_600_000;
const pem = { type: "pkcs8", format: "pem" } as const;
/** Of another App. */
const otherKey = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(pem).toString();

describe("a GitHub App", () => {
  let github: GitHubWorld;
  beforeAll(async () => {
    github = await githubWorld();
  });
  afterEach(() => {
    for (const list of [github.asked, github.credentials, github.instead]) list.length = 0;
    expect(github.violations.splice(0)).toEqual([]);
  });
  afterAll(() => github.close());

  const opened = (app: object = {}) =>
    openGitHub({
      ...{ repository: REPOSITORY, baseUrl: `${github.url}/api/v3` },
      identity: { app: { ...github.app, ...app } },
    });
  const tokenRequests = () => github.asked.flatMap((each, index) => (each.endsWith("/access_tokens") ? [index] : []));

  const spec = () => ({
    ...{ kind: "github" as const, repository: REPOSITORY, app: github.app, url: `${github.url}/api/v3` },
  });

  it("proves itself with a token that it signed, for ten minutes at most, made a little early for clocks that differ", async () => {
    const before = Math.floor(Date.now() / 1000);
    await (await opened()).find("none", signal);
    expect(github.asked).toEqual([
      `POST /api/v3/app/installations/${github.app.installation}/access_tokens`,
      `GET /api/v3/repos/${REPOSITORY}/pulls`,
    ]);
    const [bearer = "", installation = ""] = github.credentials;
    const [head = "", payload = "", signature = ""] = bearer.replace(/^bearer /, "").split(".");
    const key = createPublicKey(github.app.privateKey);
    const signed = Buffer.from(`${head}.${payload}`);
    expect(verify("RSA-SHA256", signed, key, Buffer.from(signature, "base64url"))).toBe(true);
    const { iss, iat, exp } = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, number>;
    expect(iss).toBe(github.app.id);
    expect(iat).toBeLessThanOrEqual(before);
    expect(exp).toBeLessThanOrEqual(before + 600);
    expect(installation).toMatch(/^token ghs_/);
  });

  it.each([
    ["the key of another App", { privateKey: otherKey }, undefined, 401],
    ["an App that is not installed there", { installation: 101 }, undefined, 404],
    ["an App whose installation is suspended", {}, "This installation has been suspended", 403],
  ])("is refused with what to do, without its key: %s", async (_, app, message, status) => {
    if (message !== undefined) github.instead.push({ status, body: { message } });
    const forge = await opened(app);
    const error: unknown = await forge.find("none", signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "DELIVERY_REFUSED", hint: expect.stringContaining("installation") as string });
    expect(error).toMatchObject({ message: expect.stringContaining(`(${status})`) as string });
    const [, body = ""] = { ...github.app, ...app }.privateKey.split("\n");
    const jwt = github.credentials[0]?.replace(/^bearer /, "") ?? "";
    const { message: words, hint } = error as TrueupError;
    for (const said of [`${words} ${String(hint)}`, inspect(error, { depth: 20 })]) {
      expect(said).not.toContain(body);
      expect(said).not.toContain(jwt);
    }
  });

  it("clones, proposes and is merged with nothing but the App: git's token is the installation's, too", async () => {
    const repository = await github.repository();
    const world = await makeWorld();
    try {
      await world.commit({
        "environments/prod/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
        "environments/prod/host/app.yaml": "pool: 20\n",
      });
      const { url } = github.serve(repository, world.repository.folder);
      const config = JSON.parse(readFileSync(world.configFile, "utf8")) as object;
      const forge = { kind: "github", repository, app: github.app, url: `${github.url}/api/v3` };
      writeFileSync(world.configFile, JSON.stringify({ ...config, repository: { url }, forge }));
      const session = world.open();
      const live = join(world.root(), "app.yaml");
      writeFileSync(live, "pool: 20\n");
      expect((await cycle(session)).state).toBe("Synced");
      writeFileSync(live, "pool: 25\n");
      expect((await cycle(session)).state).toBe("Drifted");
      const pull = await (await session.forge())?.find("trueup/drift/prod/host", signal);
      expect(pull?.url).toBe(`${github.url}/${repository}/pull/1`);
      await github.merge(repository, 1);
      expect((await cycle(session)).state).toBe("Synced");
      expect(readFileSync(live, "utf8")).toBe("pool: 25\n");
      const ofGit = github.asked.flatMap((each, index) => (each.includes(".git/") ? [github.credentials[index]] : []));
      expect(new Set(ofGit).size).toBe(1);
      expect(Buffer.from(ofGit[0]?.replace("Basic ", "") ?? "", "base64").toString()).toMatch(/^x-access-token:ghs_/);
      expect(tokenRequests()).toHaveLength(2);
      expect(world.logged.filter(({ level }) => level === "error")).toEqual([]);
    } finally {
      await world.close();
    }
  }, 60_000);

  describe("as git's credential", () => {
    it.each([
      ["another repository", (url: string) => `${url}/acme/other.git`],
      ["another host", () => `https://git.example.org/${REPOSITORY}.git`],
      ["another protocol", (url: string) => `${url.replace("http:", "https:")}/${REPOSITORY}.git`],
      ["an address with a credential", (url: string) => `${url.replace("://", "://me:mine@")}/${REPOSITORY}.git`],
      ["ssh", () => `git@github.com:${REPOSITORY}.git`],
    ])("is not given for %s", async (_, address) => {
      expect(await gitAccess(address(github.url), spec)(signal)).toBeUndefined();
      expect(github.asked).toEqual([]);
    });

    it("is not what a forge's token is for", async () => {
      const { kind, repository, url } = spec();
      const access = gitAccess(`${github.url}/${REPOSITORY}.git`, () => ({ kind, repository, url, token: "ghp_x" }));
      expect(await access(signal)).toBeUndefined();
    });
  });

  // Last, for time must not go back: who throttles by it would wait until then.
  describe("as time passes", () => {
    beforeAll(() => {
      vi.useFakeTimers({ toFake: ["Date"] });
    });
    afterAll(() => {
      vi.useRealTimers();
    });

    it("keeps its token while it lasts, and asks for another before its hour is over", async () => {
      const forge = await opened();
      await forge.find("none", signal);
      vi.setSystemTime(Date.now() + HOUR - 120_000);
      await forge.find("none", signal);
      expect(tokenRequests()).toHaveLength(1);
      vi.setSystemTime(Date.now() + 90_000);
      await forge.find("none", signal);
      expect(tokenRequests()).toHaveLength(2);
      expect(github.credentials.at(-1)).not.toBe(github.credentials[1]);
    });

    it("is given for the forge's own repository, renewed in time, and after trueup.yaml changed", async () => {
      let forge = spec();
      const access = gitAccess(`${github.url}/Acme/environments.git`, () => forge);
      const first = await access(signal);
      expect(first).toMatch(/^ghs_/);
      expect(await access(signal)).toBe(first);
      vi.setSystemTime(Date.now() + HOUR);
      expect(await access(signal)).not.toBe(first);
      forge = { ...forge, app: { ...github.app, installation: 101 } };
      await expect(access(signal)).rejects.toMatchObject({ code: "CONNECTION_DENIED" });
    });
  });
});

describe("an App's key in trueup.yaml", () => {
  const folder = mkdtempSync(join(tmpdir(), "trueup-app-"));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const load = (privateKey: string) => {
    const file = join(folder, "trueup.yaml");
    writeFileSync(
      file,
      [
        "repository: { url: . }",
        "environments: { prod: {} }",
        "forge:",
        "  kind: github",
        "  repository: acme/environments",
        "  app: { id: 1, installation: 2, privateKey: '${APP_KEY}' }",
      ].join("\n"),
    );
    return loadConfig(file, { APP_KEY: privateKey });
  };

  it.each([
    [
      "as GitHub gives it",
      generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ ...pem, type: "pkcs1" }),
    ],
    ["as PKCS#8", otherKey],
    ["with line ends written out", otherKey.replaceAll("\n", "\\n")],
    ["with CRLF", otherKey.replaceAll("\n", "\r\n")],
  ])("is taken %s", (_, key) => {
    expect(load(key.toString()).forge).toMatchObject({
      app: { privateKey: expect.stringContaining("PRIVATE KEY") as string },
    });
  });

  it.each([
    ["its first line only", "-----BEGIN RSA PRIVATE KEY-----"],
    ["a file's name", "/etc/trueup/app.pem"],
    ["cut off", otherKey.slice(0, 400)],
    ["of another kind", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export(pem).toString()],
    ["the public one", createPublicKey(otherKey).export({ type: "spki", format: "pem" }).toString()],
  ])("is refused where it is %s, with the place and without the key", (_, key) => {
    let thrown: unknown;
    try {
      load(key);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TrueupError);
    expect(thrown).toMatchObject({ code: "CONFIG_INVALID", where: { line: 6 } });
    expect((thrown as TrueupError).message).toContain("forge.app.privateKey");
    expect(inspect(thrown, { depth: 20 })).not.toContain(key.split("\n")[1] ?? key);
  });
});
