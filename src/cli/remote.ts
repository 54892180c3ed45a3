import { request } from "node:http";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { isErrorCode, TrueupError } from "../core/errors.js";
import { readJson } from "../lib/json.js";
import type { OperationContext } from "../operations/operation.js";
import type { ControlLine } from "../server/control.js";

export interface RemoteQuestion {
  readonly operation: string;
  readonly args: unknown;
  readonly context: OperationContext;
}

/**
 * Asks the controller behind a socket. Undefined where nobody answers there: the socket is held by a short command.
 * @throws TrueupError what the operation threw
 */
export async function askController(
  socketPath: string,
  question: RemoteQuestion,
): Promise<{ result: unknown } | undefined> {
  const body = await post(socketPath, question);
  if (body === undefined) return undefined;
  for await (const text of createInterface({ input: body })) {
    const line = readJson(text) as unknown as ControlLine;
    if ("progress" in line) question.context.progress(line.progress);
    else if ("result" in line) return { result: line.result };
    else throw remoteError(line.error);
  }
  question.context.signal.throwIfAborted();
  throw new TrueupError("STORE_BUSY", "the controller left before it answered", { hint: "run the command again" });
}

function post(socketPath: string, { operation, args, context }: RemoteQuestion): Promise<Readable | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: `/${operation}`, method: "POST", signal: context.signal }, resolve);
    asked.on("error", (error: NodeJS.ErrnoException) => {
      if (["ECONNRESET", "ECONNREFUSED", "ENOENT", "EPIPE"].includes(error.code ?? "")) resolve(undefined);
      else reject(error);
    });
    asked.end(JSON.stringify(args));
  });
}

function remoteError({
  code,
  message,
  where,
  hint,
}: {
  code: string;
  message: string;
  where?: string;
  hint?: string;
}): TrueupError {
  return new TrueupError(isErrorCode(code) ? code : "INTERNAL", message, {
    hint,
    ...(where === undefined ? {} : { where: { file: where } }),
  });
}
