import type { TrueupError } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import { COMMANDS } from "./command.js";
import { code } from "./text.js";

/** What came of one setting, as a sentence about it. */
export interface SettingAnswer {
  readonly path: Pointer;
  readonly said: string;
}

export interface ExplainedSetting {
  readonly path: Pointer;
  readonly kind: string;
  readonly severity: string;
  readonly actions: readonly string[];
  readonly rule: string;
  readonly rules: readonly { readonly name: string; readonly where: string; readonly said: string }[];
  /** What holds the policy's actions back. */
  readonly note?: string | undefined;
}

/** GitHub takes 65,536 characters; a longer list is read by nobody. */
const SETTINGS = 50;
const EXPLAINED = 10;
const SENTENCE = 500;

/**
 * A comment that answers a command, in Markdown. It quotes the command, and so never begins with one itself. Everything from
 * outside stands in `<code>`: see text.ts.
 */
export function answerTo({ author, text }: { author: string; text: string }, answer: string): string {
  return `> ${code(`/trueup ${text}`)} ${code(author)}\n\n${answer}`;
}

export function refusal({ message, hint }: Pick<TrueupError, "message" | "hint">): string {
  return [`Nothing is done: ${said(message)}`, ...(hint === undefined ? [] : [said(hint)]), "", help()].join("\n");
}

export function help(): string {
  const lines = COMMANDS.map(([how, what]) => `- ${code(how)} ${what}`);
  return [...lines, "", "Without a setting, all of this pull request are meant."].join("\n");
}

export function held(
  paths: readonly Pointer[],
  { owner, reason, until }: { owner: string; reason: string; until: string },
): string {
  const answer = `Held until ${code(until)} for ${code(owner)}: ${said(reason)}. What is held leaves this pull request.`;
  return [answer, "", ...bullets(paths.map((path) => code(path)))].join("\n");
}

export function reverted(settings: readonly SettingAnswer[]): string {
  return bullets(settings.map(({ path, said: what }) => `${code(path)}: ${said(what)}`)).join("\n");
}

export function layered(layer: string, left: readonly SettingAnswer[]): string {
  const others = left.map(({ path, said: why }) => `${code(path)}: ${said(why)}`);
  return [
    `The next pass writes the live values into the layer ${code(layer)}.`,
    ...(others.length === 0 ? [] : ["", "Not these:", "", ...bullets(others)]),
  ].join("\n");
}

export function explained(
  settings: readonly ExplainedSetting[],
  { guards, holds }: { guards: readonly string[]; holds: readonly SettingAnswer[] },
): string {
  const more = settings.length - EXPLAINED;
  return [
    ...settings.slice(0, EXPLAINED).flatMap(ruling),
    ...(settings.length === 0 ? ["Nothing of this pull request differs any more.", ""] : []),
    ...(more > 0 ? [`… and ${more} more: name one.`, ""] : []),
    "Guards:",
    "",
    ...guards.map((guard) => `- ${said(guard)}`),
    "",
    ...(holds.length === 0 ? ["Nothing of the target is held."] : ["Holds:", ""]),
    ...bullets(holds.map(({ path, said: what }) => `${path === "" ? "the whole target" : code(path)}: ${said(what)}`)),
  ].join("\n");
}

function ruling({ path, kind, severity, actions, rule, rules, note }: ExplainedSetting): readonly string[] {
  const does = actions.length === 0 ? "nothing is done" : actions.join(", ");
  return [
    `${code(path)} is ${kind}, ${severity}: ${does}. The rule ${code(rule)} decides.`,
    ...(note === undefined ? [] : [said(note)]),
    ...(rules.length === 0
      ? []
      : [
          "",
          "| rule | written in | what it says |",
          "| --- | --- | --- |",
          ...rules.map(({ name, where, said: what }) => `| ${code(name)} | ${code(where)} | ${said(what)} |`),
        ]),
    "",
  ];
}

function bullets(lines: readonly string[]): readonly string[] {
  const more = lines.length - SETTINGS;
  return [...lines.slice(0, SETTINGS).map((line) => `- ${line}`), ...(more > 0 ? [`- … and ${more} more`] : [])];
}

/** A sentence that may name what people wrote. */
function said(text: string): string {
  return code(text, SENTENCE);
}
