import { z } from "zod";

export const emailSpec = z.strictObject({
  /** `smtps://` is TLS from the start; `smtp://` becomes TLS by STARTTLS where the server offers it. */
  url: z.url({ protocol: /^smtps?$/, error: "must be smtp://host[:port] or smtps://host[:port]" }),
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  /** Sends the password also where the server offers no TLS. */
  plaintext: z.boolean().default(false),
  from: z.string().min(3),
  to: z.array(z.string().min(3)).min(1),
});
export type EmailSpec = z.infer<typeof emailSpec>;
