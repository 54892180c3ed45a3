import { describe, expect, it } from "vitest";
import { parseEnvironmentFile, readEnvironmentFile, readLayerNames } from "../../src/render/environment-file.js";

const file = (text: string, layer = "prod") =>
  parseEnvironmentFile(Buffer.from(text), `environments/${layer}/environment.yaml`);
const read = (...texts: string[]) =>
  readEnvironmentFile(texts.map((text, index) => file(text, index === texts.length - 1 ? "prod" : `layer${index}`)));

describe("environment.yaml", () => {
  it("merges its layers: maps merge, null removes, lists replace", () => {
    const merged = read(
      "variables: { a: 1, b: 2 }\ntargets: { x: { kind: files, connection: h, sensitive: [/a] }, y: { kind: mqtt, connection: b, prefix: p } }\n",
      "sync: manual\nvariables: { b: 3 }\ntargets: { x: { sensitive: [/b], timeout: 3s }, y: null }\n",
    );
    expect(merged.variables).toEqual({ a: 1, b: 3 });
    expect(merged.sync).toBe("manual");
    expect([...merged.targets.keys()]).toEqual(["x"]);
    expect(merged.targets.get("x")?.common).toMatchObject({ kind: "files", sensitive: ["/b"], timeout: 3_000 });
  });

  it("keeps what a kind may say apart from what every target may say", () => {
    expect(read("targets: { y: { kind: mqtt, connection: b, prefix: p } }\n").targets.get("y")?.rest).toEqual({
      prefix: "p",
    });
  });

  it.each([
    ["sinc: auto\n", 1, 7, "sync"],
    ["targets:\n  x: { kind: files, connection: h, ignore: [{ path: /a, owner: o }] }\n", 2, 45, undefined],
    ["targets:\n  x: { kind: files, connection: h, lists: { rooms: set } }\n", 2, 52, undefined, "begins with /"],
    ["targets:\n  x: { kind: files, connection: h, timeout: soon }\n", 2, 45, undefined],
    ["targets:\n  x: { connection: h }\n", 2, 3, undefined],
    ["variables: { 1a: x }\n", 1, 18, undefined, "letters, digits"],
    ["layers: [../other]\n", 1, 10, undefined],
  ])("says where %j is wrong", (...[text, line, column, meant, why = ""]) => {
    const fault = expect.objectContaining({
      code: "ENVIRONMENT_INVALID",
      message: expect.stringContaining(why) as string,
      where: { file: "environments/prod/environment.yaml", line, column },
      ...(meant === undefined ? {} : { hint: expect.stringContaining(meant) as string }),
    }) as Error;
    expect(() => read(text)).toThrow(fault);
  });

  it("blames the layer that says it", () => {
    expect(() => read("targets: { x: { kind: files, connection: h, exclusive: 7 } }\n", "sync: auto\n")).toThrow(
      expect.objectContaining({
        where: { file: "environments/layer0/environment.yaml", line: 1, column: 56 },
      }) as Error,
    );
  });

  it("only the environment's own names layers", () => {
    expect(readLayerNames(file("layers: [base, north]\n"))).toEqual(["base", "north"]);
    expect(readLayerNames(file(""))).toEqual([]);
    expect(() => read("layers: [other]\n", "sync: auto\n")).toThrow(/only an environment's own/);
  });
});
