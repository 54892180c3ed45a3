import { afterAll, beforeAll, expect, it } from "vitest";
import type { SettingConflict } from "../../src/core/three-way.js";
import type { MergeConflict } from "../../src/git/merge.js";
import { conflictText } from "../../src/promotion/conflict-text.js";
import { refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { makeWorld, type World } from "../support/world.js";

let world: World;
let session: Session;
let commit: string;

beforeAll(async () => {
  world = await makeWorld({ environments: ["dev", "staging", "prod"] });
  const environment = "layers: [base]\n";
  commit = await world.commit(
    {
      "environments/base/environment.yaml":
        "targets:\n  host: { kind: files, connection: host, sensitive: [/app.yaml/pin] }\n",
      "environments/base/host/app.yaml": "a: 1\n",
      "environments/dev/environment.yaml": environment,
      "environments/prod/environment.yaml": environment,
    },
    { branch: "dev" },
  );
  for (const branch of ["staging", "prod"]) await world.repository.git("branch", branch, commit);
  session = world.open();
  await refresh(session, session.stop);
});
afterAll(() => world.close());

function said(...conflicts: MergeConflict[]): Promise<string> {
  return conflictText(
    session,
    { from: { name: "dev", commit }, to: { name: "prod", commit }, conflicts },
    session.stop,
  );
}

function inFile(path: string, ...settings: SettingConflict[]): MergeConflict {
  return { path, kind: "contents", settings };
}

const APP = "environments/base/host/app.yaml";

it("shows the values of both sides, absent ones and texts too", async () => {
  const text = await said(
    inFile(
      APP,
      { path: "/max", ours: 30, theirs: 20 },
      { path: "/old", ours: undefined, theirs: "a b" },
      { path: "/none", ours: null, theirs: 2n ** 60n },
    ),
  );
  expect(text).toBe(
    `${APP}: /max is 20 in dev and 30 in prod, /old is "a b" in dev and absent in prod, /none is 1152921504606846976 in dev and null in prod`,
  );
});

it("does not show what is sensitive by rule, by name or by value, nor of what it does not know", async () => {
  const of = (path: string): SettingConflict => ({ path, ours: 111, theirs: 222 });
  const dsn = { path: "/url", ours: "postgres://u:secret@h/d", theirs: "postgres://h/d" };
  const below = { path: "/smtp", ours: { password: "hunter2" }, theirs: 222 };
  const text = await said(
    inFile(APP, of("/pin"), of("/api_token"), dsn, below),
    inFile("environments/base/other.yaml", of("/x")),
    inFile("environments/staging/host/app.yaml", of("/x")),
    inFile("policies/promotion.yaml", of("/into/prod")),
  );
  expect(text.match(/\(values not shown\)/g)).toHaveLength(7);
  expect(text).not.toMatch(/111|222|secret@|hunter2/);
});

it("lets no text be taken for mark-up, and none move the cursor", async () => {
  const text = await said(
    inFile(
      APP,
      { path: "/list", ours: [1], theirs: [2] },
      { path: "/html", ours: "<b>", theirs: "x" },
      { path: "/link", ours: "https://example.org", theirs: "x" },
      { path: "/long", ours: "x".repeat(100), theirs: "x" },
      { path: "/\u001b[2J\nx\u202e", ours: 1, theirs: 2 },
    ),
  );
  expect(text).toBe(`${APP}: /list, /html, /link, /long, /\u{fffd}[2J\u{fffd}x\u{fffd} is 2 in dev and 1 in prod`);
});

it("counts what is more than anybody reads, and says what git says of the rest", async () => {
  const many = Array.from({ length: 12 }, (_, index) => ({ path: `/s${index}`, ours: 1, theirs: 2 }));
  const text = await said(
    inFile(APP, ...many),
    { path: "b.yaml", kind: "modify/delete" },
    { path: "c.yaml", kind: "contents", unread: { side: "theirs", reason: "unexpected end" } },
    { path: "d.yaml", kind: "contents", unread: { reason: "cannot be written" } },
  );
  expect(text).toContain("/s9 is 2 in dev and 1 in prod, 2 more; b.yaml (modify/delete); ");
  expect(text).toContain(
    "c.yaml (contents; in dev it does not load: unexpected end); d.yaml (contents; cannot be written)",
  );
  expect(text).not.toContain("/s10");
});
