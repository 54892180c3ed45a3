import { compare } from "../core/compare.js";
import { blastRefusal } from "../core/guards.js";
import { code } from "../proposals/text.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";

/** What a person should know besides the settings that change: how, and how much at once, they are applied. In Markdown. */
export function notesOf(before: RenderedEnvironment, after: RenderedEnvironment): readonly string[] {
  const { name } = after;
  const [old, now] = [readyTargets(before), readyTargets(after)];
  const settled = [...before.targets, ...after.targets].flatMap((target) => ("error" in target ? [target.name] : []));
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((target) => !settled.includes(target));
  const warned = new Set(before.warnings);
  return [
    ...names.flatMap((target) => ofTarget(after, { name: target, before: old.get(target), after: now.get(target) })),
    ...(after.sync === before.sync ? [] : [`\`sync\` is ${code(after.sync)} then.`]),
    ...(after.prune === before.prune ? [] : [`\`prune\` is ${code(String(after.prune))} then.`]),
    ...(after.sync === "auto" ? [] : [`What is pending waits for ${code(`trueup sync ${name}`)}.`]),
    ...after.warnings.filter((warning) => !warned.has(warning)).map((warning) => `${code(warning, WARNING)}.`),
  ];
}

const WARNING = 400;

interface Sides {
  readonly name: string;
  readonly before: ReadyTarget | undefined;
  readonly after: ReadyTarget | undefined;
}

function ofTarget(environment: RenderedEnvironment, { name, before, after }: Sides): readonly string[] {
  const target = code(name);
  if (after === undefined) return [`The target ${target} is not Trueup's any more: what is live stays.`];
  if (before === undefined) return [`The target ${target} is new.`];
  const refusal = blast(environment, before, after);
  return [
    ...(reachOf(before) === reachOf(after)
      ? []
      : [`The target ${target} is another place then: what it reaches changes.`]),
    ...(refusal === undefined
      ? []
      : [`In ${target} ${refusal}: it needs ${code(`trueup sync ${environment.name}/${name} --confirm`)}.`]),
  ];
}

/** As the next pass would judge it, were the target in sync with the branch now. */
function blast(environment: RenderedEnvironment, before: ReadyTarget, after: ReadyTarget): string | undefined {
  const { findings, managed } = compare({
    ...{ lastApplied: before.document, live: before.document, desired: after.document },
    ...{ lists: after.lists, prune: environment.prune, exclusive: after.exclusive },
  });
  const planned = findings.filter(({ kind }) => kind === "pending");
  return blastRefusal(planned, managed, environment.policy.guards.blastRadius);
}

function reachOf({ kindName, spec }: ReadyTarget): string {
  return JSON.stringify([kindName, spec], (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}

function readyTargets({ targets }: RenderedEnvironment): ReadonlyMap<string, ReadyTarget> {
  return new Map(targets.flatMap((target) => ("error" in target ? [] : [[target.name, target]])));
}
