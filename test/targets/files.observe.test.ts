import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { faultOf, filesPlace, makeRoot, never, put } from "../support/files.js";
import { asOrdinaryUser } from "../support/user.js";

const place = filesPlace();

describe("observing files", () => {
  it("reads each named file by its format, and nothing else", async () => {
    place.put("api.env", "# comment\nLOG_LEVEL=info\n");
    place.put("etc/app.toml", "[server]\nport = 8080\n");
    place.put("app.yaml", "a: 1\nb: [x, y]\n");
    place.put("app.json", '{"n": 9007199254740993}');
    place.put("app.ini", "[db]\nhost = here\n");
    place.put("app.properties", "k = v\n");
    place.put("nginx.conf", "server {}\r\n");
    place.put("neighbour.yaml", "not: read\n");
    const target = await place.open();
    const names = [
      "api.env",
      "etc/app.toml",
      "app.yaml",
      "app.json",
      "app.ini",
      "app.properties",
      "nginx.conf",
      "gone.json",
    ];
    const { document } = await target.observe(new Set(names), never);
    expect(document).toEqual({
      "api.env": { LOG_LEVEL: "info" },
      "etc/app.toml": { server: { port: 8080 } },
      "app.yaml": { a: 1, b: ["x", "y"] },
      "app.json": { n: 9007199254740993n },
      "app.ini": { db: { host: "here" } },
      "app.properties": { k: "v" },
      "nginx.conf": "server {}\r\n",
    });
  });

  it("names files from the subfolder of its spec", async () => {
    place.put("sub/folder/motd", "hello");
    const target = await place.open({ spec: { root: "sub/folder" } });
    expect((await target.observe(new Set(["motd"]), never)).document).toEqual({ motd: "hello" });
  });

  it("keeps unknown tags where the spec says so", async () => {
    place.put("ha.yaml", "a: !include b.yaml\n");
    expect((await faultOf((await place.open()).observe(new Set(["ha.yaml"]), never))).code).toBe("LIVE_INVALID");
    const target = await place.open({ spec: { tags: "keep" } });
    const { document } = await target.observe(new Set(["ha.yaml"]), never);
    expect(JSON.stringify(document["ha.yaml"])).toContain("include");
  });

  it("says where a live file is malformed, and nothing of its content", async () => {
    place.put("app.yaml", "ok: 1\nbad: [hunter2-secret\nnext: x\n");
    place.put("app.json", '{\n  "password": hunter2-secret\n}');
    place.put("app.toml", "a = 1\nb = hunter2-secret\n");
    for (const name of ["app.yaml", "app.json", "app.toml"]) {
      const error = await faultOf((await place.open()).observe(new Set([name]), never));
      expect(error.code).toBe("LIVE_INVALID");
      expect(error.where?.file).toBe(place.path(name));
      expect(error.where?.line).toBeGreaterThan(1);
      expect(error.where?.column).toBeGreaterThan(0);
      expect(`${error.message} ${error.hint ?? ""} ${String(error.cause)}`).not.toContain("hunter2");
    }
  });

  it("says where a file stops being UTF-8", async () => {
    place.put("motd", Buffer.concat([Buffer.from("fine\nzü"), Buffer.from([0xff]), Buffer.from("rest")]));
    const error = await faultOf((await place.open()).observe(new Set(["motd"]), never));
    expect(error.code).toBe("LIVE_INVALID");
    expect(error.where).toEqual({ file: place.path("motd"), line: 2, column: 3 });
  });

  it("refuses a folder, a pipe and a file in the place of a folder, without waiting", async () => {
    mkdirSync(place.path("folder.yaml"));
    execFileSync("mkfifo", [place.path("pipe.yaml")]);
    place.put("file", "x");
    const target = await place.open();
    for (const name of ["folder.yaml", "pipe.yaml", "file/inner.yaml"]) {
      const error = await faultOf(target.observe(new Set([name]), never));
      expect([name, error.code]).toEqual([name, "LIVE_INVALID"]);
      expect(error.where?.file).toBe(place.path(name));
    }
  });

  it("refuses a file above the size limit without reading it", async () => {
    execFileSync("truncate", ["-s", "100M", place.path("huge.yaml")]);
    const before = process.memoryUsage().rss;
    const error = await faultOf((await place.open()).observe(new Set(["huge.yaml"]), never));
    expect(error.code).toBe("DOCUMENT_TOO_LARGE");
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 1024 * 1024);
  });

  it("says so where it may not read", async () => {
    chmodSync(place.root, 0o755);
    place.put("locked.yaml", "a: 1\n");
    chmodSync(place.path("locked.yaml"), 0);
    place.put("closed/app.yaml", "a: 1\n");
    chmodSync(place.path("closed"), 0);
    await asOrdinaryUser(async () => {
      const target = await place.open();
      for (const name of ["locked.yaml", "closed/app.yaml"]) {
        const error = await faultOf(target.observe(new Set([name]), never));
        expect([name, error.code]).toEqual([name, "PERMISSION_DENIED"]);
      }
    });
  });

  it("takes a root that is gone for a failure, not for missing files", async () => {
    const target = await place.open();
    renameSync(place.root, `${place.root}.away`);
    try {
      expect((await faultOf(target.observe(new Set(["a.yaml"]), never))).code).toBe("TARGET_INVALID");
    } finally {
      renameSync(`${place.root}.away`, place.root);
    }
    expect((await target.observe(new Set(["a.yaml"]), never)).document).toEqual({});
  });

  it("refuses a name that leaves the root", async () => {
    const target = await place.open();
    expect((await faultOf(target.observe(new Set(["../x"]), never))).code).toBe("TARGET_REFUSED");
  });
});

describe("links", () => {
  it("follows those inside the root", async () => {
    place.put("releases/42/app.yaml", "a: 1\n");
    symlinkSync("releases/42", place.path("current"));
    symlinkSync("current/app.yaml", place.path("app.yaml"));
    const target = await place.open();
    const { document } = await target.observe(new Set(["app.yaml", "current/app.yaml"]), never);
    expect(document).toEqual({ "app.yaml": { a: 1 }, "current/app.yaml": { a: 1 } });
  });

  it("refuses those that lead out of it, to nowhere or round in a circle", async () => {
    const outside = makeRoot();
    put(`${outside}/app.yaml`, "hidden: 4711\n");
    symlinkSync(`${outside}/app.yaml`, place.path("file.yaml"));
    symlinkSync(outside, place.path("folder"));
    symlinkSync("nowhere", place.path("dangling.yaml"));
    symlinkSync("round.yaml", place.path("round.yaml"));
    const target = await place.open();
    for (const name of ["file.yaml", "folder/app.yaml", "dangling.yaml", "round.yaml"]) {
      const error = await faultOf(target.observe(new Set([name]), never));
      expect([name, error.code]).toEqual([name, "TARGET_REFUSED"]);
      expect(error.where?.file).toBe(place.path(name));
    }
    rmSync(outside, { recursive: true });
  });

  it("takes a sibling whose name begins like the root for outside", async () => {
    const sibling = `${place.root}-other`;
    put(`${sibling}/app.yaml`, "a: 1\n");
    symlinkSync(sibling, place.path("link"));
    const target = await place.open();
    expect((await faultOf(target.observe(new Set(["link/app.yaml"]), never))).code).toBe("TARGET_REFUSED");
    rmSync(sibling, { recursive: true });
  });
});

describe("version tokens", () => {
  const names = new Set(["a.yaml", "b.yaml"]);

  it("stay while nothing changes, and change with every content", async () => {
    place.put("a.yaml", "a: 1\n");
    const target = await place.open();
    const first = await target.observe(names, never);
    expect((await target.observe(names, never)).version).toBe(first.version);
    // The same size, within one tick of the clock: only reading tells.
    for (let turn = 2; turn < 10; turn += 1) {
      writeFileSync(place.path("a.yaml"), `a: ${turn}\n`);
      const next = await target.observe(names, never);
      expect(next.document).toEqual({ "a.yaml": { a: turn } });
      expect(next.version).not.toBe(first.version);
    }
    const last = await target.observe(names, never);
    place.put("b.yaml", "b: 1\n");
    const created = await target.observe(names, never);
    expect(created.version).not.toBe(last.version);
    rmSync(place.path("b.yaml"));
    expect((await target.observe(names, never)).version).not.toBe(created.version);
    expect((await target.observe(new Set(["a.yaml"]), never)).version).not.toBe(last.version);
  });

  it("stay when a file is rewritten with what it had", async () => {
    place.put("a.yaml", "a: 1\n");
    const target = await place.open();
    const { version } = await target.observe(names, never);
    place.put("a.yaml", "a: 1\n");
    expect((await target.observe(names, never)).version).toBe(version);
  });

  it("see an edit that hides behind the old time of modification", async () => {
    place.put("a.yaml", "a: 1\n");
    const target = await place.open();
    const { version } = await target.observe(names, never);
    const { atime, mtime } = statSync(place.path("a.yaml"));
    place.put("a.yaml", "a: 2\n");
    utimesSync(place.path("a.yaml"), atime, mtime);
    const after = await target.observe(names, never);
    expect(after.document).toEqual({ "a.yaml": { a: 2 } });
    expect(after.version).not.toBe(version);
  });

  it("never match those of another target", async () => {
    const [one, two] = [await place.open(), await place.open()];
    expect((await one.observe(names, never)).version).not.toBe((await two.observe(names, never)).version);
  });

  it("come back after a failure only with a new reading", async () => {
    place.put("a.yaml", "a: 1\n");
    const target = await place.open();
    const { version } = await target.observe(names, never);
    place.put("a.yaml", "a: [\n");
    await faultOf(target.observe(names, never));
    place.put("a.yaml", "a: 3\n");
    const after = await target.observe(names, never);
    expect(after.document).toEqual({ "a.yaml": { a: 3 } });
    expect(after.version).not.toBe(version);
  });
});
