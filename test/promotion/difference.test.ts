import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { differences } from "../../src/promotion/difference.js";
import { refresh } from "../../src/reconcile/environment.js";
import { renderWith } from "../../src/reconcile/desired.js";
import { makeWorld, type World } from "../support/world.js";

const SECRET = "4711-of-bob";
const KEYED = "{ /app.yaml/users: { key: id } }";

vi.setConfig({ testTimeout: 60_000 });

describe("what two renderings have differently", () => {
  let world: World;
  beforeEach(async () => {
    world = await makeWorld();
    mkdirSync(join(world.folder, "secrets"));
    writeFileSync(join(world.folder, "secrets", "pin"), SECRET);
  });
  afterEach(() => world.close());

  const files = (lists: string, users: string) => ({
    "environments/prod/environment.yaml": `targets: { host: { kind: files, connection: host, lists: ${lists} } }\n`,
    "environments/prod/host/app.yaml": `users: ${users}\nlog: info\n`,
  });
  const BOB = '[ { id: ann, pin: "0" }, { id: bob, pin: "${secret:pin}" } ]';

  const NONE = "[ { id: bob, pin: none } ]";
  it.each([
    ["lists that go by their key before, and by position after", files(KEYED, BOB), files("{}", NONE)],
    ["lists that go by position before, and by their key after", files("{}", BOB), files(KEYED, NONE)],
    ["a list that is a set before", files("{ /app.yaml/users: set }", '["${secret:pin}", x]'), files("{}", "[y]")],
    ["a list that is another thing after", files(KEYED, BOB), files("{}", "none")],
  ])("never shows a secret: %s", async (_, before, after) => {
    const commits = [await world.commit(before), await world.commit(after)];
    const session = world.open();
    await refresh(session, session.stop);
    const source = await session.source();
    const rendered = await Promise.all(
      commits.map(async (revision) => {
        const snapshot = await source.read(revision, ["environments", "policies"], session.stop);
        const secret = (name: string) => session.secret("prod", name);
        return renderWith(session, { environment: "prod", revision, snapshot, secret });
      }),
    );
    const [first, second] = rendered;
    if (first === undefined || second === undefined) throw new Error("nothing was rendered");
    for (const changes of [differences(first, second, session.hash()), differences(second, first, session.hash())]) {
      expect(changes.length).toBeGreaterThan(0);
      expect(JSON.stringify(changes)).not.toContain(SECRET);
      expect(changes.some(({ sensitive }) => sensitive === true)).toBe(true);
    }
  });
});
