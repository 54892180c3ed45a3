import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";

export interface SinkRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SinkAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpSink {
  readonly port: number;
  /** Oldest first. */
  readonly requests: readonly SinkRequest[];
  close(): Promise<void>;
}

/** An HTTP server on a free loopback port that writes down what it was asked. Undefined: it takes the request, and never answers. */
export async function startSink(answer: (request: SinkRequest) => SinkAnswer | undefined): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const request = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: Buffer.concat(chunks).toString(),
      };
      requests.push(request);
      const given = answer(request);
      if (given !== undefined) outgoing.writeHead(given.status, given.headers).end(given.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** A server that takes every connection and never says a word. */
export async function startSilent(): Promise<{
  readonly port: number;
  /** Resolves when somebody has connected. */
  readonly asked: Promise<void>;
  close(): Promise<void>;
}> {
  const sockets = new Set<{ destroy(): void }>();
  let connected: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (connected = resolve));
  const server = createTcpServer((socket) => {
    connected();
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A loopback port on which nothing listens. */
export async function deadPort(): Promise<number> {
  const silent = await startSilent();
  await silent.close();
  return silent.port;
}
