import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trueup-config-"));
  file = join(folder, "trueup.yaml");
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});
const load = (text: string, environment: NodeJS.ProcessEnv = {}) => {
  writeFileSync(file, text);
  return loadConfig(file, environment);
};

describe("trueup.yaml", () => {
  it("has defaults for all but the repository and the environments; paths are relative to it", () => {
    const config = load(
      "repository: { url: ./repo }\nenvironments: { prod: { connections: { host: { root: live } } } }\n",
    );
    expect(config).toMatchObject({
      repository: { url: join(folder, "repo"), path: "." },
      interval: 60_000,
      concurrency: 16,
      stateDirectory: join(folder, ".trueup"),
      store: undefined,
      forge: { kind: "local" },
    });
    expect(config.environments.get("prod")).toMatchObject({
      branch: "prod",
      connections: { host: { root: join(folder, "live") } },
    });
  });

  it("takes variables of the process, and `$${NAME}` as the literal", () => {
    const text =
      "repository: { url: 'https://h/${R}.git', token: '${T}' }\nenvironments: { prod: { connections: { d: { url: 'x$${R}' } } } }\n";
    const config = load(text, { R: "repo", T: "${R}" });
    expect(config.repository).toMatchObject({ url: "https://h/repo.git", token: "${R}" });
    expect(config.environments.get("prod")?.connections).toEqual({ d: { url: "x${R}" } });
  });

  it.each([
    ["repository: { url: x }\nenvironments: { prod: {} }\nintervall: 1m\n", 3, 12, 'did you mean "interval"?'],
    ["repository: { url: x, tokn: y }\nenvironments: { prod: {} }\n", 1, 29, 'did you mean "token"?'],
    ["repository: { url: x }\nenvironments: { prod: { conections: {} } }\n", 2, 25, 'did you mean "connections"?'],
    ["repository: { url: x }\nenvironments: { prod: {} }\ninterval: often\n", 3, 11, undefined],
    ["repository: { url: x }\nenvironments: {}\n", 2, 1, undefined],
    ["repository: { url: '${NOPE}' }\nenvironments: { prod: {} }\n", 1, 20, "set NOPE"],
    ["repository: { url: x }\nenvironments: { prod: {} }\nconcurrency: 0\n", 3, 14, undefined],
    ["repository: [\n", 2, 1, undefined],
    ["a: 1\na: 2\n", 2, 1, undefined],
  ])("says where %j is wrong", (text, line, column, hint) => {
    const fault = {
      code: "CONFIG_INVALID",
      where: { file, line, column },
      ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) as string }),
    };
    expect(() => load(text)).toThrow(expect.objectContaining(fault) as Error);
  });

  it("that is not there says how to get one", () => {
    expect(() => loadConfig(join(folder, "none.yaml"), {})).toThrow(
      expect.objectContaining({
        code: "CONFIG_INVALID",
        hint: expect.stringContaining("trueup init") as string,
      }) as Error,
    );
  });
});
