import { addressOf, secretsOf } from "../../lib/postgres/connection.js";
import { failure, faultOf, isConnectionLost } from "../../lib/postgres/failure.js";
import { clientOptions } from "../../lib/postgres/options.js";
import { type Probe, probeOf, type ProbeResult } from "../probe.js";
import type { SqlSpec } from "./spec.js";

export function openSql(spec: SqlSpec): Probe {
  const where = addressOf(spec).system;
  return probeOf(
    (signal) => ask(spec, where, signal),
    () => "the query failed",
    { timeout: spec.timeout, where },
  );
}

async function ask(spec: SqlSpec, where: string, signal: AbortSignal): Promise<ProbeResult> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ ...(await clientOptions(spec)), statement_timeout: Math.ceil(spec.timeout) });
  // A connection that breaks fails the query; without a listener it would end the process, too.
  client.on("error", () => undefined);
  const drop = () => void client.end().catch(() => undefined);
  signal.addEventListener("abort", drop, { once: true });
  try {
    signal.throwIfAborted();
    await client.connect();
    await client.query("BEGIN READ ONLY");
    const { rows } = await client.query<unknown[]>({ text: spec.query, rowMode: "array" });
    return verdict(rows, where);
  } catch (error) {
    signal.throwIfAborted();
    return { healthy: false, detail: faultText(error, spec) };
  } finally {
    signal.removeEventListener("abort", drop);
    await client.end().catch(() => undefined);
  }
}

function verdict(rows: readonly (readonly unknown[])[], where: string): ProbeResult {
  const [row] = rows;
  const isAnswer = rows.length === 1 && row?.length === 1;
  if (isAnswer && row[0] === true) return { healthy: true, detail: `${where} answered true` };
  if (isAnswer && row[0] === false) return { healthy: false, detail: `${where} answered false` };
  return { healthy: false, detail: `${where} must answer one row with one boolean, and answered something else` };
}

/** The words of an error about a value quote it; those about the query itself (class 42) name what the query names. */
function faultText(error: unknown, spec: SqlSpec): string {
  const address = addressOf(spec);
  const { code } = faultOf(error);
  const isSafe = isConnectionLost(error) || !/^[0-9A-Z]{5}$/.test(code) || /^(42|28|3D|57)/.test(code);
  if (!isSafe) return `${address.system}: the query failed (SQLSTATE ${code})`;
  return failure(error, { address, secrets: secretsOf(spec), otherwise: "TARGET_INVALID" }).message;
}
