import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { change, failureOf, faultOf, filesPlace, makeRoot, never, put } from "../support/files.js";
import { asOrdinaryUser, NOBODY } from "../support/user.js";

const place = filesPlace();
const isRoot = process.getuid?.() === 0;

const HAND_WRITTEN = `# Who may log in, and how loudly we tell.

logging:        # see the wiki
    level:  'info'   # debug | info | warn
    file: "/var/log/x"


rooms: [ {id: a, t: 20},   {id: b, t: 21} ]
other: keep me   `;

describe("applying changes to files", () => {
  it("changes one line of a hand-written file and no other byte", async () => {
    for (const [bom, eol] of [
      ["", "\n"],
      ["\uFEFF", "\r\n"],
    ] as const) {
      const before = bom + HAND_WRITTEN.replaceAll("\n", eol);
      place.put("app.yaml", before);
      const target = await place.open();
      const outcomes = await target.apply([change("/app.yaml/logging/level", "info", "debug")], never);
      expect(outcomes).toEqual([{ path: "/app.yaml/logging/level", result: "applied" }]);
      const [was, is] = [before.split("\n"), place.read("app.yaml").split("\n")];
      expect(is.length).toBe(was.length);
      expect(is.filter((line, index) => line !== was[index])).toHaveLength(1);
      expect(place.read("app.yaml")).toBe(before.replace("info'", "debug'"));
    }
  });

  it("finds list elements by the list rules", async () => {
    place.put("app.yaml", HAND_WRITTEN);
    const target = await place.open({ lists: { "/app.yaml/rooms": { key: "id" } } });
    await target.apply([change("/app.yaml/rooms/b/t", 21, 25)], never);
    expect(place.read("app.yaml")).toBe(HAND_WRITTEN.replace("t: 21", "t: 25"));
  });

  it("writes several files, and tells the outcome of each change in their order", async () => {
    place.put("a.env", "A=1\nB=2\n");
    place.put("b.toml", "x = 1\n");
    place.put("broken.json", "{");
    const target = await place.open();
    const outcomes = await target.apply(
      [
        change("/a.env/A", "1", "10"),
        change("/broken.json/x", undefined, 1),
        change("/b.toml/x", 5, 6),
        change("/a.env/B", "2", undefined),
        change("/new.json/deep/er", undefined, true),
      ],
      never,
    );
    expect(outcomes.map(({ path, result }) => [path, result])).toEqual([
      ["/a.env/A", "applied"],
      ["/broken.json/x", "failed"],
      ["/b.toml/x", "moved"],
      ["/a.env/B", "applied"],
      ["/new.json/deep/er", "applied"],
    ]);
    expect(failureOf(outcomes[1]).code).toBe("LIVE_INVALID");
    expect(outcomes[2]).toEqual({ path: "/b.toml/x", result: "moved", live: 1 });
    expect(place.read("a.env")).toBe("A=10\n");
    expect(JSON.parse(place.read("new.json"))).toEqual({ deep: { er: true } });
    expect(place.list()).toEqual(["a.env", "b.toml", "broken.json", "new.json"]);
  });

  it("replaces the whole of a text file", async () => {
    place.put("nginx.conf", "old\r\n");
    const target = await place.open();
    await target.apply([change("/nginx.conf", "old\r\n", "\uFEFFnew")], never);
    expect(place.read("nginx.conf")).toBe("\uFEFFnew");
    const [outcome] = await target.apply([change("/nginx.conf/part", undefined, "x")], never);
    expect(outcome?.result).not.toBe("applied");
    expect(place.read("nginx.conf")).toBe("\uFEFFnew");
  });

  it("makes new files and the folders on the way", async () => {
    const target = await place.open();
    const outcomes = await target.apply(
      [change("/etc~1conf.d~1app.toml/port", undefined, 1), change("/motd", undefined, "hello")],
      never,
    );
    expect(outcomes.every(({ result }) => result === "applied")).toBe(true);
    expect(place.read("etc/conf.d/app.toml")).toBe("port = 1\n");
    expect(place.read("motd")).toBe("hello");
    // Made by another program under the same umask, which can only be asked by changing it.
    place.put("like/this", "");
    const bits = (name: string) => statSync(place.path(name)).mode & 0o777;
    expect(bits("etc/conf.d")).toBe(bits("like") & 0o755);
    expect(bits("motd")).toBe(bits("like/this") & 0o644);
  });

  it("keeps a new file with a secret in it for its owner alone, and takes the spec's mode", async () => {
    await (await place.open()).apply([change("/api.env/SMTP_PASSWORD", undefined, "x")], never);
    expect(statSync(place.path("api.env")).mode & 0o777).toBe(0o600);
    await (
      await place.open({ spec: { mode: "0666" } })
    ).apply([change("/open.env/SMTP_PASSWORD", undefined, "x")], never);
    expect(statSync(place.path("open.env")).mode & 0o777).toBe(0o666);
  });

  it("removes a file only when it is itself removed, or nothing is left in it", async () => {
    place.put("commented.env", "# why A is not here\nA=1\n");
    place.put("bare.env", "A=1\n");
    place.put("bare.json", '{"a": {"b": 1}}\n');
    place.put("whole.env", "# gone\nA=1\n");
    place.put("motd", "text");
    place.put("neighbour", "x");
    const target = await place.open();
    const outcomes = await target.apply(
      [
        change("/commented.env/A", "1", undefined),
        change("/bare.env/A", "1", undefined),
        change("/bare.json/a/b", 1, undefined),
        change("/whole.env", { A: "1" }, undefined),
        change("/motd", "text", undefined),
        change("/never.env/A", undefined, undefined),
      ],
      never,
    );
    expect(outcomes.map(({ result }) => result)).toEqual(Array(6).fill("applied"));
    expect(place.list()).toEqual(["commented.env", "neighbour"]);
    expect(place.read("commented.env")).toBe("# why A is not here\n");
  });

  it("does not write a file that is already as it shall be", async () => {
    place.put("a.env", "A=1\n");
    const before = statSync(place.path("a.env"), { bigint: true });
    const [outcome] = await (await place.open()).apply([change("/a.env/A", "1", "1")], never);
    expect(outcome?.result).toBe("applied");
    const after = statSync(place.path("a.env"), { bigint: true });
    expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs]);
  });

  it("refuses what the format cannot hold and leaves the file", async () => {
    place.put("a.toml", "x = 1\n");
    const [outcome] = await (await place.open()).apply([change("/a.toml/x", 1, null)], never);
    expect(failureOf(outcome).code).toBe("DOCUMENT_UNREPRESENTABLE");
    expect(place.read("a.toml")).toBe("x = 1\n");
  });

  it("fails the changes of files that it did not come to before an abort", async () => {
    place.put("a.env", "A=1\n");
    place.put("b.env", "A=1\n");
    const target = await place.open();
    const stop = new AbortController();
    const applying = target.apply([change("/a.env/A", "1", "2"), change("/b.env/A", "1", "2")], stop.signal);
    await setImmediate();
    stop.abort();
    const outcomes = await applying;
    expect(outcomes.map(({ result }) => result)).toEqual(["applied", "failed"]);
    expect(failureOf(outcomes[1]).code).toBe("ABORTED");
    expect([place.read("a.env"), place.read("b.env")]).toEqual(["A=2\n", "A=1\n"]);
  });

  it("fails before it writes where the root is gone", async () => {
    const target = await place.open({ root: place.path("missing") });
    expect((await faultOf(target.apply([change("/a.env/A", undefined, "1")], never))).code).toBe("TARGET_INVALID");
  });
});

describe("a file that moves while it is written", () => {
  // The intruder comes when the temporary file is being flushed: after the file was read, before the rename.
  async function race(intrude: () => void, desired = "2") {
    const target = await place.open();
    const applying = target.apply([change("/a.env/A", "1", desired)], never);
    await setImmediate();
    expect(place.list().filter((name) => name.includes("trueup"))).toHaveLength(1);
    intrude();
    const [outcome] = await applying;
    expect(place.list().filter((name) => name.includes("trueup"))).toEqual([]);
    return outcome;
  }

  it("takes up another program's edit of another setting", async () => {
    place.put("a.env", "A=1\nB=1\n");
    const outcome = await race(() => {
      place.put("a.env", "A=1\nB=2\n");
    });
    expect(outcome?.result).toBe("applied");
    expect(place.read("a.env")).toBe("A=2\nB=2\n");
  });

  it("reports an edit of the same setting as moved", async () => {
    place.put("a.env", "A=1\n");
    const outcome = await race(() => {
      place.put("a.env", "A=9\n");
    });
    expect(outcome).toEqual({ path: "/a.env/A", result: "moved", live: "9" });
    expect(place.read("a.env")).toBe("A=9\n");
  });

  it("reports a removal as moved", async () => {
    place.put("a.env", "A=1\n");
    const outcome = await race(() => {
      rmSync(place.path("a.env"));
    });
    expect(outcome).toEqual({ path: "/a.env/A", result: "moved", live: undefined });
    expect(place.list()).toEqual([]);
  });
});

describe("what belongs to a file", () => {
  it.skipIf(!isRoot)("keeps mode, owner and group", async () => {
    place.put("a.env", "A=1\n");
    chownSync(place.path("a.env"), NOBODY, 12);
    chmodSync(place.path("a.env"), 0o2750);
    const before = statSync(place.path("a.env"));
    await (await place.open()).apply([change("/a.env/A", "1", "2")], never);
    const after = statSync(place.path("a.env"));
    expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode]);
    expect(after.ino).not.toBe(before.ino);
  });

  it("stays with its other names (hard links)", async () => {
    place.put("a.env", "A=1\nLONG=xxxxxxxxxxxxxx\n");
    linkSync(place.path("a.env"), place.path("other"));
    const target = await place.open();
    await target.apply([change("/a.env/A", "1", "longer than before")], never);
    await target.apply([change("/a.env/LONG", "xxxxxxxxxxxxxx", undefined)], never);
    expect(place.read("other")).toBe(place.read("a.env"));
    expect(place.read("other")).toMatch(/^A=.*longer than before.*\n$/);
    expect(statSync(place.path("other")).ino).toBe(statSync(place.path("a.env")).ino);
  });

  it("is the same file afterwards where the spec says in-place", async () => {
    place.put("a.env", "A=1\n");
    const { ino } = statSync(place.path("a.env"));
    await (await place.open({ spec: { write: "in-place" } })).apply([change("/a.env/A", "1", "2")], never);
    expect(place.read("a.env")).toBe("A=2\n");
    expect(statSync(place.path("a.env")).ino).toBe(ino);
  });

  it("is written through a link, which stays", async () => {
    place.put("releases/42/app.yaml", "a: 1\n");
    symlinkSync("releases/42", place.path("current"));
    symlinkSync("current/app.yaml", place.path("app.yaml"));
    const target = await place.open();
    await target.apply([change("/app.yaml/a", 1, 2)], never);
    expect(readlinkSync(place.path("app.yaml"))).toBe("current/app.yaml");
    expect(place.read("releases/42/app.yaml")).toBe("a: 2\n");
    await target.apply([change("/app.yaml", { a: 2 }, undefined)], never);
    expect(place.list()).toEqual(["current", "releases"]);
    expect(place.read("releases/42/app.yaml")).toBe("a: 2\n");
  });

  it("is not written where a link leads out of the root", async () => {
    const outside = makeRoot();
    put(`${outside}/a.env`, "A=1\n");
    symlinkSync(`${outside}/a.env`, place.path("a.env"));
    symlinkSync(outside, place.path("folder"));
    symlinkSync(`${outside}/new.env`, place.path("new.env"));
    const target = await place.open();
    const outcomes = await target.apply(
      [
        change("/a.env/A", "1", "2"),
        change("/folder~1a.env/A", "1", "2"),
        change("/folder~1sub~1b.env/A", undefined, "2"),
        change("/new.env/A", undefined, "2"),
        change("/..~1x.env/A", undefined, "2"),
      ],
      never,
    );
    expect(outcomes.map((outcome) => failureOf(outcome).code)).toEqual(Array(5).fill("TARGET_REFUSED"));
    expect(lstatSync(place.path("a.env")).isSymbolicLink()).toBe(true);
    expect(statSync(`${outside}/a.env`).size).toBe(4);
    expect(() => statSync(`${outside}/sub`)).toThrow("ENOENT");
    rmSync(outside, { recursive: true });
  });

  it.skipIf(process.platform !== "linux")(
    "is not written elsewhere when its folder is swapped for a link meanwhile",
    async () => {
      const outside = makeRoot();
      put(`${outside}/a.env`, "A=1\n");
      place.put("etc/a.env", "A=1\n");
      const target = await place.open();
      const applying = target.apply([change("/etc~1a.env/A", "1", "2")], never);
      await setImmediate();
      renameSync(place.path("etc"), place.path("etc.old"));
      symlinkSync(outside, place.path("etc"));
      await applying;
      expect(readFileSync(`${outside}/a.env`, "utf8")).toBe("A=1\n");
      expect(readdirSync(outside)).toEqual(["a.env"]);
      expect(place.list("etc.old")).toEqual(["a.env"]);
      rmSync(outside, { recursive: true });
    },
  );

  it("is written in place where the folder takes no new file, or the owner could not be kept", async () => {
    chmodSync(place.root, 0o755);
    place.put("fixed/a.env", "A=1\n");
    chmodSync(place.path("fixed/a.env"), 0o666);
    mkdirSync(place.path("shared"));
    chmodSync(place.path("shared"), 0o777);
    place.put("shared/a.env", "A=1\n");
    chmodSync(place.path("shared/a.env"), 0o666);
    const before = ["fixed/a.env", "shared/a.env"].map((name) => statSync(place.path(name)));
    await asOrdinaryUser(async () => {
      const outcomes = await (
        await place.open()
      ).apply([change("/fixed~1a.env/A", "1", "2"), change("/shared~1a.env/A", "1", "2")], never);
      expect(outcomes.map(({ result }) => result)).toEqual(["applied", "applied"]);
    });
    for (const [index, name] of ["fixed/a.env", "shared/a.env"].entries()) {
      expect(place.read(name)).toBe("A=2\n");
      const { ino, uid, mode } = statSync(place.path(name));
      if (isRoot) expect([ino, uid, mode]).toEqual([before[index]?.ino, before[index]?.uid, before[index]?.mode]);
      expect(place.list(name.slice(0, name.indexOf("/")))).toEqual(["a.env"]);
    }
  });

  it("is left whole where nothing may be written", async () => {
    chmodSync(place.root, 0o755);
    place.put("a.env", "A=1\n");
    chmodSync(place.path("a.env"), 0o444);
    chmodSync(place.root, 0o555);
    try {
      await asOrdinaryUser(async () => {
        const target = await place.open();
        const outcomes = await target.apply(
          [change("/a.env/A", "1", "2"), change("/b.env/A", undefined, "2"), change("/c~1b.env/A", undefined, "2")],
          never,
        );
        expect(outcomes.map((outcome) => failureOf(outcome).code)).toEqual(Array(3).fill("PERMISSION_DENIED"));
        expect(failureOf(outcomes[0]).where?.file).toBe(place.path("a.env"));
      });
    } finally {
      chmodSync(place.root, 0o755);
    }
    expect(place.read("a.env")).toBe("A=1\n");
    expect(place.list()).toEqual(["a.env"]);
  });
});

describe("temporary files of a killed process", () => {
  it("are removed at the next write into their folder; those of a living one are not", async () => {
    place.put("a.env", "A=1\n");
    const dead = 2 ** 22 + 1;
    const ours = `.a.env.trueup-${process.pid}-00000000ffffffff`;
    const living = `.a.env.trueup-${process.ppid}-00000000ffffffff`;
    for (const name of [
      `.a.env.trueup-${dead}-0123456789abcdef`,
      ours,
      living,
      ".a.env.trueup-note",
      "b.trueup-1-0123456789abcdef",
    ]) {
      writeFileSync(place.path(name), "half");
    }
    await (await place.open()).apply([change("/a.env/A", "1", "2")], never);
    expect(place.list()).toEqual([living, ".a.env.trueup-note", "a.env", "b.trueup-1-0123456789abcdef"].sort());
  });

  it("have names that fit beside the longest file names", async () => {
    const name = `${"x".repeat(250)}.env`;
    place.put(name, "A=1\n");
    const other = `${"ü".repeat(125)}.env`;
    const outcomes = await (
      await place.open()
    ).apply([change(`/${name}/A`, "1", "2"), change(`/${other}/A`, undefined, "2")], never);
    expect(outcomes.map(({ result }) => result)).toEqual(["applied", "applied"]);
    expect([place.read(name), place.read(other)]).toEqual(["A=2\n", "A=2\n"]);
  });
});
