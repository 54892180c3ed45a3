import { describe, expect, it } from "vitest";
import { holdOf } from "../../src/core/hold.js";

const hold = (path: string, until = "2030-01-01T00:00:00.000Z") => ({ path, until });

describe("a hold", () => {
  it.each([
    ["covers its setting", "/pool/max", "/pool/max", true],
    ["covers what is below it", "/pool/max", "/pool", true],
    ["covers a finding of a whole map that contains it", "/pool", "/pool/max", true],
    ["of the whole target covers everything", "/pool/max", "", true],
    ["of the whole target covers a finding of the whole document", "", "", true],
    ["does not cover a neighbour", "/pool/min", "/pool/max", false],
    ["does not cover a name that begins as its own does", "/pools", "/pool", false],
    ["is not covered by a finding whose name begins as its own does", "/pool", "/pool_max", false],
    ["tells a slash in a name from a level", "/a~1b", "/a", false],
    ["of the member with the empty name is not of the whole target", "/pool", "/", false],
    ["of the member with the empty name covers what is below that", "//max", "/", true],
  ])("%s: %j under a hold of %j", (_, path, held, covered) => {
    expect(holdOf(path, [hold(held)]) !== undefined).toBe(covered);
  });

  it("that ends last speaks, where several cover a finding", () => {
    const holds = [hold("/pool", "2030-01-02T00:00:00.000Z"), hold("/pool/max", "2030-01-03T00:00:00.000Z"), hold("")];
    expect(holdOf("/pool/max", holds)).toBe(holds[1]);
    expect(holdOf("/pool/min", holds)).toBe(holds[0]);
    expect(holdOf("/other", holds)).toBe(holds[2]);
    expect(holdOf("/other", [hold("/pool")])).toBeUndefined();
  });
});
