import { describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { mapOf, type Document } from "../../src/core/value.js";
import { files } from "../../src/targets/files/index.js";

function admit(document: Document, { root = "/etc/predictor", spec = {} }: { root?: string; spec?: unknown } = {}) {
  return files.admit({ connection: { root }, spec: files.spec.parse(spec), document });
}

function refusal(run: () => unknown): TrueupError {
  try {
    run();
  } catch (error) {
    if (error instanceof TrueupError) return error;
  }
  throw new Error("a TrueupError was expected");
}

describe("admitting a files target", () => {
  it("claims every file by its absolute path", () => {
    expect(admit({ "api.env": { A: "1" }, "etc/app.toml": { port: 1 } })).toEqual([
      { system: "files", path: ["etc", "predictor", "api.env"] },
      { system: "files", path: ["etc", "predictor", "etc", "app.toml"] },
    ]);
    expect(admit({ motd: "hello" }, { root: "/srv/../etc/", spec: { root: "a/b" } })).toEqual([
      { system: "files", path: ["etc", "a", "b", "motd"] },
    ]);
  });

  it.each([["../x"], ["a/../../x"], ["/etc/passwd"], [""], ["a//b"], ["./a"], ["a/."], ["a/"], ["a\0b"], [".."]])(
    "refuses the name %j",
    (name) => {
      expect(refusal(() => admit({ [name]: "x" })).code).toBe("TARGET_REFUSED");
    },
  );

  it("takes a name like __proto__ for a name", () => {
    expect(admit(mapOf([["__proto__", "text"]]))).toEqual([
      { system: "files", path: ["etc", "predictor", "__proto__"] },
    ]);
  });

  it("refuses a subfolder that leaves the connection's root", () => {
    expect(refusal(() => admit({}, { spec: { root: "../other" } })).code).toBe("TARGET_REFUSED");
    expect(refusal(() => admit({}, { spec: { root: "/etc" } })).code).toBe("TARGET_REFUSED");
  });

  it("needs an absolute root", () => {
    expect(refusal(() => admit({}, { root: "relative" })).code).toBe("CONFIG_INVALID");
  });

  it("refuses a value that the file's format cannot hold", () => {
    for (const document of [
      { "api.env": { A: { deep: "x" } } },
      { "app.toml": { a: null } },
      { "app.properties": ["x"] },
    ] satisfies Document[]) {
      expect(refusal(() => admit(document)).code).toBe("DOCUMENT_UNREPRESENTABLE");
    }
  });

  it("wants one string for a file that has no known format", () => {
    for (const value of [{ a: 1 }, 5, null, ["x"], "\ud800"]) {
      const error = refusal(() => admit({ "nginx.conf": value }));
      expect(error.code).toBe("DOCUMENT_UNREPRESENTABLE");
      expect(error.where?.file).toBe("nginx.conf");
    }
    expect(() => admit({ "nginx.conf": "server {}\n" })).not.toThrow();
  });

  it("refuses a file that is also the folder of another", () => {
    expect(refusal(() => admit({ a: "x", "a/b": "y" })).message).toContain('"a"');
    expect(() => admit({ a: "x", ab: "y", "c/a": "z" })).not.toThrow();
  });

  it("knows the keys of its spec", () => {
    expect(files.spec.safeParse({ root: "a", tags: "keep", mode: "0640", write: "in-place" }).success).toBe(true);
    for (const bad of [
      { mode: "9" },
      { mode: "4755" },
      { tags: "drop" },
      { path: "x" },
      { root: "" },
      { write: "append" },
    ]) {
      expect(files.spec.safeParse(bad).success).toBe(false);
    }
    expect(files.connection.safeParse({ root: "/x", extra: 1 }).success).toBe(false);
  });
});
