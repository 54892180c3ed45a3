import { expect, it } from "vitest";
import { sign } from "../../src/lib/webhook-signature.js";

it("signs as the reference libraries of Standard Webhooks do", () => {
  // The example that those libraries are tested with.
  const message = {
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp: 1614265330,
    body: '{"test": 2432232314}',
  };
  expect(sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message)).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

it("takes a secret without the prefix as text", () => {
  const message = { id: "m", timestamp: 1, body: "{}" };
  const bytes = Buffer.from("plain secret").toString("base64");
  expect(sign("plain secret", message)).toBe(sign(`whsec_${bytes}`, message));
});
