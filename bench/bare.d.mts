import type { MqttClient } from "mqtt";
import type { ClientBase } from "pg";
import type { Documents, Tree } from "./documents.js";

interface Parsers {
  readonly yaml: (text: string) => unknown;
  readonly toml: (text: string) => unknown;
}

export function readRows(client: ClientBase): Promise<Tree>;
export function readTopics(client: MqttClient, world: { prefix: string; topics: number }): Promise<Tree>;
export function ping(client: MqttClient, topic: string): Promise<void>;
export function readFiles(folder: string, names: readonly string[], parsers: Parsers): Documents["host"];
export function statFiles(folder: string, names: readonly string[], known: Map<string, string>): readonly string[];
export function askGit(repository: string): Promise<string>;
export function differences(a: unknown, b: unknown): number;
