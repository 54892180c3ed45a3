import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";
import { httpAddress } from "../../lib/http-address.js";
import { networkFault } from "../../lib/network.js";
import { type ProbeKind, probeOf, type ProbeResult } from "../probe.js";

const schema = z.strictObject({
  url: httpAddress,
  /** The status that it must answer; where left out, any of 2xx. */
  status: z.int().min(100).max(599).optional(),
  /** A text that the answer must have in it. */
  contains: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  timeout: durationSchema.default(5_000),
});
type Spec = z.output<typeof schema>;

/** An answer that tells of health is far shorter. */
const ANSWER_BYTES = 1_000_000;

/** One GET. Redirects are not followed: what they lead to is not what was asked. */
export const http: ProbeKind<Spec> = {
  kind: "http",
  schema,
  open(spec) {
    const where = new URL(spec.url).host;
    const probe = probeOf((signal) => ask(spec, where, signal), networkFault, { timeout: spec.timeout, where });
    return Promise.resolve(probe);
  },
};

async function ask({ url, status, contains, headers }: Spec, where: string, signal: AbortSignal): Promise<ProbeResult> {
  const response = await fetch(url, { signal, redirect: "manual", headers: { "user-agent": "trueup", ...headers } });
  const answered = `${where} answered ${response.status}`;
  const isRight = status === undefined ? response.ok : response.status === status;
  if (!isRight || contains === undefined) {
    await response.body?.cancel();
    return { healthy: isRight, detail: isRight ? answered : `${answered} instead of ${status ?? "2xx"}` };
  }
  const isThere = await includes(response, contains);
  return {
    healthy: isThere,
    detail: `${answered}, and its text ${isThere ? "has" : "does not have"} what it should contain`,
  };
}

async function includes(response: Response, text: string): Promise<boolean> {
  const decoder = new TextDecoder();
  let size = 0;
  let read = "";
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array;
    size += bytes.byteLength;
    read += decoder.decode(bytes, { stream: true });
    if (read.includes(text)) return true;
    if (size > ANSWER_BYTES) return false;
  }
  return false;
}
