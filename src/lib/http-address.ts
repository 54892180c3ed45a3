import { z } from "zod";

/** An address that is asked or told over HTTP. User and password in it are refused: `fetch` does not take them. */
export const httpAddress = z
  .url({ protocol: /^https?$/, error: "must be an http:// or https:// address" })
  .refine((url) => !URL.canParse(url) || !hasLogin(new URL(url)), { error: "must not have a user or password in it" });

function hasLogin({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}
