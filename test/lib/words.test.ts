import { describe, expect, it } from "vitest";
import { durationSchema, formatDuration, parseDuration } from "../../src/lib/duration.js";
import { globs, pointerGlobs } from "../../src/lib/glob.js";
import { suggestion } from "../../src/lib/suggest.js";

describe("durations", () => {
  it.each([
    ["500ms", 500],
    ["10s", 10_000],
    ["1.5m", 90_000],
    ["62h", 223_200_000],
    ["7d", 604_800_000],
  ])("%s is %d ms", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });
  it.each(["10", "s", "-1s", "1 s", "1w", "0s", ""])("%j is none in a file", (text) => {
    expect(durationSchema.safeParse(text).success).toBe(false);
  });
  it("are read by people", () => {
    expect([850, 12_000, 180_000, 18_000_000, 172_800_000].map(formatDuration)).toEqual([
      "850 ms",
      "12 s",
      "3 min",
      "5 h",
      "2 d",
    ]);
  });
});

describe("suggestions", () => {
  it("name the near word, or what is known", () => {
    expect(suggestion("conection", ["connection", "kind"])).toBe('did you mean "connection"?');
    expect(suggestion("zzz", ["b", "a"])).toContain("a, b");
    expect(suggestion("x", [])).toBe("none is declared");
  });
});

describe("globs", () => {
  it("stay within a segment unless they say otherwise; none match everything", () => {
    expect(globs(["/a/*"])("/a/b")).toBe(true);
    expect(globs(["/a/*"])("/a/b/c")).toBe(false);
    expect(globs(["/**"])("/a/.b/c")).toBe(true);
    expect(globs([])("anything")).toBe(true);
  });
  it("`/**` may be nothing, at the start as well, and covers any key", () => {
    expect(["/tls/min", "/a/tls/min", "/tls"].map(globs(["/**/tls/**"]))).toEqual([true, true, true]);
    expect(["/a\nb", "/..", "/./x", "/\\", "/a b/ü", "/{}"].map(globs(["/**"]))).toEqual(Array(6).fill(true));
  });
  it("of pointers cover what is below, and take a pointer with special characters for itself", () => {
    const covers = pointerGlobs(["/a", "/b~1c/*", "/x[1]"]);
    expect(["/a", "/a/b", "/b~1c/d/e", "/x[1]"].map(covers)).toEqual([true, true, true, true]);
    expect(["/ab", "/b~1c"].map(covers)).toEqual([false, false]);
    expect(pointerGlobs([])("/a")).toBe(false);
  });
});
