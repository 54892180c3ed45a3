import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { formatPlace, TrueupError } from "../core/errors.js";
import type { Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import { joined } from "../lib/signals.js";
import { operations } from "../operations/registry.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import type { OwnedDirectory } from "../store/directory-lock.js";

/** One line of an answer: any number of these with `progress`, then one with `result` or `error`. */
export type ControlLine =
  | { readonly progress: string }
  | { readonly result: unknown }
  | {
      readonly error: {
        readonly code: string;
        readonly message: string;
        readonly where?: string;
        readonly hint?: string;
      };
    };

/**
 * Answers operations on the socket in the state directory, so that every command works while a controller holds the embedded
 * store. HTTP over a Unix socket: `POST /<operation>` with the arguments as JSON, answered by lines of JSON. The socket's mode
 * (0600) is the whole of the access control: whoever may open it is the controller's own user.
 */
export function serveControl(session: Session, lock: OwnedDirectory): { close(): Promise<void> } {
  const http = createServer((request, response) => {
    void answer(session, request, response);
  });
  const accept = (socket: Socket): void => {
    http.emit("connection", socket);
  };
  lock.server.on("connection", accept);
  return {
    async close() {
      lock.server.off("connection", accept);
      http.closeAllConnections();
      await Promise.resolve();
    },
  };
}

async function answer(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  const stop = joined([gone.signal, session.stop]);
  response.on("close", () => {
    gone.abort(new TrueupError("ABORTED", "the asker left"));
    stop.release();
  });
  const write = (line: ControlLine): void => {
    // As the asker itself would print it: integers exact, literals as their text.
    response.write(`${stringifyJson(line as unknown as Value)}\n`);
  };
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  try {
    const operation = operations.find(({ name }) => request.method === "POST" && request.url === `/${name}`);
    if (operation === undefined) {
      throw new TrueupError("USAGE", "the controller does not know this command", {
        hint: "it is of another version: restart it",
      });
    }
    const args = operation.args.parse(JSON.parse(await text(request)));
    const progress = (message: string): void => {
      write({ progress: message });
    };
    const { signal } = stop;
    write({ result: await operation.run(session, args, { signal, progress }) });
  } catch (error) {
    const { code, message, where, hint } = asTrueupError(error);
    write({ error: { code, message, ...(where && { where: formatPlace(where) }), ...(hint && { hint }) } });
  }
  response.end();
}
