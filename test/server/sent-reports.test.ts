import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { getTasks } from "node-cron";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { deliverNow } from "../../src/delivery/delivery.js";
import { report } from "../../src/operations/report.js";
import { scheduleReports, type ScheduledReports } from "../../src/server/scheduled-reports.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { answer } from "../support/json-shapes.js";
import { type MovableSession, openMovable } from "../support/store-clock.js";
import { makeWorld, syncNow, type World } from "../support/world.js";

const DAY = 86_400_000;

/** One world with drift that stays, and whoever may be told of it. */
let world: World;
let sink: HttpSink;
let isDown = false;
let mails: string[];
let smtp: SMTPServer;
let open: MovableSession;
/** Of the requests to the sink: those before this are of no interest. */
let seen = 0;
const scheduled: ScheduledReports[] = [];

beforeAll(async () => {
  // GitHub's answers: nothing was written before, and the issue is number 7.
  sink = await startSink(({ method }) =>
    isDown ? { status: 503 } : { status: 200, body: method === "GET" ? "[]" : '{"number":7}' },
  );
  mails = [];
  smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, _, done) {
      let raw = "";
      stream.on("data", (chunk: Buffer) => (raw += chunk.toString()));
      stream.on("end", () => {
        mails.push(raw);
        done();
      });
    },
  });
  await new Promise<void>((resolve) => {
    smtp.listen(0, "127.0.0.1", resolve);
  });
  world = await makeWorld();
  await world.commit({
    "environments/prod/environment.yaml": "targets: { host: { kind: files, connection: host } }\n",
    "environments/prod/host/app.env": "WORKERS=4\n",
    "policies/drift.yaml": "rules:\n  - { name: workers, match: { path: '/**' }, severity: high, actions: [alert] }\n",
  });
  open = await openMovable(world);
  await syncNow(open.session);
  writeFileSync(join(world.root(), "app.env"), "WORKERS=1\n");
  await syncNow(open.session);
});
afterEach(() => {
  vi.useRealTimers();
  for (const one of scheduled.splice(0)) one.stop();
  seen = sink.requests.length;
  mails.length = 0;
});
afterAll(async () => {
  await open.close();
  await world.close();
  await sink.close();
  await new Promise<void>((resolve) => {
    smtp.close(resolve);
  });
});

const url = (path: string): string => `http://127.0.0.1:${sink.port}/${path}`;
const configure = (reports: readonly object[], more: readonly object[] = []): void => {
  const file = JSON.parse(readFileSync(world.configFile, "utf8")) as object;
  // Windows that are open now, and a digest that is far.
  const late = {
    quiet: { cron: `0 ${new Date().getUTCHours()} * * *`, duration: "2h" },
    digest: { cron: "0 0 1 1 *" },
  };
  const when = "false";
  const { port } = smtp.server.address() as AddressInfo;
  const notifiers = [
    { kind: "webhook", name: "hook", url: url("hook"), ...late },
    { kind: "slack", name: "chat", url: url("slack"), when },
    {
      kind: "email",
      name: "mail",
      url: `smtp://127.0.0.1:${port}`,
      from: "trueup@x.example",
      to: ["ops@x.example"],
      when,
    },
    { kind: "github-issue", name: "issues", repository: "acme/ops", token: "t", apiUrl: url("api"), when },
    ...more,
  ];
  writeFileSync(world.configFile, JSON.stringify({ ...file, notifiers, reports }));
  open.session.reconfigure(loadConfig(world.configFile, {}));
};
const start = async (): Promise<void> => {
  const reports = scheduleReports(open.session);
  scheduled.push(reports);
  await reports.madeUp;
};
/** What node-cron does when the time has come, for all who wait for it. */
const strike = async (): Promise<void> => {
  await Promise.all([...getTasks().values()].map((task) => task.execute()));
};
const deliver = () => deliverNow(open.session, { signal: open.session.stop, patience: 20_000 });
const to = (path: string): Record<string, unknown>[] =>
  sink.requests
    .slice(seen)
    .filter((request) => request.path === `/${path}` && request.method === "POST")
    .map(({ body }) => JSON.parse(body) as Record<string, unknown>);

describe("a report that is sent", () => {
  const weekly = { cron: "0 7 * * 1", timezone: "Europe/Berlin" };

  it("reaches each notifier in its form, past quiet hours, digests and conditions, and an incident beside it waits", async () => {
    configure([{ ...weekly, to: ["hook", "chat", "mail", "issues"], file: "week.md" }]);
    await start();
    // Something that the digest collects: it is not sent with the report, and the report not with it.
    writeFileSync(join(world.root(), "app.env"), "WORKERS=2\n");
    await syncNow(open.session);
    mails.length = 0;
    await strike();
    await deliver();

    const [hook, ...others] = to("hook");
    expect(others).toEqual([]);
    expect(hook).toMatchObject({ kind: "report", title: "Drift report of prod: 1 found, 1 open", severity: "high" });
    answer("report", JSON.stringify(hook?.["report"]));

    const [chat] = to("slack");
    expect(JSON.stringify(chat)).toContain('• `high prod/host /app.env/WORKERS: live \\"2\\", desired \\"4\\", since ');
    expect(to("api/repos/acme/ops/issues")).toMatchObject([
      {
        title: hook?.["title"],
        body: expect.stringMatching(/^# Drift report\n[^]*WORKERS[^]*<!-- trueup:\w+ -->$/) as string,
      },
    ]);
    const mail = await PostalMime.parse(mails[0] ?? "");
    expect(mail.subject).toBe(hook?.["title"]);
    expect(mail.html).toMatch(/^<!doctype html>[^]*<svg[^]*WORKERS/);
    expect(mail.text).toContain("Open now\n  high prod/host /app.env/WORKERS: live");
    expect(readFileSync(join(world.folder, "week.md"), "utf8")).toContain("# Drift report");
  });

  it("is sent once, by whichever controller comes first, also where one starts again in the same minute", async () => {
    // The clock stands, so that the minute does not end in between.
    vi.useFakeTimers({ toFake: ["Date"], now: Math.floor(Date.now() / 60_000) * 60_000 + 1_000 });
    configure([{ ...weekly, since: "1d", to: ["hook"] }]);
    await start();
    await start();
    vi.setSystemTime(Date.now() + 60_000);
    await strike();
    await deliver();
    await start();
    await strike();
    await deliver();
    expect(to("hook")).toHaveLength(1);
  });

  it("waits in the outbox for a receiver that is down, and comes with the same id after a restart", async () => {
    configure([{ ...weekly, since: "2d", to: ["hook"] }]);
    await start();
    isDown = true;
    await open.pass(DAY);
    await strike();
    await deliver();
    await open.close();
    open = await openMovable(world);
    isDown = false;
    await open.pass(60_000);
    await deliver();
    const ids = to("hook").map(({ id }) => id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it("is made up for once, where its times came while no controller ran", async () => {
    configure([{ ...weekly, since: "3d", to: ["hook"] }]);
    await start();
    await deliver();
    expect(to("hook")).toEqual([]);
    for (const one of scheduled.splice(0)) one.stop();
    // Three weeks go by.
    await open.pass(21 * DAY);
    await start();
    await start();
    await deliver();
    expect(to("hook")).toMatchObject([{ kind: "report" }]);
  });
});

describe("a report that a person sends", () => {
  const send = (name: string) => {
    const since = new Date(Date.now() - DAY).toISOString();
    const context = { signal: open.session.stop, progress: () => undefined };
    return report.run(open.session, { environments: ["prod"], since, to: name }, context);
  };

  it("goes out at once, and what goes wrong is told at once", async () => {
    configure([], [{ kind: "pagerduty", name: "pager", routingKey: "k" }]);
    const sent = await send("hook");
    expect(to("hook")).toMatchObject([{ kind: "report", severity: "high", report: { to: sent.to } }]);
    isDown = true;
    await expect(send("hook")).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    isDown = false;
    await deliver();
    expect(to("hook")).toHaveLength(2);
    await expect(send("pager")).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("takes no reports") as string,
    });
    await expect(send("hok")).rejects.toMatchObject({ code: "USAGE", hint: expect.stringContaining("hook") as string });
  });
});
