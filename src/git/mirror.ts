import PQueue from "p-queue";
import { git, GitExit, type Place } from "./command.js";
import { explain, mayBeMirror, mayBeMirrorAtFetch } from "./failure.js";
import { buildMirror, fetchMirror, fetchOne, housekeep, isMirror, listLocal, listRemote, type Refs } from "./fetch.js";
import { removeStaleLocks } from "./locks.js";
import { type Move, push } from "./push.js";

/**
 * A bare copy of the remote's branches and tags. It is a cache: where it proves broken it is made anew from the remote.
 * Two processes may share one; git's own locks keep their fetches apart.
 */
export interface Mirror {
  /** As of the last refresh, without asking git. */
  readonly refs: Refs;
  /** One `ls-remote`, and a fetch where a reference moved. Calls run one after the other. Returns what it had before. */
  refresh(signal: AbortSignal): Promise<{ before: Refs; after: Refs }>;
  /** Brings what a reference of the remote leads to, though no branch or tag does. Nothing refers to it afterwards. */
  bring(ref: string, signal: AbortSignal): Promise<void>;
  /** A command that needs nothing but the mirror; it is run once more, on a new mirror, where it failed. */
  local<T>(command: (place: Place) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Moves a branch of the remote to a commit that the mirror has, or removes it, and follows. @throws as `push` does */
  push(move: Move, signal: AbortSignal): Promise<void>;
}

/** An object that must be in the mirror is not. */
export class Broken extends Error {}

/** Opens what is there, without asking the remote. @throws TrueupError GIT_FAILED where the folder holds something else. */
export async function openMirror(place: Place, signal: AbortSignal): Promise<Mirror> {
  const state = { usable: await isMirror(place), generation: 0, refs: new Map() as Refs };
  const queue = new PQueue({ concurrency: 1 });

  if (state.usable) {
    await removeStaleLocks(place.folder);
    try {
      state.refs = await listLocal(place, signal);
    } catch (error) {
      if (!(error instanceof GitExit)) throw error;
      state.usable = false;
    }
  }

  async function build(advertised: Refs, stop: AbortSignal): Promise<void> {
    state.refs = await buildMirror(place, advertised, stop);
    state.usable = true;
    state.generation += 1;
  }

  async function update(stop: AbortSignal): Promise<void> {
    const advertised = await listRemote(place, stop);
    if (!state.usable) {
      await build(advertised, stop);
    } else if (!same(advertised, state.refs)) {
      try {
        await fetchMirror(place, stop);
        await housekeep(place, stop);
        state.refs = await listLocal(place, stop);
      } catch (error) {
        if (!mayBeMirrorAtFetch(error)) throw error;
        await build(advertised, stop);
      }
    }
  }

  /** Where it fails, the next refresh follows: the remote has taken the commit. */
  async function follow({ branch, from, to }: Move, stop: AbortSignal): Promise<void> {
    const ref = `refs/heads/${branch}`;
    try {
      const refs = new Map(state.refs);
      if (to === undefined) {
        await git(place, ["update-ref", "-d", ref], stop);
        refs.delete(ref);
      } else {
        await git(place, ["update-ref", ref, to, from ?? "0".repeat(to.length)], stop);
        refs.set(ref, to);
      }
      state.refs = refs;
    } catch (error) {
      if (!(error instanceof GitExit)) throw error;
    }
  }

  return {
    get refs() {
      return state.refs;
    },
    refresh: (stop) =>
      queue.add(async () => {
        const before = state.refs;
        await update(stop).catch(rethrow(place));
        return { before, after: state.refs };
      }),
    bring: (ref, stop) => queue.add(() => fetchOne(place, ref, stop).catch(rethrow(place))),
    push: (move, stop) =>
      queue.add(async () => {
        await push(place, move, stop);
        await follow(move, stop);
      }),
    async local(command, stop) {
      const { generation } = state;
      try {
        return await command(place);
      } catch (error) {
        if (!(error instanceof Broken) && !mayBeMirror(error)) return rethrow(place)(error);
      }
      try {
        await queue.add(async () => {
          // Whoever waited here behind another that met the same has a new mirror already.
          if (generation === state.generation) await build(await listRemote(place, stop), stop);
        });
        return await command(place);
      } catch (error) {
        return rethrow(place)(error);
      }
    },
  };
}

function rethrow(place: Place) {
  return (error: unknown): never => {
    throw explain(error, place.remote);
  };
}

function same(a: Refs, b: Refs): boolean {
  return a.size === b.size && [...a].every(([name, id]) => b.get(name) === id);
}
