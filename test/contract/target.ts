import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Change } from "../../src/core/change.js";
import { TrueupError } from "../../src/core/errors.js";
import { type Pointer, parsePointer } from "../../src/core/pointer.js";
import { type Document, isList, isMap, member, type Value } from "../../src/core/value.js";
import type { Target } from "../../src/targets/target.js";

/** What a kind of target brings to the suite: a place of its own on a real system, and examples in its own words. */
export interface TargetWorld {
  readonly name: string;
  readonly examples: TargetExamples;
  /** False for a kind of system that never tells of its changes. */
  readonly watches?: false;
  /** A fresh place on a real system that holds `examples.before`, written as another program would. */
  create(): Promise<TargetPlace>;
}

/** Documents are in the form that `observe` reports. */
export interface TargetExamples {
  readonly before: Document;
  /** One that creates, one that updates, one that removes; their `expected` is what `before` holds. */
  readonly changes: readonly Change[];
  /** A setting in `before` that no change names. */
  readonly neighbour: Pointer;
  /** An update of one setting in `before`, and what another program writes there in between. */
  readonly race: { readonly change: Change; readonly intruder: Value };
  /** A change that the live system rejects, and one beside it that it takes. Left out where a kind has no such thing. */
  readonly rejected?: { readonly bad: Change; readonly good: Change };
  /** A string that must never be seen in an error: it is part of the rejected value, or of the credentials. */
  readonly secrets: readonly string[];
}

export interface TargetPlace {
  readonly target: Target;
  /** Another target on the same place, with connections of its own. */
  another(): Promise<Target>;
  /** Writes one setting as another program would, not through a target. */
  write(path: Pointer, value: Value | undefined): Promise<void>;
  /** Takes the system away, and gives back what brings it up again. */
  interrupt(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Every target passes this suite, on real systems: `describeTarget(world)` in the test of the kind. */
export function describeTarget(world: TargetWorld): void {
  describe(`target contract: ${world.name}`, () => {
    const { examples } = world;
    const { rejected } = examples;
    const managed = new Set([...Object.keys(examples.before), ...examples.changes.map((change) => first(change.path))]);
    const signal = () => AbortSignal.timeout(20_000);
    let place: TargetPlace;

    beforeEach(async () => {
      place = await world.create();
    });
    afterEach(async () => {
      await place.close();
    });

    it("observes what the system holds", async () => {
      const { document } = await place.target.observe(managed, signal());
      for (const key of Object.keys(examples.before)) expect(member(document, key)).toEqual(examples.before[key]);
    });

    it("reports a normalised document as it would observe it", async () => {
      await place.target.observe(managed, signal());
      expect(place.target.normalize(examples.before)).toEqual(examples.before);
    });

    it("applies a create, an update and a remove, and reads them back", async () => {
      await place.target.observe(managed, signal());
      const outcomes = await place.target.apply(examples.changes, signal());
      expect(outcomes.map(({ path, result }) => ({ path, result }))).toEqual(
        examples.changes.map(({ path }) => ({ path, result: "applied" })),
      );
      const { document } = await place.target.observe(managed, signal());
      for (const change of examples.changes) expect(at(document, change.path)).toEqual(change.desired);
    });

    it("leaves unmanaged neighbours as they were", async () => {
      await place.target.observe(managed, signal());
      await place.target.apply(examples.changes, signal());
      const { document } = await place.target.observe(managed, signal());
      expect(at(document, examples.neighbour)).toEqual(at(examples.before, examples.neighbour));
      expect(at(document, examples.neighbour)).toBeDefined();
    });

    it("finds by a second target what the first one wrote", async () => {
      await place.target.apply(examples.changes, signal());
      const another = await place.another();
      try {
        const { document } = await another.observe(managed, signal());
        for (const change of examples.changes) expect(at(document, change.path)).toEqual(change.desired);
      } finally {
        await another.close();
      }
    });

    it("writes nothing when there is nothing to write", async () => {
      const before = await place.target.observe(managed, signal());
      expect(await place.target.apply([], signal())).toEqual([]);
      expect((await place.target.observe(managed, signal())).document).toEqual(before.document);
    });

    it("does not overwrite a value that moved after the plan saw it", async () => {
      const { change, intruder } = examples.race;
      await place.target.observe(managed, signal());
      await place.write(change.path, intruder);
      const outcomes = await place.target.apply([change], signal());
      expect(outcomes.map(({ result }) => result)).toEqual(["moved"]);
      const { document } = await place.target.observe(managed, signal());
      expect(at(document, change.path)).toEqual(intruder);
    });

    it("does not bring back a value that was removed after the plan saw it", async () => {
      const removal = examples.changes.find((change) => change.desired === undefined);
      if (removal === undefined) throw new Error("the examples need a removal");
      await place.target.observe(managed, signal());
      await place.write(removal.path, undefined);
      const moved = { ...removal, desired: removal.expected };
      const [outcome] = await place.target.apply([moved], signal());
      expect(outcome?.result).toBe("moved");
      expect(at((await place.target.observe(managed, signal())).document, removal.path)).toBeUndefined();
    });

    if (rejected !== undefined) {
      it("tells which change failed, and says nothing secret", async () => {
        await place.target.observe(managed, signal());
        const outcomes = await place.target.apply([rejected.bad, rejected.good], signal());
        const bad = outcomes[0];
        expect(bad?.result).toBe("failed");
        if (bad?.result === "failed") expectSilent(bad.error, examples.secrets);
        const { document } = await place.target.observe(managed, signal());
        // What an outcome says is what the system holds, whichever way an atomic target takes it.
        const goodHolds = at(document, rejected.good.path);
        expect(goodHolds).toEqual(outcomes[1]?.result === "applied" ? rejected.good.desired : rejected.good.expected);
        if (place.target.capabilities.atomic) expect(outcomes[1]?.result).toBe("failed");
        expect(at(document, rejected.bad.path)).toEqual(rejected.bad.expected);
      });
    }

    it("does nothing under a signal that has aborted, and works afterwards", async () => {
      const reason = new Error("stopped by a test");
      await expect(place.target.observe(managed, AbortSignal.abort(reason))).rejects.toThrow();
      const stopped = await place.target
        .apply(examples.changes, AbortSignal.abort(reason))
        .catch(() => "threw" as const);
      if (stopped !== "threw") expect(new Set(stopped.map(({ result }) => result))).toEqual(new Set(["failed"]));
      const { document } = await place.target.observe(managed, signal());
      for (const change of examples.changes) expect(at(document, change.path)).toEqual(change.expected);
    });

    it("fails clearly while the system is away, and goes on when it is back", async () => {
      await place.target.observe(managed, signal());
      const restore = await place.interrupt();
      let error: unknown;
      try {
        error = await place.target.observe(managed, AbortSignal.timeout(3_000)).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      } finally {
        await restore();
      }
      expect(error).toBeDefined();
      if (error instanceof TrueupError) expectSilent(error, examples.secrets);
      const deadline = Date.now() + 15_000;
      for (;;) {
        try {
          const { document } = await place.target.observe(managed, AbortSignal.timeout(3_000));
          expect(at(document, examples.neighbour)).toEqual(at(examples.before, examples.neighbour));
          return;
        } catch (thrown) {
          if (Date.now() > deadline) throw thrown;
        }
      }
    });

    it(world.watches === false ? "says that it cannot watch" : "tells that the live side moved", async () => {
      const { target } = place;
      expect(target.capabilities.watch).toBe(world.watches !== false);
      if (world.watches === false) {
        expect(target).not.toHaveProperty("watch");
        return;
      }
      await target.observe(managed, signal());
      const stop = new AbortController();
      const moves: number[] = [];
      const watching = target.watch?.(() => moves.push(performance.now()), stop.signal);
      const { change, intruder } = examples.race;
      // Watching begins some time after the call: write different values until one is seen.
      const deadline = Date.now() + 10_000;
      for (let turn = 0; moves.length === 0 && Date.now() < deadline; turn += 1) {
        await place.write(change.path, turn % 2 === 0 ? intruder : change.expected);
        await vi.waitUntil(() => moves.length > 0, { timeout: 250, interval: 5 }).catch(() => undefined);
      }
      expect(moves).not.toEqual([]);
      stop.abort();
      await watching;
    });

    it("says who wrote, where it can, of what it is asked only, without any value", async () => {
      const { target } = place;
      if (target.lastWriters === undefined) return;
      const { change, intruder } = examples.race;
      await target.observe(managed, signal());
      await place.write(change.path, intruder);
      await target.observe(managed, signal());
      const asked = [change.path, "/no-such/setting"];
      const writers = await target.lastWriters(asked, signal());
      expect(asked).toEqual(expect.arrayContaining([...writers.keys()]));
      const said = JSON.stringify([...writers.values()]);
      for (const secret of [...examples.secrets, ...(typeof intruder === "string" ? [intruder] : [])]) {
        expect(said).not.toContain(secret);
      }
      await expect(target.lastWriters(asked, AbortSignal.abort(new Error("stopped by a test")))).rejects.toThrow();
    });

    it("may be closed twice", async () => {
      const another = await place.another();
      await another.observe(managed, signal());
      await another.close();
      await expect(another.close()).resolves.toBeUndefined();
    });
  });
}

function first(path: Pointer): string {
  const [segment] = parsePointer(path);
  if (segment === undefined) throw new Error("a change of the whole document has no first segment");
  return segment;
}

function at(document: Document, path: Pointer): Value | undefined {
  let value: Value | undefined = document;
  for (const segment of parsePointer(path)) {
    if (isMap(value)) value = member(value, segment);
    else if (isList(value)) value = value[Number(segment)];
    else return undefined;
  }
  return value;
}

/** Nothing of the error that a person or a log may see holds a secret: message, hint, place, causes. */
function expectSilent(error: Error, secrets: readonly string[]): void {
  const texts: string[] = [];
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    texts.push(current.message, JSON.stringify(current));
    if (current instanceof TrueupError) texts.push(current.hint ?? "", JSON.stringify(current.where ?? {}));
  }
  for (const secret of secrets) expect(texts.join("\n")).not.toContain(secret);
}
