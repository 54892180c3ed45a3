import type { PoolClient } from "pg";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mapOf } from "../../src/core/value.js";
import type { Database } from "../../src/store/database.js";
import { loadMigrations, type Migration } from "../../src/store/migrate.js";
import { storeOn, type StoreOnOptions } from "../../src/store/open.js";
import type { Event, NewEvent, Store, TargetRecord } from "../../src/store/store.js";

/** What a PostgreSQL, embedded or a server, brings to the suite. */
export interface StoreWorld {
  readonly name: string;
  /** An empty database. */
  create(): Promise<StorePlace>;
}

interface StorePlace {
  /** One more connection to the same database, for a store of its own. */
  connect(): Promise<Database>;
  close(): Promise<void>;
}

const TTL = 600;
const event = (more: Partial<NewEvent> = {}): NewEvent => ({
  environment: "prod",
  type: "drifted",
  message: "pool size moved",
  ...more,
});

/** Every store passes this suite, on a real PostgreSQL: `describeStore(world)` in the test of the kind. */
export function describeStore(world: StoreWorld): void {
  describe(`store contract: ${world.name}`, () => {
    let place: StorePlace;
    let database: Database;
    let store: Store;
    const opened: Store[] = [];

    const open = async (options: StoreOnOptions = { leaseTtl: TTL }): Promise<Store> => {
      const another = await storeOn(await place.connect(), options);
      opened.push(another);
      return another;
    };
    const sql = async (text: string, values: unknown[] = []) =>
      (await database.pool.query<Record<string, unknown>>(text, values)).rows;

    beforeEach(async () => {
      place = await world.create();
      database = await place.connect();
      store = await open();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((one) => one.close()));
      await database.close();
      await place.close();
    });

    describe("records", () => {
      it("come back as they were saved, those of the environment only", async () => {
        const full = { lastApplied: '{"a":"\\u0000 é 🦎"}', status: '{"state":"Synced"}', revision: "abc" };
        await store.records.save("prod", "settings", { record: full, events: [] });
        await store.records.save("prod", "broker", { record: { status: "{}" }, events: [] });
        await store.records.save("dev", "settings", { record: { status: "[]" }, events: [] });
        expect(await store.records.load("prod")).toEqual(
          new Map<string, TargetRecord>([
            ["settings", full],
            ["broker", { status: "{}" }],
          ]),
        );
        expect(await store.records.load("staging")).toEqual(new Map());
      });

      it("are replaced whole", async () => {
        const first = { lastApplied: "{}", status: "{}", revision: "abc" };
        await store.records.save("prod", "settings", { record: first, events: [] });
        await store.records.save("prod", "settings", { record: { status: "[]" }, events: [] });
        expect(await store.records.load("prod")).toEqual(new Map([["settings", { status: "[]" }]]));
      });

      it("are saved together with their events or not at all", async () => {
        const record = { status: "{}" };
        await store.records.save("prod", "settings", { record, events: [event(), event({ type: "healed" })] });
        await sql("ALTER TABLE trueup.event ADD CHECK (type <> 'poison')");
        await sql("ALTER TABLE trueup.target ADD CHECK (status <> 'poison')");
        const types = async () => (await store.history.list({ limit: 10 })).map(({ type }) => type);

        const poisoned = { record: { status: "[1]" }, events: [event(), event({ type: "poison" })] };
        await expect(store.records.save("prod", "settings", poisoned)).rejects.toMatchObject({ code: "STORE_FAILED" });
        const refused = { record: { status: "poison" }, events: [event()] };
        await expect(store.records.save("prod", "settings", refused)).rejects.toMatchObject({ code: "STORE_FAILED" });

        expect(await store.records.load("prod")).toEqual(new Map([["settings", record]]));
        expect(await types()).toEqual(["healed", "drifted"]);
      });

      it("of targets that git no longer names are forgotten, with the event that says so", async () => {
        const record = { status: "{}" };
        for (const target of ["settings", "broker"]) await store.records.save("prod", target, { record, events: [] });
        await store.records.save("dev", "settings", { record, events: [] });
        await store.records.remove("prod", ["settings"], { events: [event({ type: "retired" })] });
        expect(await store.records.load("prod")).toEqual(new Map([["broker", record]]));
        expect((await store.records.load("dev")).size).toBe(1);
        expect((await store.history.list({ limit: 10 })).map(({ type }) => type)).toEqual(["retired"]);
      });

      it("of one environment are read with one query", async () => {
        const counted = await place.connect();
        const another = await storeOn(counted, {});
        opened.push(another);
        const queries = countQueries(counted);
        await another.records.load("prod");
        expect(queries()).toBe(1);
        await another.records.save("prod", "settings", { record: { status: "{}" }, events: [event(), event()] });
        expect(queries()).toBe(2);
      });

      it("hold a document of megabytes", async () => {
        const record = { status: "{}", lastApplied: JSON.stringify("x".repeat(5_000_000)) };
        await store.records.save("prod", "settings", { record, events: [] });
        expect(await store.records.load("prod")).toEqual(new Map([["settings", record]]));
      });
    });

    describe("history", () => {
      it("is newest first, and keeps all that an event says", async () => {
        const rich = event({
          target: "settings",
          path: "/pool/max",
          revision: "abc",
          detail: { live: 9007199254740993n, desired: [null, true, 1.5, "\0"], map: mapOf([["__proto__", "data"]]) },
        });
        await store.history.append([event({ message: "first" }), event({ message: "second" })]);
        await store.history.append([rich]);
        await store.history.append([]);
        const events = await store.history.list({ limit: 10 });
        expect(events.map(({ message }) => message)).toEqual([rich.message, "second", "first"]);
        const { id, at, ...newest } = events[0] ?? { id: 0, at: "" };
        expect(newest).toEqual(rich);
        expect(id).toBeGreaterThan(events[1]?.id ?? Infinity);
        expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
        expect(at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
      });

      it("keeps a text that the database has no character for", async () => {
        await store.history.append([event({ path: "/a\0b", message: "nul \0, half a pair \ud800" })]);
        expect(await store.history.list({ limit: 1 })).toMatchObject([
          { path: "/a\u{fffd}b", message: "nul \u{fffd}, half a pair \u{fffd}" },
        ]);
      });

      it("is read whole, a page after the other, newest first, by type, environment and time", async () => {
        await store.history.append([event({ message: "old" })]);
        await sql("UPDATE trueup.event SET at = at - interval '2 hours'");
        const many = Array.from({ length: 2_345 }, (_, index) => event({ message: String(index) }));
        await store.history.append([...many, event({ type: "healed" }), event({ environment: "dev" })]);
        const since = new Date(Date.now() - 3_600_000);
        const read = await collect(store.history.read({ types: ["drifted", "failed"], environment: "prod", since }));
        expect(read.map(({ message }) => message)).toEqual(many.map(({ message }) => message).toReversed());
        const all = await collect(store.history.read({ types: ["healed", "drifted"], since }));
        expect(all).toHaveLength(2_347);
      });

      it("knows what was open at a moment, by setting and by target", async () => {
        const on = (path: string, type: string, target = "settings") => event({ target, path, type, message: path });
        await store.history.append([
          ...[on("/closed", "drifted"), on("/closed", "healed")],
          ...[on("/again", "drifted"), on("/again", "healed"), on("/again", "drifted"), on("/again", "drifted")],
          ...[on("/retired", "drifted", "gone"), event({ target: "gone", type: "retired" })],
          ...[on("/open", "drifted"), on("/open", "healed", "broker")],
          ...[event({ target: "broker", type: "unknown" }), event({ target: "settings", type: "unknown" })],
          event({ target: "settings", type: "recovered" }),
        ]);
        await sql("UPDATE trueup.event SET at = at - interval '2 hours'");
        await store.history.append([on("/open", "healed"), on("/later", "drifted")]);
        const moment = new Date(Date.now() - 3_600_000);
        const opens = ["drifted", "unknown"];
        const open = await store.history.openAt(moment, { opens, closes: ["healed", "recovered"] });
        const ids = new Map((await store.history.list({ limit: 20 })).map(({ id, message }) => [id, message]));
        const { environment = "" } = open[0] ?? {};
        const closes = ["healed", "recovered"];
        expect(await store.history.openAt(moment, { opens, closes, environment })).toEqual(open);
        expect(await store.history.openAt(moment, { opens, closes, environment: "another" })).toEqual([]);
        expect(open.map(({ target, path, type }) => [target, path, type]).sort()).toEqual([
          ["broker", undefined, "unknown"],
          ["settings", "/again", "drifted"],
          ["settings", "/open", "drifted"],
        ]);
        // The first of the drift that is open, not of all that ever was.
        const again = [...ids].filter(([, message]) => message === "/again").map(([id]) => id);
        expect(again.indexOf(open.find(({ path }) => path === "/again")?.id ?? 0)).toBe(1);
      });

      it("is filtered by environment, target and time, and cut at the limit", async () => {
        await store.history.append([event({ environment: "dev", target: "settings", message: "old" })]);
        await sql("UPDATE trueup.event SET at = at - interval '2 hours'");
        await store.history.append([
          event({ environment: "dev", target: "settings", message: "one" }),
          event({ environment: "dev", target: "broker", message: "two" }),
          event({ environment: "prod", target: "settings", message: "three" }),
        ]);
        const list = async (query: Omit<Parameters<Store["history"]["list"]>[0], "limit"> & { limit?: number }) =>
          (await store.history.list({ limit: 10, ...query })).map(({ message }) => message);
        const since = new Date(Date.now() - 3_600_000);
        expect(await list({})).toEqual(["three", "two", "one", "old"]);
        expect(await list({ environment: "dev" })).toEqual(["two", "one", "old"]);
        expect(await list({ environment: "dev", target: "settings" })).toEqual(["one", "old"]);
        expect(await list({ target: "settings", since })).toEqual(["three", "one"]);
        expect(await list({ limit: 2 })).toEqual(["three", "two"]);
        expect(await list({ since: new Date(Date.now() + 3_600_000) })).toEqual([]);
      });
    });

    describe("suspensions", () => {
      it("are in force until they end or are cleared", async () => {
        const until = new Date(Date.now() + 3_600_000).toISOString();
        await store.suspensions.set({ environment: "prod", by: "ada", reason: "migration", until });
        await store.suspensions.set({ environment: "dev", by: "bob", reason: "holiday" });
        const at = expect.stringMatching(/^\d{4}-.*Z$/) as string;
        expect(await store.suspensions.list()).toEqual([
          { environment: "dev", by: "bob", reason: "holiday", at },
          { environment: "prod", by: "ada", reason: "migration", at, until },
        ]);
        expect(await store.suspensions.clear("dev")).toBe(true);
        expect(await store.suspensions.clear("dev")).toBe(false);
        expect(await store.suspensions.list()).toHaveLength(1);
      });

      it("are replaced by a later one of the environment", async () => {
        await store.suspensions.set({ environment: "prod", by: "ada", reason: "a", until: "2999-01-01" });
        await store.suspensions.set({ environment: "prod", by: "bob", reason: "b" });
        expect(await store.suspensions.list()).toMatchObject([{ by: "bob", reason: "b" }]);
        expect((await store.suspensions.list())[0]).not.toHaveProperty("until");
      });

      it("that have ended count as none", async () => {
        const until = new Date(Date.now() - 1000).toISOString();
        await store.suspensions.set({ environment: "prod", by: "ada", reason: "short", until });
        expect(await store.suspensions.list()).toEqual([]);
        expect(await store.suspensions.clear("prod")).toBe(false);
      });
    });

    describe("holds", () => {
      const until = "2999-01-01T00:00:00.000Z";
      const given = {
        environment: "prod",
        target: "settings",
        path: "/pool/max",
        source: "person",
        owner: "ada",
      } as const;
      const held = { ...given, reason: "INC-123", until };
      const told = async () => (await store.history.list({ limit: 10 })).map(({ type, path }) => [type, path]);
      const heldEvent = event({ type: "held", path: "/pool/max", detail: { until } });

      it("come back as they were set, those of one environment or all", async () => {
        const at = expect.stringMatching(/^\d{4}-.*Z$/) as string;
        expect(await store.holds.set(held, heldEvent)).toBe(true);
        await store.holds.set({ ...held, environment: "dev", path: "" }, event());
        expect(await store.holds.list("prod")).toEqual([{ ...held, at }]);
        expect(await store.holds.list()).toMatchObject([{ environment: "dev", path: "" }, { environment: "prod" }]);
        expect(await told()).toEqual([
          ["drifted", undefined],
          ["held", "/pool/max"],
        ]);
        expect((await store.history.list({ limit: 2 }))[1]?.detail).toEqual({ until });
      });

      it("are told once by whoever changes them, and replaced by a later one of the same place and source", async () => {
        const both = await Promise.all([store.holds.set(held, heldEvent), (await open()).holds.set(held, heldEvent)]);
        expect(both.sort()).toEqual([false, true]);
        expect(await told()).toHaveLength(1);
        expect(await store.holds.set({ ...held, owner: "bob" }, heldEvent)).toBe(true);
        expect(await store.holds.set({ ...held, source: "file" }, heldEvent)).toBe(true);
        expect(await store.holds.list()).toMatchObject([
          { source: "file", owner: "ada" },
          { source: "person", owner: "bob" },
        ]);
      });

      it("that ended stay until that is told, and are told once", async () => {
        const ended = { ...held, until: "2020-01-01T00:00:00.000Z" };
        await store.holds.set(ended, heldEvent);
        expect(await store.holds.list("prod")).toMatchObject([{ until: ended.until }]);
        const other = await open();
        const end = event({ type: "hold-ended", path: "/pool/max" });
        const both = await Promise.all([store.holds.remove(ended, end), other.holds.remove(ended, end)]);
        expect(both.sort()).toEqual([false, true]);
        expect(await store.holds.list()).toEqual([]);
        expect((await told()).map(([type]) => type)).toEqual(["hold-ended", "held"]);
      });

      it("that a person has prolonged since are not ended by who has not seen that", async () => {
        await store.holds.set(held, heldEvent);
        expect(await store.holds.remove({ ...held, until: "2020-01-01T00:00:00.000Z" }, event())).toBe(false);
        expect(await store.holds.list()).toHaveLength(1);
        expect(await told()).toHaveLength(1);
      });
    });

    describe("approvals", () => {
      const given = { environment: "prod", target: "settings", plan: "aa11", asked: '{"verb":"pass"}', by: "ada" };
      const approved = event({ type: "approved" });
      const told = async () => (await store.history.list({ limit: 10 })).map(({ type }) => type);

      it("come back as they were given, those of one environment or all", async () => {
        const at = expect.stringMatching(/^\d{4}-.*Z$/) as string;
        expect(await store.approvals.set({ ...given, reason: "CHG-7" }, approved)).toBe(true);
        await store.approvals.set({ ...given, environment: "dev" }, approved);
        expect(await store.approvals.list("prod")).toEqual([{ ...given, reason: "CHG-7", at }]);
        expect(await store.approvals.list()).toEqual([
          { ...given, environment: "dev", at },
          { ...given, reason: "CHG-7", at },
        ]);
      });

      it("are of one plan a target: of two that approve it one tells so, and one of another plan replaces it", async () => {
        const other = await open();
        const both = await Promise.all([
          store.approvals.set(given, approved),
          other.approvals.set({ ...given, by: "bob" }, approved),
        ]);
        expect(both.sort()).toEqual([false, true]);
        expect(await told()).toEqual(["approved"]);
        expect(await store.approvals.set({ ...given, plan: "bb22" }, approved)).toBe(true);
        expect(await store.approvals.list()).toMatchObject([{ plan: "bb22", by: "ada" }]);
      });

      it("end once, and only for the plan that is meant", async () => {
        await store.approvals.set(given, approved);
        const other = await open();
        const used = event({ type: "approval-used" });
        expect(await store.approvals.remove({ ...given, plan: "bb22" }, used)).toBe(false);
        const both = await Promise.all([store.approvals.remove(given, used), other.approvals.remove(given, used)]);
        expect(both.sort()).toEqual([false, true]);
        expect(await store.approvals.list()).toEqual([]);
        expect(await told()).toEqual(["approval-used", "approved"]);
      });
    });

    describe("incidents and the outbox", () => {
      const incident = { fingerprint: "f", environment: "prod", target: "settings", path: "/a", view: "{}" };
      const change = { ...incident, severity: "high", held: false, escalatedAfter: 0, told: ["hook"], openedWith: "x" };
      const message = (id: string, ...incidents: string[]) => ({ notifier: "hook", id, incidents, message: `"${id}"` });
      const claim = (by: string, limit = 1) => store.outbox.claim("hook", { by, ttl: 60_000, limit });
      const record = { status: "{}" };

      it("are saved with the record or not at all, and a change of what another changed is refused", async () => {
        const save = (news: Parameters<Store["records"]["save"]>[2]["news"]) =>
          store.records.save("prod", "settings", { record, events: [event()], ...(news && { news }) });
        await save({ incidents: [change], messages: [message("1", "f")] });
        expect(await store.incidents.open("prod", ["settings"])).toEqual([{ ...change, version: 1 }]);
        expect(await store.incidents.open("prod", ["broker"])).toEqual([]);
        const late = { incidents: [change], messages: [message("2", "f")] };
        await expect(save(late)).rejects.toMatchObject({ code: "STORE_BUSY" });
        await save({ incidents: [{ ...change, version: 1, view: "[]" }], messages: [] });
        await expect(save({ ...late, incidents: [{ ...change, version: 1 }] })).rejects.toMatchObject({
          code: "STORE_BUSY",
        });
        expect(await store.outbox.summary()).toEqual([{ notifier: "hook", waiting: 1, dead: 0 }]);
        expect(await store.history.list({ limit: 10 })).toHaveLength(2);
        await save({ incidents: [{ ...change, version: 2, closedAs: "healed" }], messages: [] });
        expect(await store.incidents.open("prod", ["settings"])).toEqual([]);
      });

      it("give a message to one that asks, and keep the later ones of its incidents behind it", async () => {
        await store.outbox.put([message("1", "a"), message("2", "a", "b"), message("3", "c"), message("1", "a")]);
        const [[first], [second], third] = [await claim("x"), await claim("y"), await claim("z")];
        expect([first?.message, second?.message, third]).toEqual(['"1"', '"3"', []]);
        // Only the holder of the claim ends it.
        await store.outbox.delivered({ by: "y", rows: [first?.row ?? 0] }, { over: [] });
        expect(await claim("z")).toEqual([]);
        await store.outbox.delivered({ by: "x", rows: [first?.row ?? 0] }, { thread: "t", over: [] });
        expect(await claim("z")).toMatchObject([{ message: '"2"', thread: "t", attempts: 0 }]);
      });

      it("let a message wait after a failure, pass on the claim of a dead controller, and put away what is refused", async () => {
        await store.outbox.put([message("1", "a"), message("2", "a")]);
        const [first] = await claim("x");
        await store.outbox.failed(
          { by: "x", rows: [first?.row ?? 0] },
          { error: "503", retryIn: 3_600_000, dead: false },
        );
        expect(await claim("y")).toEqual([]);
        expect(await store.outbox.nextDue("hook")).toBeGreaterThan(3_500_000);
        await sql("UPDATE trueup.outbox SET not_before = not_before - interval '1 hour'");
        expect(await claim("dead")).toMatchObject([{ message: '"1"', attempts: 1 }]);
        expect(await claim("y")).toEqual([]);
        await sql("UPDATE trueup.outbox SET claimed_until = now() WHERE claimed_by = 'dead'");
        expect(await claim("heir")).toMatchObject([{ message: '"1"', attempts: 1 }]);
        await store.outbox.failed({ by: "heir", rows: [first?.row ?? 0] }, { error: "no", retryIn: 0, dead: true });
        expect(await claim("y")).toMatchObject([{ message: '"2"' }]);
        expect(await store.outbox.summary()).toEqual([{ notifier: "hook", waiting: 1, dead: 1, lastError: "no" }]);
      });
    });

    describe("a digest's claim", () => {
      it("takes what is about incidents together, and leaves what is about none to a claim of its own", async () => {
        const message = (id: string, ...incidents: string[]) => ({ notifier: "hook", id, incidents, message: id });
        await store.outbox.put([message("1", "a"), message("2"), message("3", "a", "b"), message("4")]);
        const claim = async (only: "incidents" | "others", limit: number) =>
          (await store.outbox.claim("hook", { by: "x", ttl: 60_000, limit, only })).map((one) => one.message);
        expect(await claim("others", 1)).toEqual(["2"]);
        expect(await claim("incidents", 10)).toEqual(["1", "3"]);
        expect(await claim("incidents", 10)).toEqual([]);
        expect(await claim("others", 10)).toEqual(["4"]);
      });
    });

    describe("a schedule", () => {
      const messages = (id: string) => [{ notifier: "mail", id, incidents: [], message: "{}" }];
      const [monday, tuesday] = ["2026-03-30T05:00:00.000Z", "2026-03-31T05:00:00.000Z"];

      it("has each of its times taken once, with its messages, and no earlier one after it", async () => {
        expect(await store.schedules.last("week")).toBeUndefined();
        const others = await Promise.all(Array.from({ length: 4 }, () => open()));
        const taken = await Promise.all(
          others.map((one, at) => one.schedules.take("week", monday, messages(`m${at}`))),
        );
        expect(taken.filter((one) => one)).toHaveLength(1);
        expect(await store.outbox.summary()).toMatchObject([{ notifier: "mail", waiting: 1 }]);
        expect(await store.schedules.take("week", tuesday, [])).toBe(true);
        expect(await store.schedules.take("week", monday, messages("late"))).toBe(false);
        expect(await store.schedules.last("week")).toBe(tuesday);
        expect(await store.schedules.take("month", monday, messages("month"))).toBe(true);
        expect(await store.outbox.summary()).toMatchObject([{ notifier: "mail", waiting: 2 }]);
      });
    });

    describe("promotions", () => {
      it("are kept by environment until they are forgotten, and tell what arrived, with the events", async () => {
        const arrival = { commit: "c1", revision: "r1" };
        await store.promotions.save("prod", { promotion: '{"revision":"r1"}', events: [event({ type: "promotion" })] });
        await store.promotions.save("staging", { promotion: "{}", events: [] });
        await store.promotions.save("prod", { promotion: '{"revision":"r2"}', events: [] });
        expect([...(await (await open()).promotions.load())].sort()).toEqual([
          ["prod", '{"revision":"r2"}'],
          ["staging", "{}"],
        ]);
        await store.promotions.save("prod", { arrival, events: [event({ type: "promoted" })] });
        expect([...(await store.promotions.load()).keys()]).toEqual(["staging"]);
        expect(await store.promotions.arrivals("prod")).toEqual(new Map([["c1", "r1"]]));
        expect(await store.promotions.arrivals("staging")).toEqual(new Map());
        expect((await store.history.list({ limit: 9 })).map(({ type }) => type)).toEqual(["promoted", "promotion"]);
      });

      it("know who approved a very revision and who waived a gate of it, each told once", async () => {
        const approved = event({ type: "approved", message: "ann approved r1" });
        const decide = (revision: string, decision: { by: string; gate?: string; reason?: string }) =>
          store.promotions.decide("prod", revision, { decision, event: approved });
        expect(await decide("r1", { by: "ann" })).toBe(true);
        expect(await decide("r1", { by: "ann", reason: "again" })).toBe(false);
        expect(await decide("r1", { by: "bob", gate: "soak", reason: "INC-1" })).toBe(true);
        const [first, second] = await store.promotions.decisions("prod", "r1");
        expect(first).toEqual({ by: "ann", at: expect.stringMatching(/^\d{4}-.*Z$/) as string });
        expect(second).toMatchObject({ by: "bob", gate: "soak", reason: "INC-1" });
        expect(await store.promotions.decisions("prod", "r2")).toEqual([]);
        expect(await store.promotions.decisions("staging", "r1")).toEqual([]);
        expect(await store.history.list({ limit: 9 })).toHaveLength(2);
      });

      it("take back what a person said of a very revision, told once", async () => {
        const approved = event({ type: "approved", message: "ann approved r9" });
        const decide = (decision: { by: string; gate?: string }) =>
          store.promotions.decide("prod", "r9", { decision, event: approved });
        for (const by of ["ann", "bob"]) await decide({ by });
        await decide({ by: "ann", gate: "soak" });
        const withdrawn = event({ type: "promotion-withdrawn", message: "ann withdrew it" });
        const takeBack = () => store.promotions.withdraw("prod", "r9", { by: "ann", event: withdrawn });
        expect(await takeBack()).toBe(true);
        expect(await takeBack()).toBe(false);
        expect((await store.promotions.decisions("prod", "r9")).map(({ by }) => by)).toEqual(["bob"]);
        expect((await store.history.list({ limit: 9 })).filter(({ type }) => type === withdrawn.type)).toHaveLength(1);
      });

      it("know since when an environment runs a revision, anew where another ran in between", async () => {
        await store.runs.note("prod", "r1");
        const [before] = await store.runs.list("prod", 9);
        await store.runs.note("prod", "r1");
        expect(await store.runs.list("prod", 9)).toEqual([before]);
        await store.runs.note("prod", "r2");
        await store.runs.note("dev", "r3");
        expect((await store.runs.list("prod", 9)).map(({ revision }) => revision)).toEqual(["r2", "r1"]);
        await store.runs.note("prod", "r1");
        const [again, ...others] = await store.runs.list("prod", 9);
        expect(again?.revision).toBe("r1");
        expect(Date.parse(again?.since ?? "")).toBeGreaterThanOrEqual(Date.parse(others[0]?.since ?? ""));
        expect(await store.runs.list("prod", 1)).toEqual([again]);
      });

      it("answer those who ask at the same time each for themselves, with what was saved before", async () => {
        const { promotions, records, rollouts, runs } = store;
        const names = ["prod", "staging", "the lab"];
        for (const name of names.slice(1)) {
          await promotions.save(name, { arrival: { commit: "c", revision: name }, events: [] });
          const decision = { by: "ann" };
          await promotions.decide(name, "r1", { decision, event: event({ type: "approved", message: "yes" }) });
          await rollouts.save(name, { rollout: name, failed: { revision: "r0", reason: name }, events: [] });
          await runs.note(name, "r1");
          await records.save(name, "settings", { record: { status: name }, events: [] });
        }
        const each = <Answer>(ask: (name: string) => Promise<Answer>) => Promise.all(names.map(ask));
        const arrived = await each(async (name) => (await promotions.arrivals(name)).get("c"));
        const decided = await each(async (name) => (await promotions.decisions(name, "r1")).length);
        const ran = await each(async (name) => (await runs.since(name, "r1")) !== undefined);
        const known = await each(async (name) => (await records.load(name)).get("settings")?.status);
        expect([arrived, known]).toEqual(Array(2).fill([undefined, "staging", "the lab"]));
        expect(await each((name) => rollouts.load(name))).toEqual(arrived);
        expect(await each(async (name) => (await rollouts.failure(name, "r0"))?.reason)).toEqual(arrived);
        expect([decided, ran]).toEqual([
          [0, 1, 1],
          [false, true, true],
        ]);
        expect(await promotions.decisions("staging", "r2")).toEqual([]);
      });

      it("keep how a revision rolls out, and that it failed, with the events and the news of it or not at all", async () => {
        expect(await store.rollouts.load("prod")).toBeUndefined();
        await store.runs.note("prod", "r1");
        await store.runs.note("prod", "r2");
        const events = [event({ environment: "prod", type: "rollout-failed", message: "r2 failed" })];
        await store.rollouts.save("prod", { rollout: '{"a":1}', events: [] });
        expect(await store.rollouts.failure("prod", "r2")).toBeUndefined();
        const failed = { revision: "r2", reason: "no answer" };
        const incident = { fingerprint: "f", environment: "prod", target: "(rollout)", view: "{}", severity: "high" };
        const opened = { ...incident, held: false, escalatedAfter: 0, told: [], openedWith: "x" };
        const late = { ...opened, version: 7 };
        const unsaved = { rollout: '{"a":2}', failed, events, news: { incidents: [late], messages: [] } };
        await expect(store.rollouts.save("prod", unsaved)).rejects.toMatchObject({ code: "STORE_BUSY" });
        expect(await store.rollouts.load("prod")).toBe('{"a":1}');
        await store.rollouts.save("prod", { ...unsaved, news: { incidents: [opened], messages: [] } });
        expect(await store.rollouts.load("prod")).toBe('{"a":2}');
        expect(await store.rollouts.load("dev")).toBeUndefined();
        expect(await store.rollouts.failure("prod", "r2")).toEqual({
          ...{ at: expect.stringMatching(/^\d{4}-.*Z$/) as string, reason: "no answer" },
        });
        expect(await store.rollouts.failure("dev", "r2")).toBeUndefined();
        expect((await store.runs.list("prod", 9)).map(({ revision }) => revision)).toEqual(["r1"]);
        expect(await store.runs.since("prod", "r2")).toBeUndefined();
        // One that failed before it was ever in sync is no run, and another ran in between all the same.
        await store.rollouts.save("prod", { rollout: "{}", failed: { ...failed, revision: "r3" }, events: [] });
        expect((await store.runs.list("prod", 9)).map(({ revision }) => revision)).toEqual(["r1"]);
        const past = await store.runs.past("prod", 9);
        expect(past.map(({ revision, failure }) => [revision, failure?.reason])).toEqual([
          ...[
            ["r3", "no answer"],
            ["r2", "no answer"],
          ],
          ["r1", undefined],
        ]);
        expect((await store.history.list({ limit: 9 })).map(({ type }) => type)).toEqual(["rollout-failed"]);
      });
    });

    describe("a lease", () => {
      it("has one holder, by name, until it is released", async () => {
        const other = await open();
        const lease = await store.leases.acquire("prod", { holder: "host-a:1" });
        expect(lease).toBeDefined();
        expect(await other.leases.acquire("prod", { holder: "host-b:2" })).toBeUndefined();
        expect(await store.leases.acquire("prod", { holder: "host-a:1" })).toBeUndefined();
        expect(await other.leases.acquire("dev", { holder: "host-b:2" })).toBeDefined();
        expect(await other.leases.holder("prod")).toBe("host-a:1");
        await lease?.release();
        expect(await other.leases.holder("prod")).toBeUndefined();
        expect(await other.leases.acquire("prod", { holder: "host-b:2" })).toBeDefined();
        expect(await store.leases.holder("prod")).toBe("host-b:2");
        // Whoever knows that a holder is dead takes it away, and never that of another.
        await store.leases.clear("prod", { holder: "host-a:1" });
        expect(await store.leases.holder("prod")).toBe("host-b:2");
        await store.leases.clear("prod", { holder: "host-b:2" });
        expect(await store.leases.acquire("prod", { holder: "host-a:1" })).toBeDefined();
      });

      it("goes to exactly one of many that ask at once", async () => {
        const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
        const asked = stores.flatMap((one) => [1, 2, 3].map(() => one.leases.acquire("prod", { holder: "someone" })));
        expect((await Promise.all(asked)).filter((lease) => lease !== undefined)).toHaveLength(1);
      });

      it("is kept for as long as its holder lives", async () => {
        const other = await open();
        const lease = await store.leases.acquire("prod", { holder: "a" });
        const until = performance.now() + 3 * TTL;
        while (performance.now() < until) {
          expect(await other.leases.acquire("prod", { holder: "b" })).toBeUndefined();
          await delay(50);
        }
        expect(lease?.lost.aborted).toBe(false);
      });

      it("of a dead holder is taken over when it has run out", async () => {
        await sql(
          `INSERT INTO trueup.lease (name, holder, expires_at) VALUES ('prod', 'dead', clock_timestamp() + $1 * interval '1 ms')`,
          [TTL],
        );
        expect(await store.leases.acquire("prod", { holder: "heir" })).toBeUndefined();
        expect(await store.leases.holder("prod")).toBe("dead");
        await expect
          .poll(() => store.leases.acquire("prod", { holder: "heir" }), { timeout: 10_000, interval: 20 })
          .toBeDefined();
        expect(await store.leases.holder("prod")).toBe("heir");
      });

      it("says that it is lost when another has taken it, and then releases nothing", async () => {
        const other = await open();
        const lease = await store.leases.acquire("prod", { holder: "sleeper" });
        await sql("UPDATE trueup.lease SET expires_at = clock_timestamp() - interval '1 second'");
        const taken = await other.leases.acquire("prod", { holder: "heir" });
        expect(taken).toBeDefined();
        await expect.poll(() => lease?.lost.aborted, { timeout: 10_000 }).toBe(true);
        expect(lease?.lost.reason).toMatchObject({ code: "STORE_BUSY" });
        await lease?.release();
        expect(await other.leases.holder("prod")).toBe("heir");
        expect(taken?.lost.aborted).toBe(false);
      });

      it("is free again as soon as its store is closed", async () => {
        const other = await storeOn(await place.connect(), { leaseTtl: 60_000 });
        await other.leases.acquire("prod", { holder: "leaving" });
        await other.close();
        expect(await store.leases.acquire("prod", { holder: "next" })).toBeDefined();
      });
    });

    describe("opening", () => {
      it("takes one query when the schema is up to date", async () => {
        const counted = await place.connect();
        const queries = countQueries(counted);
        opened.push(await storeOn(counted, {}));
        expect(queries()).toBe(1);
      });

      it("by several at once on an empty database migrates it once", async () => {
        await sql("DROP SCHEMA trueup CASCADE");
        await Promise.all(Array.from({ length: 5 }, () => open()));
        const versions = (await loadMigrations()).map(({ version }) => ({ version }));
        expect(await sql("SELECT version FROM trueup.migration ORDER BY 1")).toEqual(versions);
      });

      const next: Migration = {
        version: 9999,
        name: "9999_next.sql",
        sql: "CREATE TABLE trueup.next (); CREATE TABLE trueup.more ();",
      };

      it("applies a migration that is new, and keeps what is there", async () => {
        await store.records.save("prod", "settings", { record: { status: "{}" }, events: [] });
        const newer = await open({ migrations: [...(await loadMigrations()), next] });
        expect((await newer.records.load("prod")).size).toBe(1);
        const applied = await sql("SELECT version, name FROM trueup.migration ORDER BY 1");
        expect(applied[0]).toEqual({ version: 1, name: "0001_initial.sql" });
        expect(applied.at(-1)).toEqual({ version: 9999, name: "9999_next.sql" });
        expect(await sql("SELECT to_regclass('trueup.more') IS NOT NULL AS made")).toEqual([{ made: true }]);
      });

      it("of a store that a newer version wrote is refused, and nothing touched", async () => {
        const known = await loadMigrations();
        await open({ migrations: [...known, next] });
        await expect(open()).rejects.toMatchObject({
          code: "STORE_TOO_NEW",
          message: expect.stringContaining(`version 9999; this Trueup knows up to ${known.length}`) as string,
          hint: expect.stringContaining("newer") as string,
        });
        expect(await sql("SELECT max(version) AS newest FROM trueup.migration")).toEqual([{ newest: 9999 }]);
      });

      it("of a store that another text of a migration made is refused", async () => {
        await sql("UPDATE trueup.migration SET checksum = 'other'");
        await expect(open()).rejects.toMatchObject({ code: "STORE_FAILED" });
      });

      it("leaves nothing of a migration that fails", async () => {
        const broken: Migration = { ...next, sql: `${next.sql} SELECT 1 / 0;` };
        await expect(open({ migrations: [...(await loadMigrations()), broken] })).rejects.toMatchObject({
          code: "STORE_FAILED",
        });
        expect(await sql("SELECT to_regclass('trueup.next') IS NULL AS absent")).toEqual([{ absent: true }]);
        expect(await sql("SELECT version FROM trueup.migration WHERE version = 9999")).toEqual([]);
        await store.history.append([event()]);
        expect(await store.history.list({ limit: 1 })).toHaveLength(1);
      });

      it("can be closed twice", async () => {
        const other = await storeOn(await place.connect(), {});
        await Promise.all([other.close(), other.close()]);
        await other.close();
      });
    });
  });
}

/** Counts what is sent through the pool from now on. */
function countQueries({ pool }: Database): () => number {
  let count = 0;
  const connect = pool.connect.bind(pool) as () => Promise<PoolClient>;
  Object.assign(pool, {
    connect: async () => {
      const client = await connect();
      const query = client.query.bind(client) as (...given: unknown[]) => unknown;
      const release = client.release.bind(client);
      return {
        query: (...given: unknown[]) => {
          count += 1;
          return query(...given);
        },
        release,
      };
    },
  });
  return () => count;
}

async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) all.push(event);
  return all;
}
