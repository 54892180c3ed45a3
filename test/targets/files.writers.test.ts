import { chownSync, symlinkSync, unlinkSync, utimesSync } from "node:fs";
import { userInfo } from "node:os";
import { expect, it } from "vitest";
import { filesPlace, never } from "../support/files.js";

const place = filesPlace();
const noon = new Date("2026-11-21T12:00:00.250Z");
const possible = { at: "2026-11-21T12:00:00.250Z", how: "file owner and time", certainty: "possible" };
const ask = async (...paths: string[]) =>
  Object.fromEntries((await (await place.open()).lastWriters?.(paths, never)) ?? []);

it("a file's settings are possibly its owner's, at the file's time", async () => {
  place.put("etc/app.env", "A=1\nB=2\n");
  utimesSync(place.path("etc/app.env"), noon, noon);
  expect(await ask("/etc~1app.env/A", "/etc~1app.env/B")).toEqual({
    "/etc~1app.env/A": { by: userInfo().username, ...possible },
    "/etc~1app.env/B": { by: userInfo().username, ...possible },
  });
});

it.skipIf(process.getuid?.() !== 0)("an owner without a name is shown by number", async () => {
  place.put("motd", "hello");
  chownSync(place.path("motd"), 48_151, 0);
  utimesSync(place.path("motd"), noon, noon);
  expect(await ask("/motd")).toEqual({ "/motd": { by: "uid 48151", ...possible } });
});

it("of a file that is gone, and of one outside the root, nothing is known", async () => {
  place.put("gone", "x");
  unlinkSync(place.path("gone"));
  symlinkSync("/etc/passwd", place.path("out"));
  expect(await ask("/gone", "/out", "")).toEqual({});
});
