import { type ChildProcess, execFile, spawn } from "node:child_process";
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

// Debian and Homebrew put the server where an ordinary user's PATH does not look.
const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];
const find = (name: string) => folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
const mosquitto = find("mosquitto");

/** Why suites that need mosquitto cannot run here: `describe.skipIf(mosquittoUnavailable !== undefined)`. */
export const mosquittoUnavailable = mosquitto === undefined ? "mosquitto is not installed" : undefined;
/** Why suites that need a certificate cannot run here. */
export const opensslUnavailable = find("openssl") === undefined ? "the openssl command is not installed" : undefined;

export interface MosquittoOptions {
  readonly users?: Readonly<Record<string, string>>;
  /** The lines of an ACL file, e.g. `user reader`, `topic read predictor/#`. */
  readonly acl?: readonly string[];
  readonly tls?: boolean;
  /** Keep retained messages over `stop` and `start`. Default true. */
  readonly persistence?: boolean;
  /** `false` leaves mosquitto's own bounds, which drop retained messages past about a thousand. Default true. */
  readonly unlimited?: boolean;
}

export interface Mosquitto {
  readonly url: string;
  readonly port: number;
  /** The certificate that clients must trust, where `tls` is on. */
  readonly caFile: string | undefined;
  /** Ends the process; `start` brings it back on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** It goes on listening and answers nothing, until thawed. */
  freeze(): void;
  thaw(): void;
  /** Ends the process and removes its folder. */
  close(): Promise<void>;
}

/** A mosquitto process of the test's own, on a free port of loopback. */
export async function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const { users, acl, tls = false, persistence = true, unlimited = true } = options;
  const binary = mosquitto;
  if (binary === undefined) throw new Error(mosquittoUnavailable);
  const folder = await mkdtemp(join(tmpdir(), "trueup-mosquitto-"));
  const port = await freePort();
  const file = (name: string) => join(folder, name);
  const config = [
    `listener ${port} 127.0.0.1`,
    "set_tcp_nodelay true",
    `allow_anonymous ${users === undefined}`,
    `persistence ${persistence}`,
    `persistence_location ${folder}/`,
    // Started as root it would become another user, who cannot read this folder.
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    ...(unlimited ? ["max_queued_messages 0"] : []),
  ];
  if (users !== undefined) {
    await writeFile(file("passwords"), Object.entries(users).map(passwordLine).join(""));
    config.push(`password_file ${file("passwords")}`);
  }
  if (acl !== undefined) {
    await writeFile(file("acl"), `${acl.join("\n")}\n`);
    config.push(`acl_file ${file("acl")}`);
  }
  if (tls) {
    await makeCertificate(folder);
    config.push(`certfile ${file("server.crt")}`, `keyfile ${file("server.key")}`);
  }
  await writeFile(file("mosquitto.conf"), `${config.join("\n")}\n`);

  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(binary, ["-c", file("mosquitto.conf")], { stdio: ["ignore", "ignore", "pipe"] });
    guard(child, folder);
    let log = "";
    child.stderr?.on("data", (chunk: Buffer) => (log += chunk.toString()));
    const deadline = Date.now() + 10_000;
    while (!(await accepts(port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`mosquitto did not start: ${log}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const stop = async () => {
    const running = child;
    child = undefined;
    if (running?.exitCode !== null) return;
    const exited = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGCONT");
    running.kill("SIGTERM");
    await exited;
  };
  await start();
  return {
    url: `${tls ? "mqtts://localhost" : "mqtt://127.0.0.1"}:${port}`,
    port,
    caFile: tls ? file("server.crt") : undefined,
    start,
    stop,
    freeze: () => child?.kill("SIGSTOP"),
    thaw: () => child?.kill("SIGCONT"),
    async close() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A shell that waits for the end of its input, which is the end of this process, however it came (vitest kills its workers),
 * and then ends the broker and removes its folder.
 */
function guard(broker: ChildProcess, folder: string): void {
  const script = 'read -r _; kill -KILL "$1"; rm -rf "$2"';
  const shell = spawn("sh", ["-c", script, "sh", String(broker.pid), folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  shell.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  broker.once("exit", () => shell.kill("SIGKILL"));
}

/** mosquitto's own password format: PBKDF2 with SHA-512, iterations, salt, hash. */
function passwordLine([user, password]: [string, string]): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, 101, 64, "sha512");
  return `${user}:$7$101$${salt.toString("base64")}$${hash.toString("base64")}\n`;
}

async function makeCertificate(folder: string): Promise<void> {
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"];
  const output = ["-keyout", join(folder, "server.key"), "-out", join(folder, "server.crt")];
  await run("openssl", ["req", "-x509", "-nodes", "-newkey", "rsa:2048", ...subject, ...output]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
