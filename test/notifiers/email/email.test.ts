import type { AddressInfo } from "node:net";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, it } from "vitest";
import { email } from "../../../src/notifiers/email/index.js";
import { describeNotifier, HOSTILE, incident, message } from "../../contract/notifier.js";

const PASSWORD = "sm/tp p+ss";
const signal = new AbortController().signal;

interface Mailbox {
  readonly port: number;
  mails(): Promise<readonly Email[]>;
  close(): Promise<void>;
}

async function startMailbox(options: SMTPServerOptions = {}): Promise<Mailbox> {
  const raw: Buffer[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth({ username, password }, _, done) {
      if (username === "trueup" && password === PASSWORD) done(null, { user: username });
      else done(Object.assign(new Error(`no ${password ?? ""}`), { responseCode: 535 }));
    },
    onData(stream, _, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        raw.push(Buffer.concat(chunks));
        done();
      });
    },
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    mails: () => Promise.all(raw.map((one) => PostalMime.parse(one))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      }),
  };
}

const specOf = (port: number, more: object = {}) =>
  email.spec.parse({
    url: `smtp://127.0.0.1:${port}`,
    username: "trueup",
    password: PASSWORD,
    plaintext: true,
    from: "Trueup <trueup@ops.example>",
    to: ["oncall@ops.example", "Team <team@ops.example>"],
    ...more,
  });
const refuseLogin: SMTPServerOptions["onAuth"] = ({ password }, _, done) => {
  done(Object.assign(new Error(`no ${password ?? ""}`), { responseCode: 535 }));
};

describeNotifier({
  name: "email",
  threads: true,
  async start() {
    const mailbox = await startMailbox();
    const refusing = await startMailbox({ onAuth: refuseLogin });
    return {
      port: mailbox.port,
      refusingPort: refusing.port,
      open: (port) => email.open(specOf(port)),
      secrets: [PASSWORD],
      arrived: async () =>
        (await mailbox.mails()).map((mail) => ({
          id: mail.messageId ?? "",
          thread: mail.inReplyTo,
          text: `${mail.subject ?? ""}\n${mail.text ?? ""}`,
        })),
      async close() {
        await Promise.all([mailbox.close(), refusing.close()]);
      },
    };
  },
});

describe("email", () => {
  const mailboxes: Mailbox[] = [];
  const mailbox = async (options?: SMTPServerOptions) => {
    const started = await startMailbox(options);
    mailboxes.push(started);
    return started;
  };
  afterEach(async () => {
    await Promise.all(mailboxes.splice(0).map((one) => one.close()));
  });
  const deliver = async (port: number, more: Parameters<typeof message>[0] = {}, spec: object = {}) => {
    const notifier = await email.open(specOf(port, spec));
    try {
      return await notifier.deliver(message(more), signal);
    } finally {
      await notifier.close();
    }
  };

  it("goes to everybody, as text and as HTML", async () => {
    const box = await mailbox();
    await deliver(box.port);
    const [mail] = await box.mails();
    expect(mail?.from?.address).toBe("trueup@ops.example");
    expect(mail?.to?.map(({ address }) => address)).toEqual(["oncall@ops.example", "team@ops.example"]);
    expect(mail?.html).toContain("<code>prod/settings /max_connections</code>");
    expect(mail?.html).toContain('<a href="https://trueup.example/prod">');
    expect(mail?.headers.find(({ key }) => key === "auto-submitted")?.value).toBe("auto-generated");
  });

  it("takes no header, element or link from outside", async () => {
    const box = await mailbox();
    const changedBy = { by: HOSTILE, how: "</code>", certainty: "possible" } as const;
    const hostile = incident({ changedBy, target: HOSTILE, live: HOSTILE, note: "</code><script>" });
    await deliver(box.port, {
      title: "drift\r\nBcc: thief@evil.example\n\nbody",
      text: HOSTILE,
      incidents: [hostile],
      url: "javascript:alert(1)",
    });
    const [mail] = await box.mails();
    expect(mail?.subject).toBe("drift Bcc: thief@evil.example body");
    expect(mail?.bcc).toBeUndefined();
    expect(mail?.html).not.toMatch(/<script|<b>@here|javascript:|<!channel/);
    expect(mail?.html).toContain("&lt;b&gt;@here&lt;/b&gt;");
  });

  it("sends a report's page as it is", async () => {
    const box = await mailbox();
    const sections = [{ title: "Open now", lines: ["high: prod/settings /a"] }];
    await deliver(box.port, { kind: "report", incidents: [], page: "<h1>The week</h1>", sections });
    const [mail] = await box.mails();
    expect(mail?.html?.trim()).toBe("<h1>The week</h1>");
    expect(mail?.text).toContain("Open now\n  high: prod/settings /a\n");
  });

  it.each([
    [451, "DELIVERY_FAILED"],
    [550, "DELIVERY_REFUSED"],
  ])("takes the reply %i to a recipient as %s", async (responseCode, code) => {
    const { port } = await mailbox({
      onRcptTo(_, __, done) {
        done(Object.assign(new Error("no such mailbox"), { responseCode }));
      },
    });
    await expect(deliver(port)).rejects.toMatchObject({ code });
  });

  it("gives no password to a server without TLS", async () => {
    const tried: unknown[] = [];
    const box = await mailbox({
      onAuth(login, _, done) {
        tried.push(login);
        done(null, { user: "trueup" });
      },
    });
    await expect(deliver(box.port, {}, { plaintext: false })).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    expect(tried).toEqual([]);
  });

  it("takes login and password from the address, too", async () => {
    const box = await mailbox();
    const url = `smtp://trueup:${encodeURIComponent(PASSWORD)}@127.0.0.1:${box.port}`;
    await deliver(box.port, {}, { url, username: undefined, password: undefined });
    expect(await box.mails()).toHaveLength(1);
  });
});
