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
function ask({ files, settings, target = "settings", layer }: Ask) {
  const named = Object.entries({
    "base/environment.yaml": BASE,
    "prod/environment.yaml": "layers: [base]\n",
    ...files,
  }).map(([file, text]) => [`environments/${file}`, text] as const);
  const result = writeBack({
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
  it("into the file of the environment that owns it, on its line", () => {
    const result = ask({
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

  it("as an override where the environment inherits it, in a file like the lower one's", () => {
    expect(
      ask({
        files: { "base/settings.yaml": "pool: { min: 2, max: 10 }\n", "prod/settings.yaml": "log: info\n" },
        settings: { "/pool/max": 50 },
      }).edited,
    ).toEqual({ "prod/settings.yaml": "log: info\npool:\n  max: 50\n" });
    expect(
      ask({
        target: "host",
        files: { "base/host/app.toml": "[server]\nport = 80\nhost = 'x' # y\n" },
        settings: { "/app.toml/server/port": 81 },
      }),
    ).toMatchObject({
      edited: { "prod/host/app.toml": "[server]\nport = 81\n" },
      places: ["prod/host/app.toml:2"],
    });
  });

  it("into the lower layer, where that is asked for", () => {
    const files = {
      "base/settings.yaml": "a: 1 # one\nb: 2\n",
      "prod/settings.yaml": "b: 3\n",
    };
    const { edited, errors } = ask({ files, settings: { "/a": 5, "/b": 6 }, layer: "base" });
    expect(edited).toEqual({ "base/settings.yaml": "a: 5 # one\nb: 2\n" });
    expect(errors).toMatchObject([
      { code: "ENVIRONMENT_INVALID", where: { file: "environments/prod/settings.yaml", line: 1 } },
    ]);
  });
});
