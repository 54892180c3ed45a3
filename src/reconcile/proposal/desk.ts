import { createHash } from "node:crypto";
import type { Pointer } from "../../core/pointer.js";
import type { Proposal, ProposalStep, Proposed } from "../../core/proposal.js";
import type { Command, Forge, PullRequest } from "../../forges/forge.js";
import { readJson, stringifyJson } from "../../lib/json.js";
import type { NewEvent } from "../../store/store.js";
import type { TargetPass } from "../pass.js";
import type { ReportedFinding } from "../report.js";

/** What the store keeps of a target's drift pull request. */
export interface Kept extends Proposal {
  /** The revision that its branch stands on. */
  readonly base: string;
  /** ISO 8601, by setting: since when it is proposed. */
  readonly since: Readonly<Record<Pointer, string>>;
  readonly number?: number;
  readonly url?: string;
  /** What was pushed to its branch. */
  readonly commit?: string;
  readonly stuck?: Stuck;
  readonly asked?: Asked;
  /** The layer that was asked for when it was written. */
  readonly layer?: string;
}

/** What people asked for in comments on it. */
export interface Asked {
  /** The commands that were done last: what came before is done, too. */
  readonly heard?: { readonly at: string; readonly ids: readonly string[] };
  /** Markdown that is to be sent: what the command asks for is done. */
  readonly answer?: { readonly to: string; readonly text: string };
  /** The layer to write to, in place of the environment's own. */
  readonly layer?: string;
}

/** Why this drift cannot be proposed: not tried again until it changes, or git does. */
export interface Stuck {
  /** The drift, as `markerOf` names it. */
  readonly drift: string;
  readonly revision: string;
  /** A sentence for a person. */
  readonly reason: string;
  /** ISO 8601: tried again then at the latest. Absent: it depends on nothing else. */
  readonly until?: string;
}

/** The place of one target's pull request: its branch, and what the store says of it. */
export interface Desk {
  readonly head: string;
  readonly known: Kept | undefined;
  keep(kept: Kept, event?: ProposalEvent): Promise<void>;
  forget(event?: ProposalEvent): Promise<void>;
}

export interface ProposalEvent {
  readonly type: string;
  readonly message: string;
  /** For the log. */
  readonly hint?: string | undefined;
}

/** An open pull request on which people gave commands. */
export interface Heard {
  readonly pull: PullRequest;
  readonly known: Kept;
  /** Oldest first; not one is answered. */
  readonly comments: readonly Command[];
  /** Of the target now. */
  readonly findings: readonly ReportedFinding[];
}

/** What is to be done about a target's pull request, and what that was concluded from. */
export interface Weighed {
  readonly desk: Desk;
  readonly forge: Forge;
  readonly drift: Proposed;
  readonly proposable: readonly ReportedFinding[];
  /** All of the target now. */
  readonly findings: readonly ReportedFinding[];
  readonly pull: PullRequest | undefined;
  readonly step: Exclude<ProposalStep, { readonly do: "nothing" }> | { readonly do: "heed"; readonly heard: Heard };
}

/** As much of a pass as a desk needs. */
export type DeskPass = Pick<TargetPass, "session" | "proposal" | "signal"> & {
  readonly environment: Pick<TargetPass["environment"], "name" | "revision">;
};

export function openDesk(pass: DeskPass, target: string): Desk {
  const { session, environment, proposal } = pass;
  const { name, revision } = environment;
  const store = async () => (await session.store()).proposals;
  const newEvents = (event: ProposalEvent | undefined): NewEvent[] => {
    if (event === undefined) return [];
    const { type, message } = event;
    return [{ environment: name, target, revision, type, message }];
  };
  const log = (event: ProposalEvent | undefined): void => {
    if (event === undefined) return;
    const { type, message, hint } = event;
    const level = type === "unproposable" ? "warn" : "info";
    session.log[level]({ environment: name, target, event: type, ...(hint === undefined ? {} : { hint }) }, message);
  };
  return {
    head: headOf(name, target),
    known: readProposal(proposal),
    async keep(kept, event) {
      const text = stringifyJson(kept as unknown as Parameters<typeof stringifyJson>[0]);
      await (await store()).save(name, target, { proposal: text, events: newEvents(event) });
      log(event);
    },
    async forget(event) {
      await (await store()).remove(name, target, newEvents(event));
      log(event);
    },
  };
}

/** The branch of a target's drift pull request. */
export function headOf(environment: string, target: string): string {
  return `trueup/drift/${environment}/${target}`;
}

/** What was kept by a desk. */
export function readProposal(text: string | undefined): Kept | undefined {
  return text === undefined ? undefined : (readJson(text) as unknown as Kept);
}

/** By which a pull request is known whose number was lost in a crash. */
export function markerOf(settings: Proposed): string {
  const text = Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flat()
    .join("\0");
  return `<!-- trueup:${plainHash(text).slice(0, 16)} -->`;
}

/** Without a key, unlike elsewhere: nothing sensitive is proposed, and a controller with another key shall know it again. */
export function plainHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
