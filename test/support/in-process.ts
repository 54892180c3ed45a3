import { vi } from "vitest";
import { exitWith } from "../../src/cli/exit.js";
import { program } from "../../src/cli/program.js";

/** Runs a command in this process, with every line of its log, and returns all that it said on both streams. */
export async function said(...args: string[]): Promise<string> {
  let text = "";
  const write = (chunk: unknown, ...more: unknown[]): boolean => {
    text += String(chunk);
    const done = more.at(-1);
    if (typeof done === "function") (done as () => void)();
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write").mockImplementation(write));
  try {
    await program().parseAsync(["node", "trueup", "--verbose", ...args]);
  } catch (error) {
    await exitWith(error, { verbose: true, annotate: true });
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.exitCode = undefined;
  }
  return text;
}
