#!/usr/bin/env node
import { program } from "./program.js";
import { exitWith } from "./exit.js";

try {
  await program().parseAsync(process.argv);
} catch (error) {
  await exitWith(error, process.argv.includes("--verbose"));
}
