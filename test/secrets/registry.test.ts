import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { openSecretSource, resolveSecret, secretSourceSchema } from "../../src/secrets/registry.js";
import { asOrdinaryUser } from "../support/user.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-secrets-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const signal = new AbortController().signal;

function sources(specs: readonly unknown[], environment: NodeJS.ProcessEnv = {}) {
  return specs.map((spec) => openSecretSource(secretSourceSchema.parse(spec), { folder, environment }));
}

async function fault(promise: Promise<unknown>): Promise<TrueupError> {
  const error: unknown = await promise.then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TrueupError) return error;
  throw new Error("a TrueupError was expected", { cause: error });
}

describe("environment variables", () => {
  const environment = {
    PROD_smtp: "exact",
    PROD_SMTP: "upper",
    PROD_DB_MAIN_PASSWORD: "snake",
    PROD_EMPTY: "",
    GIT_TOKEN: "own",
  };
  const env = sources([{ kind: "env", prefix: "PROD_" }], environment);

  it.each([
    ["smtp", "exact"],
    ["SMTP", "upper"],
    ["dbMainPassword", "snake"],
    ["db-main.password", "snake"],
    ["db/main/password", "snake"],
    ["empty", ""],
  ])("finds %s", async (name, secret) => {
    expect(await resolveSecret(env, name, signal)).toBe(secret);
  });

  it("gives nothing that has not the prefix", async () => {
    expect((await fault(resolveSecret(env, "GIT_TOKEN", signal))).code).toBe("SECRET_MISSING");
    expect((await fault(resolveSecret(env, "__proto__", signal))).code).toBe("SECRET_MISSING");
  });

  it("needs a prefix", () => {
    expect(secretSourceSchema.safeParse({ kind: "env", prefix: "" }).success).toBe(false);
    expect(secretSourceSchema.safeParse({ kind: "env" }).success).toBe(false);
  });
});

describe("a folder", () => {
  const directory = () => sources([{ kind: "directory", path: "." }]);

  it("gives a file's content without its last line end", async () => {
    writeFileSync(join(folder, "lf"), "one\n\n");
    writeFileSync(join(folder, "crlf"), "two\r\n");
    writeFileSync(join(folder, "bare"), " three ");
    mkdirSync(join(folder, "db"));
    writeFileSync(join(folder, "db", "password"), "four\n");
    const read = (name: string) => resolveSecret(directory(), name, signal);
    expect(await read("lf")).toBe("one\n");
    expect(await read("crlf")).toBe("two");
    expect(await read("bare")).toBe(" three ");
    expect(await read("db/password")).toBe("four");
  });

  it("follows links inside the folder, as Kubernetes makes them", async () => {
    mkdirSync(join(folder, "..1"));
    writeFileSync(join(folder, "..1", "token"), "linked");
    symlinkSync("..1", join(folder, "..data"));
    symlinkSync("..data/token", join(folder, "token"));
    expect(await resolveSecret(directory(), "token", signal)).toBe("linked");
  });

  it("refuses names and links that leave it", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    writeFileSync(join(folder, "outside"), "hidden-4711");
    symlinkSync("../outside", join(inner, "link"));
    const source = sources([{ kind: "directory", path: "inner" }]);
    for (const name of ["../outside", "/etc/passwd", "a/../../outside", "", "a//b", "a\0b", "link"]) {
      const error = await fault(resolveSecret(source, name, signal));
      expect([name, error.code]).toEqual([name, "TARGET_REFUSED"]);
      expect(error.message).not.toContain("hidden-4711");
    }
  });

  it("refuses what is no text of a sensible size", async () => {
    writeFileSync(join(folder, "binary"), Buffer.from([0x68, 0xff, 0xfe]));
    writeFileSync(join(folder, "huge"), Buffer.alloc(1024 * 1024 + 1, 0x61));
    mkdirSync(join(folder, "folder"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    for (const [name, message] of Object.entries({
      binary: /not UTF-8/,
      huge: /1048577 bytes/,
      folder: /not a regular file/,
      pipe: /not a regular file/,
    })) {
      const error = await fault(resolveSecret(directory(), name, signal));
      expect(error.code).toBe("CONFIG_INVALID");
      expect(error.message).toMatch(message);
      expect(error.where?.file).toBe(join(folder, name));
    }
  });

  it("says so where it may not read", async () => {
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, "locked"), "x");
    chmodSync(join(folder, "locked"), 0);
    const error = await asOrdinaryUser(() => fault(resolveSecret(directory(), "locked", signal)));
    expect(error.code).toBe("PERMISSION_DENIED");
    expect(error.where?.file).toBe(join(folder, "locked"));
  });

  it("ends when the signal aborts", async () => {
    const reason = new Error("stopped");
    await expect(resolveSecret(directory(), "x", AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("several sources", () => {
  it("takes the first that has it", async () => {
    writeFileSync(join(folder, "both"), "from the folder");
    writeFileSync(join(folder, "second"), "only here");
    const list = sources(
      [
        { kind: "env", prefix: "X_" },
        { kind: "directory", path: folder },
      ],
      { X_BOTH: "from the environment" },
    );
    expect(await resolveSecret(list, "both", signal)).toBe("from the environment");
    expect(await resolveSecret(list, "second", signal)).toBe("only here");
  });

  it("says which were asked where none has it", async () => {
    const list = sources(
      [
        { kind: "env", prefix: "X_" },
        { kind: "directory", path: "missing" },
      ],
      { X_OTHER: "hidden-4711" },
    );
    const error = await fault(resolveSecret(list, "smtp", signal));
    expect(error.code).toBe("SECRET_MISSING");
    expect(error.message).toBe(
      `no source has the secret "smtp"; asked: the environment variables X_*, the folder ${join(folder, "missing")}`,
    );
  });

  it("says what to do where there are none", async () => {
    expect((await fault(resolveSecret([], "smtp", signal))).hint).toContain("trueup.yaml");
  });

  it("refuses a kind that does not exist", () => {
    expect(secretSourceSchema.safeParse({ kind: "vault", path: "x" }).success).toBe(false);
    expect(secretSourceSchema.safeParse({ kind: "env", prefix: "X_", path: "x" }).success).toBe(false);
  });
});
