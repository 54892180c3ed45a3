import { z } from "zod";
import { check, type CheckedFile, parseChecked } from "../config/checked.js";
import { type Place, TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import type { Gate } from "./gates/gate.js";
import { gateKinds } from "./gates/registry.js";
import { synced } from "./gates/synced.js";

/** More is a slip, and each is asked in every pass. */
const MOST_GATES = 100;

const hopSchema = z.strictObject({
  /** Whether it goes by itself once all gates have passed. */
  auto: z.boolean().default(false),
  merge: z.enum(["direct", "pull-request"]).default("pull-request"),
  gates: z.array(z.record(z.string(), z.unknown())).max(MOST_GATES).default([]),
});

const promotionSchema = z.strictObject({
  order: z.array(z.string().min(1)).min(2),
  /** Whether what was changed on a later branch is offered to the first one. */
  backport: z.boolean().default(true),
  /** By the environment that is promoted into. */
  into: z.record(z.string(), hopSchema).default({}),
});

const EXAMPLE =
  "it is written as `order: [dev, prod]`, and by environment `into: { prod: { auto: false, merge: pull-request, gates: [] } }`";

/** One step of the order: what is promoted from one environment into the next, and on which conditions. */
export interface Hop {
  readonly from: string;
  readonly to: string;
  readonly auto: boolean;
  readonly merge: "direct" | "pull-request";
  /** `synced` first: no policy can leave it out. */
  readonly gates: readonly Gate[];
  /** The first environment of the order, to whose branch hotfixes are offered back; absent: they are not. */
  readonly backport?: string;
  /** Where the order names them; absent: no policy does. */
  readonly places?: { readonly from: Place; readonly to: Place };
}

/** Where no policy says anything: by a person, a pull request, and nothing in front of it but what always is. */
export function bareHop(from: string, to: string): Hop {
  return { from, to, auto: false, merge: "pull-request", gates: [synced] };
}

export interface PromotionPolicy {
  readonly order: readonly string[];
  readonly hops: readonly Hop[];
}

/** Reads `policies/promotion.yaml`. @throws TrueupError POLICY_INVALID with the place */
export async function readPromotionPolicy(text: string, file: string): Promise<PromotionPolicy> {
  const source = parseChecked(text, file, "POLICY_INVALID");
  const { order, into, backport } = check(source, { schema: promotionSchema, code: "POLICY_INVALID", hint: EXAMPLE });
  order.forEach((name, index) => {
    if (order.indexOf(name) === index) return;
    throw new TrueupError("POLICY_INVALID", `\`${name}\` stands twice in the order`, {
      where: source.place(["order", index]),
      hint: "a revision travels through each environment once",
    });
  });
  const [first, ...later] = order;
  for (const name of Object.keys(into)) {
    if (later.includes(name)) continue;
    const isFirst = name === first;
    throw new TrueupError(
      "POLICY_INVALID",
      isFirst ? `nothing is promoted into ${name}` : `\`${name}\` is not in the order`,
      {
        where: source.place(["into", name]),
        hint: isFirst ? "it is the first of the order" : suggestion(name, later),
      },
    );
  }
  const hops = later.map(async (to, index): Promise<Hop> => {
    const { auto, merge, gates } = hopSchema.parse(Object.hasOwn(into, to) ? into[to] : {});
    const opened = await Promise.all(
      gates.map((spec, position) => openGate(spec, { source, path: ["into", to, "gates", position] })),
    );
    distinct(opened, { source, path: ["into", to, "gates"] });
    const places = { from: source.place(["order", index]), to: source.place(["order", index + 1]) };
    const hop = { from: order[index] ?? "", to, auto, merge, gates: [synced, ...opened], places };
    return backport && first !== undefined ? { ...hop, backport: first } : hop;
  });
  return { order, hops: await Promise.all(hops) };
}

/** It is written on the command line, and on a forge. */
const gateName = z.string().regex(/^[A-Za-z0-9][\w.-]{0,63}$/, "expected at most 64 letters, digits, `-`, `_` and `.`");

interface At {
  readonly source: CheckedFile;
  readonly path: readonly (string | number)[];
}

async function openGate(spec: Readonly<Record<string, unknown>>, { source, path }: At): Promise<Gate> {
  const kinds = gateKinds.map(({ kind }) => kind);
  const [kind = "", ...others] = Object.keys(spec).filter((key) => key !== "name");
  const found = gateKinds.find((candidate) => candidate.kind === kind);
  if (found === undefined) {
    throw new TrueupError("POLICY_INVALID", kind === "" ? "a gate says nothing" : `there is no gate \`${kind}\``, {
      where: source.place([...path, kind]),
      hint: suggestion(kind, kinds),
    });
  }
  const [other] = others;
  if (other !== undefined) {
    throw new TrueupError("POLICY_INVALID", `a gate is one thing: \`${kind}\` and \`${other}\` are two`, {
      where: source.place([...path, other]),
      hint: `begin another gate with \`- ${other}:\``,
    });
  }
  const at = [...path, kind];
  const [code, hint] = ["POLICY_INVALID", `it is written as \`- ${found.example}\``] as const;
  const checked = check(source, { schema: found.schema, code, value: spec[kind], at, hint });
  const gate = await found.open(checked, { source, path: at });
  if (spec.name === undefined) return gate;
  const naming = { schema: gateName, code, value: spec.name, at: [...path, "name"], hint: NAMED };
  return { ...gate, name: check(source, naming) };
}

const NAMED = "a gate is waived by it: `trueup promote … --waive NAME --because …`";

/** What stands in front of every hop. */
const ALWAYS: readonly string[] = [synced.name, "validation"];

/** A gate is waived by its name. */
function distinct(gates: readonly Gate[], { source, path }: At): void {
  gates.forEach(({ name }, index) => {
    if (gates.findIndex((gate) => gate.name === name) === index && !ALWAYS.includes(name)) return;
    throw new TrueupError("POLICY_INVALID", `the gate \`${name}\` is there twice`, {
      where: source.place([...path, index]),
      hint: "write both conditions into one, or give one of them another `name`",
    });
  });
}
