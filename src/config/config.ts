import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { type Place, TrueupError } from "../core/errors.js";
import { type ForgeSpec, forgeSchema } from "../forges/registry.js";
import { isFolder } from "../git/remote.js";
import { isList, isMap, mapOf, type Value } from "../core/value.js";
import { durationSchema } from "../lib/duration.js";
import { secretSourceSchema, type SecretSourceSpec } from "../secrets/registry.js";
import { check, type CheckedFile, parseChecked } from "./checked.js";
import { type NotifierConfig, readNotifiers } from "./notifiers.js";
import { type ProbeConfig, readProbes } from "./probes.js";
import { readReports, type ReportConfig, reportSchema } from "./reports.js";
import { rooted } from "./rooted.js";
import { type WebhookConfig, webhookSchema } from "./webhooks.js";

/** `trueup.yaml`: the operator's file, and the trust boundary. Paths in it are relative to its folder. */
const environmentSchema = z.strictObject({
  branch: z.string().min(1).optional(),
  connections: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  probes: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  secrets: z.array(secretSourceSchema).default([]),
});

const configSchema = z.strictObject({
  repository: z.strictObject({
    url: z.string().min(1),
    path: z.string().default("."),
    token: z.string().min(1).optional(),
    username: z.string().min(1).optional(),
    /** An allowed-signers file (ssh-keygen(1), ALLOWED SIGNERS): commits must be signed by one of them. */
    signers: z.string().min(1).optional(),
  }),
  interval: durationSchema.default(60_000),
  store: z.string().min(1).optional(),
  stateDirectory: z.string().min(1).default(".trueup"),
  /** How many targets are read or written at the same time. */
  concurrency: z.int().min(1).max(1_000).default(16),
  environments: z.record(z.string(), environmentSchema),
  /** What the controller writes by itself, by the clock. */
  reports: z.array(reportSchema).default([]),
  forge: forgeSchema,
  /** What promotions ask for its word, by the name that policies give as `webhook`. */
  webhooks: z.record(z.string(), webhookSchema).default({}),
  notifiers: z.array(z.record(z.string(), z.unknown())).default([]),
});

export interface EnvironmentConfig {
  readonly name: string;
  readonly branch: string;
  /** Not yet held against a schema: only the kind of the target that uses one knows what it may say. */
  readonly connections: Readonly<Record<string, Record<string, unknown>>>;
  readonly secrets: readonly SecretSourceSpec[];
  /** By the name that gates and roll-outs call them. */
  readonly probes: ReadonlyMap<string, ProbeConfig>;
}

export interface Config {
  /** As given on the command line. */
  readonly file: string;
  readonly folder: string;
  readonly repository: z.output<typeof configSchema>["repository"];
  readonly interval: number;
  readonly store: string | undefined;
  readonly stateDirectory: string;
  readonly concurrency: number;
  readonly environments: ReadonlyMap<string, EnvironmentConfig>;
  readonly reports: readonly ReportConfig[];
  readonly notifiers: readonly NotifierConfig[];
  /** Where drift is proposed. */
  readonly forge: ForgeSpec;
  readonly webhooks: ReadonlyMap<string, WebhookConfig>;
  readonly source: CheckedFile;
}

/** @throws TrueupError CONFIG_INVALID with the place. */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): Config {
  const path = resolve(file);
  if (!existsSync(path)) {
    throw new TrueupError("CONFIG_INVALID", `there is no ${file}`, {
      hint: "write one with `trueup init`, or name yours with --config",
    });
  }
  const read = readText(path, file);
  const raw = parseChecked(read, file, "CONFIG_INVALID");
  const source: CheckedFile = { ...raw, value: substitute(raw.value, { environment, place: raw.place, path: [] }) };
  const data = check(source, { schema: configSchema, code: "CONFIG_INVALID" });
  if (Object.keys(data.environments).length === 0) {
    throw new TrueupError("CONFIG_INVALID", "`environments` names no environment", {
      where: source.place(["environments"]),
    });
  }
  const folder = dirname(path);
  const at = (given: string) => (isAbsolute(given) ? given : resolve(folder, given));
  const { signers } = data.repository;
  const notifiers = readNotifiers(source, data.notifiers, { folder });
  return {
    file,
    folder,
    repository: {
      ...data.repository,
      url: isFolderUrl(data.repository.url) ? at(data.repository.url) : data.repository.url,
      ...(signers === undefined ? {} : { signers: at(signers) }),
    },
    interval: data.interval,
    store: data.store,
    stateDirectory: at(data.stateDirectory),
    concurrency: data.concurrency,
    environments: new Map(
      Object.entries(data.environments).map(([name, { branch, connections, secrets, probes }]) => [
        name,
        {
          ...{ name, branch: branch ?? name, connections: rootedConnections(connections, folder), secrets },
          probes: readProbes(source, probes, { at: ["environments", name, "probes"], folder }),
        },
      ]),
    ),
    notifiers,
    reports: readReports(source, data.reports, { folder, notifiers, environments: Object.keys(data.environments) }),
    forge: data.forge,
    webhooks: new Map(Object.entries(data.webhooks)),
    source,
  };
}

function readText(path: string, file: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new TrueupError("CONFIG_INVALID", `${file} cannot be read`, {
      cause: error,
      hint: "check the file's mode and owner",
    });
  }
}

function isFolderUrl(url: string): boolean {
  return !url.includes("://") && isFolder(url);
}

/** The keys of connections that are paths, whatever the kind. */
const PATHS = ["root", "ca", "cert", "key"] as const;

/** Paths in connections are relative to trueup.yaml, wherever the command is run. */
function rootedConnections(connections: EnvironmentConfig["connections"], folder: string) {
  return Object.fromEntries(
    Object.entries(connections).map(([name, connection]) => [name, rooted(connection, PATHS, folder)]),
  );
}

interface Substitution {
  readonly environment: NodeJS.ProcessEnv;
  readonly place: (path: readonly (string | number)[]) => Place;
  readonly path: readonly (string | number)[];
}

/** Puts the process environment's values in for `${NAME}`; `$${NAME}` is the literal. */
function substitute(value: Value, context: Substitution): Value {
  const { environment, place, path } = context;
  if (typeof value === "string") {
    return value.replaceAll(
      /\$(\$\{[A-Za-z_]\w*\})|\$\{([A-Za-z_]\w*)\}/g,
      (_, escaped: string | undefined, name: string) => {
        if (escaped !== undefined) return escaped;
        const found = environment[name];
        if (found !== undefined) return found;
        throw new TrueupError("CONFIG_INVALID", `the environment variable ${name} is not set`, {
          where: place(path),
          hint: `set ${name}, or write $\${${name}} for the literal text`,
        });
      },
    );
  }
  if (isList(value)) return value.map((item, index) => substitute(item, { ...context, path: [...path, index] }));
  if (!isMap(value)) return value;
  return mapOf(
    Object.entries(value).map(([key, item]) => [key, substitute(item, { ...context, path: [...path, key] })]),
  );
}
