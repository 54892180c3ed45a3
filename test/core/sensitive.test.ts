import { describe, expect, it } from "vitest";
import { looksSecretByName, looksSecretByValue } from "../../src/core/sensitive.js";

describe("a name", () => {
  it.each(["/smtp/password", "/dbPassword", "/api.env/API_KEY", "/auth/token/value", "/SMTP_PASSWD", "/sentry.dsn"])(
    "%s looks like a secret's",
    (pointer) => {
      expect(looksSecretByName(pointer)).toBe(true);
    },
  );
  it.each(["/keyboard/layout", "/monkey", "/tokenizer", "/pool/max", "/passenger"])("%s does not", (pointer) => {
    expect(looksSecretByName(pointer)).toBe(false);
  });
});

describe("a value", () => {
  it.each([
    "postgres://app:s3cret@db/x",
    "amqp://:pw@host",
    "host=db user=app password=s3cret",
    "Server=db;User Id=sa;Pwd=s3cret;",
    "jdbc:postgresql://db/x?user=a&password=b",
    "DefaultEndpointsProtocol=https;AccountKey=abc==",
    "worker_processes 1;\nset $api_key: abc;",
    "-----BEGIN RSA PRIVATE KEY-----\nabc",
    ["plain", "https://u:p@h/"],
    { nested: { url: "mqtt://u:p@h" } },
  ])("%j carries a credential", (value) => {
    expect(looksSecretByValue(value)).toBe(true);
  });
  it.each([
    "https://example.org/a:b@c",
    "postgres://db/x",
    "12:30",
    "password",
    "reset your password: ",
    "key",
    5,
    null,
  ])("%j does not", (value) => {
    expect(looksSecretByValue(value)).toBe(false);
  });
  it.each(["a:", "://a", "password ", "-----BEGIN "])(
    "a megabyte of %j does not, within the time of a test",
    (part) => {
      expect(looksSecretByValue(part.repeat(1_000_000 / part.length))).toBe(false);
    },
  );
});
