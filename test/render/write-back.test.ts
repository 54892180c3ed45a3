import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Value } from "../../src/core/value.js";
import type { Snapshot } from "../../src/render/snapshot.js";
import { writeBack } from "../../src/render/write-back.js";

const kinds = [
  { kind: "files", manyDocuments: true },
  { kind: "postgres-table", manyDocuments: false },
];

function snapshotOf(files: Readonly<Record<string, string>>): Snapshot {
  return new Map(
    Object.entries(files).map(([file, text]) => {
      const content = Buffer.from(text);
      return [file, { id: createHash("sha1").update(content).digest("hex"), content }];
    }),
  );
}

const BASE = `targets:
  settings:
    kind: postgres-table
    connection: db
    lists: { /rooms: { key: id }, /tags: set }
    sensitive: [/license]
  host: { kind: files, connection: host }
variables: { site: north, workers: 8 }
`;

interface Ask {
  readonly files: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, Value | undefined>>;
  readonly target?: string;
  readonly layer?: string;
}

/** Writes back in a world of one environment, prod, over one layer, base. */
async function ask({ files, settings, target = "settings", layer }: Ask) {
  const named = Object.entries({
    "base/environment.yaml": BASE,
    "prod/environment.yaml": "layers: [base]\n",
    ...files,
  }).map(([file, text]) => [`environments/${file}`, text] as const);
  const result = await writeBack({
    snapshot: snapshotOf(Object.fromEntries(named)),
    revision: "0123456789abcdef",
    environment: "prod",
    target,
    kinds,
    settings: Object.entries(settings).map(([path, live]) => ({ path, live })),
    layer,
  });
  const edited = Object.fromEntries(
    [...result.files].map(([file, text]) => [file.slice("environments/".length), text]),
  );
  const errors = result.settings.flatMap((setting) => ("error" in setting ? [setting.error] : []));
  const places = result.settings.flatMap((setting) =>
    "place" in setting ? [`${setting.place.file.slice("environments/".length)}:${setting.place.line ?? ""}`] : [],
  );
  return { edited, errors, places };
}

describe("a live value goes back", () => {
  it("into the file of the environment that owns it, on its line", async () => {
    const result = await ask({
      files: {
        "base/settings.yaml": "pool: { min: 2, max: 10 }\n",
        "prod/settings.yaml": "# prod\r\npool:\r\n  max: '40' # busy\r\n",
      },
      settings: { "/pool/max": "50" },
    });
    expect(result).toEqual({
      edited: { "prod/settings.yaml": "# prod\r\npool:\r\n  max: '50' # busy\r\n" },
      errors: [],
      places: ["prod/settings.yaml:3"],
    });
  });

  it("as an override where the environment inherits it, in a file like the lower one's", async () => {
    expect(
      (
        await ask({
          files: { "base/settings.yaml": "pool: { min: 2, max: 10 }\n", "prod/settings.yaml": "log: info\n" },
          settings: { "/pool/max": 50 },
        })
      ).edited,
    ).toEqual({ "prod/settings.yaml": "log: info\npool:\n  max: 50\n" });
    expect(
      await ask({
        target: "host",
        files: { "base/host/app.toml": "[server]\nport = 80\nhost = 'x' # y\n" },
        settings: { "/app.toml/server/port": 81 },
      }),
    ).toMatchObject({
      edited: { "prod/host/app.toml": "[server]\nport = 81\n" },
      places: ["prod/host/app.toml:2"],
    });
  });

  it("into the lower layer, where that is asked for", async () => {
    const files = {
      "base/settings.yaml": "a: 1 # one\nb: 2\n",
      "prod/settings.yaml": "b: 3\n",
    };
    const { edited, errors } = await ask({ files, settings: { "/a": 5, "/b": 6 }, layer: "base" });
    expect(edited).toEqual({ "base/settings.yaml": "a: 5 # one\nb: 2\n" });
    expect(errors).toMatchObject([
      { code: "ENVIRONMENT_INVALID", where: { file: "environments/prod/settings.yaml", line: 1 } },
    ]);
  });
});

describe("what is gone live", () => {
  const base = { "base/settings.yaml": "pool: { min: 2, max: 10 }\n" };

  it("takes its line out of the environment's file where no lower layer has it", async () => {
    const files = { ...base, "prod/settings.yaml": "pool:\n  burst: 3 # new\n  max: 40\n" };
    expect(await ask({ files, settings: { "/pool/burst": undefined } })).toMatchObject({
      edited: { "prod/settings.yaml": "pool:\n  max: 40\n" },
      places: ["prod/settings.yaml:"],
    });
  });

  it("is null in the environment's file where a lower layer has it, overridden or not", async () => {
    const files = { ...base, "prod/settings.yaml": "pool:\n  max: 40 # busy\n" };
    expect((await ask({ files, settings: { "/pool/min": undefined, "/pool/max": undefined } })).edited).toEqual({
      "prod/settings.yaml": "pool:\n  max: null # busy\n  min: null\n",
    });
  });

  it("is refused with a hint where the format has no null", async () => {
    const { edited, errors } = await ask({
      target: "host",
      files: { "base/host/api.env": "A=1\nB=2\n" },
      settings: { "/api.env/A": undefined, "/api.env/B": "3" },
    });
    expect(edited).toEqual({ "prod/host/api.env": "B=3\n" });
    expect(errors).toMatchObject([
      {
        code: "DOCUMENT_UNREPRESENTABLE",
        hint: expect.stringContaining("environments/prod/host.patch.yaml") as string,
      },
    ]);
  });

  it("comes back where it was removed before", async () => {
    const files = { ...base, "prod/settings.yaml": "pool: null # none here\n" };
    expect((await ask({ files, settings: { "/pool/max": 5 } })).edited).toEqual({
      "prod/settings.yaml": "pool: # none here\n  min: null\n  max: 5\n",
    });
  });
});

describe("lists", () => {
  const base = {
    "base/settings.yaml":
      "rooms:\n  - { id: kitchen, setpoint: 20, floor: 0 }\n  - { id: lab, setpoint: 19 }\ntags: [a, b]\nsteps: [1, 2, 3]\n",
  };

  it("a keyed element is overridden by its key", async () => {
    expect((await ask({ files: base, settings: { "/rooms/kitchen/setpoint": 21 } })).edited).toEqual({
      "prod/settings.yaml": "rooms:\n  - id: kitchen\n    setpoint: 21\n",
    });
    const files = { ...base, "prod/settings.yaml": "rooms:\n  - { id: lab, setpoint: 18 } # cold\n" };
    expect(
      (
        await ask({
          files,
          settings: { "/rooms/lab/setpoint": 17, "/rooms/kitchen/setpoint": 21, "/rooms/kitchen/floor": 1 },
        })
      ).edited,
    ).toEqual({
      "prod/settings.yaml":
        "rooms:\n  - { id: lab, setpoint: 17 } # cold\n  - id: kitchen\n    setpoint: 21\n    floor: 1\n",
    });
  });

  it("a keyed list that is written as a map stays one, and can say that an element is gone", async () => {
    const files = { ...base, "prod/settings.yaml": "rooms:\n  lab: { setpoint: 18 }\n" };
    expect(
      (
        await ask({
          files,
          settings: { "/rooms/kitchen": undefined, "/rooms/lab/setpoint": 17, "/rooms/attic": { id: "attic" } },
        })
      ).edited,
    ).toEqual({ "prod/settings.yaml": "rooms:\n  lab: { setpoint: 17 }\n  attic:\n    id: attic\n  kitchen: null\n" });
    expect((await ask({ files: base, settings: { "/rooms/kitchen": undefined } })).edited).toEqual({
      "prod/settings.yaml": "rooms:\n  kitchen: null\n",
    });
  });

  it("a list of elements cannot say that an inherited one is gone", async () => {
    const files = { ...base, "prod/settings.yaml": "rooms:\n  - { id: lab, setpoint: 18 }\n" };
    expect(await ask({ files, settings: { "/rooms/kitchen": undefined } })).toMatchObject({
      edited: {},
      errors: [{ code: "DOCUMENT_UNREPRESENTABLE", hint: expect.stringContaining("map by `id`") as string }],
    });
  });

  it("a set gets what is new; what a lower layer has cannot be taken away above it", async () => {
    const files = { ...base, "prod/settings.yaml": "tags: [c, d] # more\n" };
    expect((await ask({ files, settings: { "/tags": ["e", "b", "d", "a"] } })).edited).toEqual({
      "prod/settings.yaml": "tags: [d, e] # more\n",
    });
    expect((await ask({ files, settings: { "/tags": ["a"] } })).errors).toMatchObject([
      { code: "DOCUMENT_UNREPRESENTABLE" },
    ]);
    expect(
      (await ask({ files: base, settings: { "/tags": ["b"] }, layer: "base" })).edited["base/settings.yaml"],
    ).toContain("\ntags: [b]\n");
  });

  it("an ordered list is overridden whole, once", async () => {
    expect((await ask({ files: base, settings: { "/steps/1": 5, "/steps/2": undefined } })).edited).toEqual({
      "prod/settings.yaml": "steps:\n  - 1\n  - 5\n",
    });
  });
});

describe("whole values", () => {
  it("are written as the difference to what is below", async () => {
    const files = { "base/settings.yaml": 'pool: { min: 2, max: 10, name: "${site}" }\n' };
    expect((await ask({ files, settings: { "/pool": { max: 11, name: "north" } } })).edited).toEqual({
      "prod/settings.yaml": "pool:\n  min: null\n  max: 11\n",
    });
  });

  it("that git does not know are new in the environment", async () => {
    const files = { "base/settings.json": '{\n  "a": 1\n}\n' };
    expect((await ask({ files, settings: { "/b/c": 1 } })).edited).toEqual({
      "prod/settings.json": '{\n  "b": {\n    "c": 1\n  }\n}\n',
    });
    expect(
      (await ask({ target: "host", files: { "base/host/a.env": "A=1\n" }, settings: { "/motd": "hi\n" } })).edited,
    ).toEqual({
      "prod/host/motd": "hi\n",
    });
  });

  it("of null are refused: in a merge patch it takes away", async () => {
    const files = { "base/settings.yaml": "a: 1\n" };
    expect(await ask({ files, settings: { "/a": null } })).toMatchObject({
      edited: {},
      errors: [{ code: "DOCUMENT_UNREPRESENTABLE", hint: expect.stringContaining("JSON Patch") as string }],
    });
  });
});

describe("a JSON Patch", () => {
  const base = { "base/settings.yaml": "a: { b: 1, c: 2 }\nd: 3\n" };

  it("keeps its form: the operation's value changes", async () => {
    const files = {
      ...base,
      "prod/settings.patch.yaml":
        "- { op: replace, path: /a/b, value: 5 } # five\n- { op: add, path: /e, value: { f: 1 } }\n",
    };
    expect(await ask({ files, settings: { "/a/b": 6, "/e/f": 2 } })).toMatchObject({
      edited: {
        "prod/settings.patch.yaml":
          "- { op: replace, path: /a/b, value: 6 } # five\n- { op: add, path: /e, value: { f: 2 } }\n",
      },
      places: ["prod/settings.patch.yaml:1", "prod/settings.patch.yaml:2"],
    });
  });

  it("that does not say the value is refused", async () => {
    const files = {
      ...base,
      "prod/settings.patch.yaml": "- { op: copy, from: /d, path: /a/b }\n- { op: add, path: /e, value: 1 }\n",
    };
    const { edited, errors } = await ask({ files, settings: { "/a/b": 6, "/e": undefined } });
    expect(edited).toEqual({});
    expect(errors).toMatchObject([
      { code: "DOCUMENT_UNREPRESENTABLE", where: { file: "environments/prod/settings.patch.yaml", line: 1 } },
      { code: "DOCUMENT_UNREPRESENTABLE", where: { file: "environments/prod/settings.patch.yaml" } },
    ]);
  });
});

describe("variables and secrets", () => {
  const base = {
    "base/settings.yaml":
      "url: http://${site}/\nworkers: ${workers}\npin: x${secret:pin}\nlicense: abc\ndb_password: x\n",
  };

  it("a value made from a variable becomes the literal one, in the environment only", async () => {
    expect((await ask({ files: base, settings: { "/url": "http://east/", "/workers": 9 } })).edited).toEqual({
      "prod/settings.yaml": "url: http://east/\nworkers: 9\n",
    });
  });

  it("what looks like a reference is escaped", async () => {
    const text = "${site} $${site} ${HOME} $$${workers}";
    expect(await ask({ files: base, settings: { "/url": text } })).toMatchObject({
      edited: {
        "prod/settings.yaml": expect.stringContaining("$${site} $$${site} ${HOME} $$$${workers}") as string,
      },
      errors: [],
    });
  });

  it("sensitive settings and those made from secrets are refused, without their values", async () => {
    const settings = {
      "/pin": "hunter2",
      "/license": "hunter2",
      "/db_password": "hunter2",
      "/url": "http://u:hunter2@h/",
    };
    const { edited, errors } = await ask({ files: base, settings });
    expect(edited).toEqual({});
    expect(errors).toHaveLength(4);
    for (const error of errors) {
      expect(error).toMatchObject({
        code: "DOCUMENT_UNREPRESENTABLE",
        where: { file: "environments/base/settings.yaml" },
      });
      expect(JSON.stringify([error.message, error.hint])).not.toContain("hunter2");
    }
  });
});

describe("anchors", () => {
  it("a setting that comes by an alias or a merge gets a value of its own", async () => {
    const text = "a: &a { x: 1, y: 2 }\nb:\n  <<: *a\nc: *a\n";
    const files = { "prod/settings.yaml": text };
    expect((await ask({ files, settings: { "/b/x": 5 } })).edited).toEqual({
      "prod/settings.yaml": "a: &a { x: 1, y: 2 }\nb:\n  <<: *a\n  x: 5\nc: *a\n",
    });
    expect((await ask({ files, settings: { "/c/x": 5 } })).edited["prod/settings.yaml"]).toContain(
      "a: &a { x: 1, y: 2 }\nb:\n  <<: *a\nc:\n",
    );
  });
});

describe("what is wrong in the request", () => {
  it("is said: the target, the layer", async () => {
    const files = { "base/settings.yaml": "a: 1\n" };
    await expect(ask({ files, target: "setings", settings: {} })).rejects.toThrow(/prod has no target `setings`/);
    await expect(ask({ files, layer: "bse", settings: {} })).rejects.toThrow(/prod has no layer `bse`/);
  });
});
