import { isLiteral, isList, isMap, type Value } from "../../core/value.js";
import { renderDocuments, type RenderReport } from "../../operations/render.js";
import { show } from "../../reconcile/events.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import type { Globals } from "../globals.js";
import { withSession } from "../session.js";

export interface RenderOptions {
  readonly target?: string;
  readonly revision?: string;
  readonly explain?: true;
}

const HEAD = ["TARGET", "SETTING", "VALUE", "FROM"] as const;

/** Prints desired documents as YAML, or with --explain a table of every setting and where it comes from. */
export async function render(
  environment: string,
  { target, revision, ...options }: RenderOptions,
  globals: Globals,
): Promise<void> {
  const explain = options.explain ?? false;
  const report = await withSession(globals, (session, context) =>
    renderDocuments(session, { environment, target, revision, explain }, context),
  );
  const { stringify } = await import("yaml");
  const asYaml = () =>
    report.targets
      .map(
        ({ name, kind, document }) =>
          `${paint("dim", `# ${name} (${kind})`)}\n${stringify(plain(document), { compat: "yaml-1.1" })}`,
      )
      .join("---\n");
  await print(globals.output, {
    data: { ...report, targets: report.targets.map((one) => ({ ...one, document: plain(one.document) })) },
    table: () => (!explain ? asYaml() : table({ head: HEAD, rows: rows(report), shrink: [2, 1] })),
    markdown: () => (!explain ? `\`\`\`yaml\n${asYaml()}\`\`\`\n` : markdownTable(HEAD, rows(report))),
  });
}

function rows({ targets }: RenderReport): string[][] {
  return targets.flatMap(({ name, settings = [] }) =>
    settings.map(({ path, value, where }) => [name, path, show(value), where]),
  );
}

/** The tree as YAML's and JSON's writers know it: a literal is its source text. */
function plain(value: Value): unknown {
  if (isLiteral(value)) return value.tag.startsWith("!") ? `${value.tag} ${value.text}` : value.text;
  if (isList(value)) return value.map(plain);
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}
