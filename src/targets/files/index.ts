import { isAbsolute, join, sep } from "node:path";
import { z } from "zod";
import type { ListRules } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { type Document, mapOf } from "../../core/value.js";
import { oncePer } from "../../lib/once-per.js";
import type { AdmitRequest, Claim, Target, TargetKind } from "../target.js";
import { applyToFiles } from "./apply.js";
import { contentOf } from "./content.js";
import { segmentsOf } from "./names.js";
import { observer } from "./observe.js";
import type { Root } from "./place.js";
import { mayWriteFiles } from "./rights.js";
import { type Watching, watchFiles } from "./watch.js";
import { fileWriters } from "./writers.js";

const spec = z.strictObject({
  root: z.string().min(1).optional().describe("A folder below the connection's root, from which the files are named."),
  tags: z.literal("keep").optional().describe("Unknown YAML tags (!include, !secret) are opaque values, not errors."),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'permission bits in octal, such as "0640"')
    .optional()
    .describe("Permission bits of files that Trueup makes. A file that is there keeps its own."),
  write: z
    .enum(["replace", "in-place"])
    .optional()
    .describe("in-place: for programs that hold on to the old file, such as a container that mounts the single file."),
});

const connection = z.strictObject({
  root: z.string().min(1).describe("The folder that targets can reach; nothing outside of it is read or written."),
});

type Spec = z.infer<typeof spec>;
type Connection = z.infer<typeof connection>;

/** Configuration files below a root: the document's first level is the files' paths, the rest their trees. */
export const files: TargetKind<Spec, Connection> = {
  kind: "files",
  manyDocuments: true,
  spec,
  connection,
  admit,
  open: (options) => Promise.resolve(open(options)),
};

function admit({ spec, connection, document }: AdmitRequest<Spec, Connection>): readonly Claim[] {
  const { folder } = rootOf(connection, spec);
  normalize(document);
  const paths = Object.keys(document).map((name) => segmentsOf(name));
  const taken = new Set(paths.flatMap((path) => path.slice(1).map((_, index) => path.slice(0, index + 1).join("/"))));
  for (const path of paths) {
    const name = path.join("/");
    if (!taken.has(name)) continue;
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `"${name}" cannot be a file and a folder of other files`, {
      hint: "Rename one of them.",
    });
  }
  return paths.map((path) => ({
    system: "files",
    path: [...folder.split(sep).filter((part) => part !== ""), ...path],
  }));
}

function open(options: { spec: Spec; connection: Connection; lists: ListRules }): Target {
  const { spec, connection, lists } = options;
  const root = rootOf(connection, spec);
  const observing = observer(root, { tags: spec.tags });
  const watching = new Set<Watching>();
  return {
    capabilities: { prune: true, watch: true, atomic: false },
    normalize: oncePer(normalize),
    // Asynchronous in name only: a root on a network file system that hangs would hang the controller.
    observe: async (managed, signal) => {
      signal.throwIfAborted();
      for (const name of managed) segmentsOf(name);
      try {
        return await Promise.resolve(observing.observe(managed));
      } finally {
        for (const each of watching) each.refresh();
      }
    },
    apply: (changes, signal) =>
      applyToFiles(
        changes,
        {
          root,
          lists,
          tags: spec.tags,
          mode: spec.mode === undefined ? undefined : Number.parseInt(spec.mode, 8),
          inPlace: spec.write === "in-place",
        },
        signal,
      ),
    watch: async (moved, signal) => {
      const each = watchFiles(root, observing, { moved, signal });
      watching.add(each);
      try {
        await each.ended;
      } finally {
        watching.delete(each);
      }
    },
    lastWriters: async (paths, signal) => {
      signal.throwIfAborted();
      return Promise.resolve(fileWriters(root, paths));
    },
    mayWrite: (managed) => Promise.resolve(mayWriteFiles(root, managed)),
    close: () => Promise.resolve(),
  };
}

function normalize(document: Document): Document {
  return mapOf(
    Object.entries(document).map(([name, value]) => [name, contentOf(name, { file: name }).normalize(value)]),
  );
}

function rootOf(connection: Connection, spec: Spec): Root {
  const boundary = connection.root;
  if (!isAbsolute(boundary)) {
    throw new TrueupError("CONFIG_INVALID", `the root "${boundary}" of a files connection is not absolute`, {
      hint: "Write it as an absolute path.",
    });
  }
  return { boundary, folder: spec.root === undefined ? boundary : join(boundary, ...segmentsOf(spec.root)) };
}
