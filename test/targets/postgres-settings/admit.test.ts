import { describe, expect, it } from "vitest";
import { mapOf, type Document } from "../../../src/core/value.js";
import { postgresSettings } from "../../../src/targets/postgres-settings/index.js";
import { isDangerous } from "../../../src/targets/postgres-settings/reach.js";

function admit(document: Document, options: { spec?: object; settings?: string[] } = {}) {
  const url = "postgres://trueup:hunter2@DB.example:5433/shop";
  const connection = { url, ...(options.settings === undefined ? {} : { settings: options.settings }) };
  return postgresSettings.admit({
    spec: postgresSettings.spec.parse(options.spec ?? {}),
    connection: postgresSettings.connection.parse(connection),
    document,
  });
}

describe("admitting server settings", () => {
  it.each([
    ...["archive_command", "restore_command", "archive_cleanup_command", "recovery_end_command", "archive_library"],
    ...["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries", "jit_provider"],
    ...["ssl_passphrase_command", "ssl_ca_file", "ssl_cert_file", "ssl_key_file", "ssl_crl_dir", "ssl_dh_params_file"],
    ...["hba_file", "ident_file", "config_file", "data_directory", "external_pid_file", "krb_server_keyfile"],
    ...["dynamic_library_path", "extension_control_path", "oauth_validator_libraries", "log_directory", "log_filename"],
    ...["listen_addresses", "unix_socket_directories", "unix_socket_permissions", "primary_conninfo", "ssl"],
    ...["role", "session_authorization", "session_replication_role", "plperl.on_init", "pltclu.start_proc"],
    "ARCHIVE_command",
  ])("refuses %s unless it is named", (name) => {
    expect(() => admit(mapOf([[name, "x"]]))).toThrow(expect.objectContaining({ code: "TARGET_REFUSED" }));
    expect(() => admit(mapOf([[name, "x"]]), { settings: ["*"] })).toThrow("can run code");
    expect(admit(mapOf([[name, "x"]]), { settings: [name] })).toHaveLength(1);
  });

  it.each(["work_mem", "search_path", "max_connections", "log_min_messages", "app.tenant", "TimeZone", "fsync"])(
    "takes %s",
    (name) => {
      expect(isDangerous(name)).toBe(false);
    },
  );

  it("narrows to the settings that the connection names", () => {
    expect(admit(mapOf([["work_mem", "8MB"]]), { settings: ["work_mem"] })).toHaveLength(1);
    expect(() => admit(mapOf([["temp_buffers", "8MB"]]), { settings: ["work_mem"] })).toThrow(
      expect.objectContaining({ code: "TARGET_REFUSED", message: expect.stringContaining("temp_buffers") as string }),
    );
  });

  it("claims each setting of its scope, on the server rather than on one of its databases", () => {
    const document = mapOf([["work_mem", "8MB"]]);
    const system = "postgres db.example:5433";
    const path = (spec: object) => admit(document, { spec });
    expect(path({})).toEqual([{ system, path: ["settings", "server", "work_mem"] }]);
    expect(path({ scope: "database" })).toEqual([{ system, path: ["settings", "database", "shop", "work_mem"] }]);
    expect(path({ scope: "role" })).toEqual([{ system, path: ["settings", "role", "trueup", "work_mem"] }]);
    expect(path({ scope: "role", role: "app", database: "a" })).toEqual([
      { system, path: ["settings", "role", "app", "database", "a", "work_mem"] },
    ]);
  });

  it("refuses a value of several lines, without quoting it", () => {
    expect(() => admit(mapOf([["log_line_prefix", "hunter2\nx"]]))).toThrow("more than one line");
  });

  it.each<[object, string]>([
    [{ role: "app" }, "takes no `role`"],
    [{ scope: "database", role: "app" }, "takes no `role`"],
    [{ database: "app" }, "takes no `database`"],
    [{ scope: "cluster" }, "scope"],
  ])("refuses the spec %j", (spec, message) => {
    expect(JSON.stringify(postgresSettings.spec.safeParse(spec).error?.issues)).toContain(message);
  });
});
