import type { PostgresConnection } from "../postgres/connection.js";
import { openSession } from "../postgres/session.js";
import type { OpenOptions, PushSetup } from "../target.js";
import { pushSql } from "./push.js";
import { type PostgresTableSpec, tableOf } from "./spec.js";

/** The trigger of a table, to be shown and then run with the connection's own rights. */
export function tablePushSetup({ spec, connection }: OpenOptions<PostgresTableSpec, PostgresConnection>): PushSetup {
  const { install, remove } = pushSql(tableOf(spec));
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
