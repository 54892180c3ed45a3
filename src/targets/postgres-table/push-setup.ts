import type { PostgresConnection } from "../../lib/postgres/connection.js";
import { openSession } from "../postgres/session.js";
import type { OpenOptions, PushSetup } from "../target.js";
import { addressOf } from "../../lib/postgres/connection.js";
import { pushSql } from "./push.js";
import { type PostgresTableSpec, scopeOf, tableOf } from "./spec.js";
import { writerSql } from "./writer-setup.js";

/** The triggers of a table: one tells that it changed, one keeps who did. To be shown and then run with the connection's own rights. */
export function tablePushSetup({ spec, connection }: OpenOptions<PostgresTableSpec, PostgresConnection>): PushSetup {
  const name = tableOf(spec);
  const push = pushSql(name);
  const where = scopeOf(spec).map(([column]) => column);
  const writer = writerSql({ name, key: spec.key, value: spec.value, where }, addressOf(connection).user);
  const install = `${push.install}${writer.install}`;
  const remove = `${push.remove}${writer.remove}`;
  return {
    install,
    remove,
    async run(script, signal) {
      const session = await openSession(connection);
      try {
        await session.transaction((client) => client.query(script === "install" ? install : remove), signal);
      } catch (error) {
        throw session.failure(error, {
          otherwise: "WRITE_FAILED",
          grant: "run the script as the table's owner, who may also create functions in its schema",
        });
      } finally {
        await session.close();
      }
    },
  };
}
