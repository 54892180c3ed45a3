#!/usr/bin/env node
import { program } from "./program.js";
import { exitWith } from "./exit.js";

const root = program();
try {
  await root.parseAsync(process.argv);
} catch (error) {
  const { output } = root.opts<{ output?: string }>();
  await exitWith(error, { verbose: process.argv.includes("--verbose"), annotate: output === "github" });
}
