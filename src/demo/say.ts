import { paint } from "../cli/output/paint.js";

export function chapter(title: string): void {
  process.stdout.write(`\n${paint("bold", title)}\n`);
}

export function say(line: string): void {
  process.stdout.write(`  ${line}\n`);
}
