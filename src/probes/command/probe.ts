import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Probe, type ProbeContext, probeOf, type ProbeResult } from "../probe.js";
import type { CommandSpec } from "./spec.js";

const FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such program",
  EACCES: "it may not be run",
};

export function openCommand(spec: CommandSpec, context: ProbeContext): Probe {
  const why = (error: unknown) => FAULTS[codeOf(error)] ?? `it cannot be run (${codeOf(error)})`;
  return probeOf((signal) => ask(spec, context, signal), why, { timeout: spec.timeout, where: spec.run[0] });
}

/** What it says is not read: nobody knows what is secret in it. */
async function ask(
  { run: [program, ...args] }: CommandSpec,
  { folder, environment }: ProbeContext,
  signal: AbortSignal,
): Promise<ProbeResult> {
  // A group of its own, so that what a script started ends with it.
  const child = spawn(program, args, {
    ...{ cwd: folder, detached: true, stdio: "ignore" },
    env: { ...process.env, TRUEUP_ENVIRONMENT: environment },
  });
  const kill = () => {
    end(child.pid);
  };
  signal.addEventListener("abort", kill, { once: true });
  try {
    const [code, by] = (await once(child, "exit")) as [number | null, string | null];
    signal.throwIfAborted();
    return {
      healthy: code === 0,
      detail: `${program} ${code === null ? `was ended by ${by ?? "a signal"}` : `exited with ${code}`}`,
    };
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

function end(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
