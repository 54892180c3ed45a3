/**
 * What Trueup is compared with: the least code that reads the same systems with the same drivers and compares every setting.
 * No layers, no policies, no memory, no time-outs, no reconnecting, no pushes, and no proof that a read is whole: it knows
 * beforehand how many retained topics there are. Plain JavaScript, so that it also starts as cold as can be:
 * `node bench/bare.mjs world.json` prints how many settings differ.
 */
import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv, promisify } from "node:util";

const run = promisify(execFile);

/** One query; pg itself parses the jsonb. */
export async function readRows(client) {
  const { rows } = await client.query({ text: "SELECT key, value FROM app_settings", rowMode: "array" });
  return Object.fromEntries(rows);
}

/** Subscribes anew, which makes the broker send every retained topic again, and waits for as many as there are. */
export async function readTopics(client, { prefix, topics }) {
  const found = {};
  let left = topics;
  await new Promise((resolve, reject) => {
    const take = (topic, payload, { retain }) => {
      if (!retain) return;
      found[topic.slice(prefix.length + 1)] = scalar(payload.toString());
      left -= 1;
      if (left > 0) return;
      client.off("message", take);
      resolve();
    };
    client.on("message", take);
    client.subscribe(`${prefix}/#`, { qos: 0 }, (error) => error && reject(error));
  });
  return found;
}

/** Asks the broker for one retained topic: the least that shows that it still answers. */
export async function ping(client, topic) {
  await new Promise((resolve, reject) => {
    client.once("message", resolve);
    client.subscribe(topic, { qos: 0 }, (error) => error && reject(error));
  });
}

export function readFiles(folder, names, parsers) {
  return Object.fromEntries(
    names.map((name) => [name, parse(name, readFileSync(join(folder, name), "utf8"), parsers)]),
  );
}

/** One stat a file: whether it is as it was. */
export function statFiles(folder, names, known) {
  return names.filter((name) => {
    const { mtimeMs, size, ino } = statSync(join(folder, name));
    const now = `${mtimeMs} ${size} ${ino}`;
    const same = known.get(name) === now;
    known.set(name, now);
    return !same;
  });
}

export async function askGit(repository) {
  return (await run("git", ["ls-remote", "--heads", repository])).stdout;
}

export function parse(name, text, { yaml, toml }) {
  if (name.endsWith(".yaml")) return yaml(text);
  if (name.endsWith(".json")) return JSON.parse(text);
  if (name.endsWith(".toml")) return toml(text);
  if (name.endsWith(".env")) return parseEnv(text);
  return lines(text);
}

/** INI and properties, as far as the bench's own files go. */
function lines(text) {
  const result = {};
  let into = result;
  for (const line of text.split("\n")) {
    const section = /^\[(.*)\]$/.exec(line)?.[1];
    if (section !== undefined) into = result[section] = {};
    else if (/^[^#;]+=/.test(line))
      into[line.slice(0, line.indexOf("=")).trim()] = line.slice(line.indexOf("=") + 1).trim();
  }
  return result;
}

function scalar(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** How many leaves differ. */
export function differences(a, b) {
  if (typeof a !== "object" || a === null) return a === b ? 0 : 1;
  let count = 0;
  for (const key of Object.keys(a)) count += b === undefined ? 1 : differences(a[key], b[key]);
  return count;
}

async function parsersOf() {
  const [{ parse: yaml }, { parse: toml }] = await Promise.all([import("yaml"), import("smol-toml")]);
  return { yaml, toml };
}

async function rowsOf({ databaseUrl }) {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const rows = await readRows(client);
  await client.end();
  return rows;
}

async function topicsOf(world) {
  const { connectAsync } = await import("mqtt");
  const client = await connectAsync(world.brokerUrl, { protocolVersion: world.protocolVersion });
  const topics = await readTopics(client, world);
  await client.endAsync();
  return topics;
}

async function main(world, desiredFrom) {
  const [rows, topics, files, desired] = await Promise.all([
    rowsOf(world),
    topicsOf(world),
    parsersOf().then((parsers) => readFiles(world.host, world.files, parsers)),
    desiredFrom === "json" ? JSON.parse(readFileSync(world.desired, "utf8")) : desiredFromGit(world),
  ]);
  const count =
    differences(desired.settings, rows) + differences(desired.broker, topics) + differences(desired.host, files);
  process.stdout.write(`${count}\n`);
}

/** The same documents that Trueup renders: from the repository, one ls-remote and one archive, without layers. */
async function desiredFromGit({ repository, files }) {
  const [parsers] = await Promise.all([parsersOf(), askGit(repository)]);
  const folder = "environments/prod";
  const paths = ["settings.yaml", "broker.yaml", ...files.map((name) => `host/${name}`)];
  const input = paths.map((path) => `main:${folder}/${path}\n`).join("");
  const git = run("git", ["--git-dir", repository, "cat-file", "--batch"], { encoding: "buffer", maxBuffer: 2 ** 28 });
  git.child.stdin.end(input);
  const { stdout } = await git;
  const texts = new Map();
  let offset = 0;
  for (const path of paths) {
    const end = stdout.indexOf(10, offset);
    const size = Number(stdout.toString("latin1", offset, end).split(" ")[2]);
    texts.set(path, stdout.toString("utf8", end + 1, end + 1 + size));
    offset = end + size + 2;
  }
  const documentOf = (path) => parse(path, texts.get(path), parsers);
  return {
    settings: documentOf("settings.yaml"),
    broker: documentOf("broker.yaml"),
    host: Object.fromEntries(files.map((name) => [name, documentOf(`host/${name}`)])),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(JSON.parse(readFileSync(process.argv[2], "utf8")), process.argv[3]);
}
