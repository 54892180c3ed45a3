import { Command, InvalidArgumentError, Option } from "commander";
import type { Globals } from "./globals.js";
import type { ApproveOptions } from "./verbs/approve.js";
import type { HistoryOptions } from "./verbs/history.js";
import type { HoldOptions } from "./verbs/hold.js";
import type { PromoteOptions } from "./verbs/promote.js";
import type { ReportGlobals, ReportOptions } from "./verbs/report.js";
import type { RollbackOptions } from "./verbs/rollback.js";

/**
 * The command line. Nothing but commander is loaded until a verb runs: each action imports its own module, and that one what
 * it needs.
 */
export function program(): Command {
  const root = new Command("trueup")
    .description("Keeps running configuration true to Git.")
    .version(version(), "-V, --version")
    .option("--config <file>", "the operator's file", "trueup.yaml")
    .addOption(
      new Option("-o, --output <form>", "form of the answer; github for a step of GitHub Actions, html for report only")
        .choices(["table", "json", "yaml", "markdown", "github", "html"])
        .default("table"),
    )
    .option("--no-color", "no colour (NO_COLOR and FORCE_COLOR are heeded, too)")
    .option("--verbose", "stack traces with errors, and every line of the log")
    .showHelpAfterError("(see trueup --help)")
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  if (process.argv.includes("--no-color")) process.env["NO_COLOR"] = "1";

  const init = root
    .command("init")
    .description("write a commented environments repository and trueup.yaml")
    .argument("[folder]", "where to write", ".")
    .action(async (folder: string, _: object, command: Command) =>
      (await import("./verbs/init.js")).init(folder, globals(command)),
    );
  init
    .command("target")
    .description("show the trigger that lets a settings table push its changes; --install installs it")
    .argument("<environment/target>")
    .option("--install", "install the trigger")
    .option("--remove", "remove the trigger")
    .action(async (word: string, options: { install?: true; remove?: true }, command: Command) =>
      (await import("./verbs/init-target.js")).initTarget(word, options, globals(command)),
    );

  root
    .command("validate")
    .description("render and check every environment; touches nothing live")
    .argument("[environment...]")
    .action(async (words: string[], _: object, command: Command) =>
      (await import("./verbs/validate.js")).validate(words, globals(command)),
    );
  root
    .command("render")
    .description("print desired documents")
    .argument("<environment>")
    .option("--target <target>", "only this target")
    .option("--revision <revision>", "a branch, tag or commit instead of the environment's branch")
    .option("--explain", "say which file, line and column gave each value")
    .action(async (word: string, options: { target?: string; revision?: string; explain?: true }, command: Command) =>
      (await import("./verbs/render.js")).render(word, options, globals(command)),
    );
  root
    .command("diff")
    .description("compare with git, read-only; exit 0 in sync, 2 differences, 1 error")
    .argument("[environment...]", "environment or environment/target")
    .action(async (words: string[], _: object, command: Command) =>
      (await import("./verbs/diff.js")).diff(words, globals(command)),
    );
  root
    .command("sync")
    .description("one reconcile pass: apply what is pending, decide on drift, act")
    .argument("[environment...]", "environment or environment/target")
    .option("--dry-run", "say what differs, write nothing")
    .option("--confirm", "let a plan through the blast radius, and a sudden loss through as real")
    .addOption(
      new Option("--adopt <side>", "settle everything that differs in favour of one side").choices(["desired", "live"]),
    )
    .action(
      async (
        words: string[],
        options: { dryRun?: true; confirm?: true; adopt?: "desired" | "live" },
        command: Command,
      ) => (await import("./verbs/sync.js")).sync(words, options, globals(command)),
    );
  root
    .command("run")
    .description("the controller: reconcile every interval and whenever git or a target says that it moved")
    .action(async (_: object, command: Command) => (await import("./verbs/run.js")).run(globals(command)));
  root
    .command("status")
    .description("how the last pass left everything")
    .argument("[environment...]")
    .action(async (words: string[], _: object, command: Command) =>
      (await import("./verbs/status.js")).status(words, globals(command)),
    );
  root
    .command("history")
    .description("what happened, newest first")
    .argument("[environment...]", "environment or environment/target")
    .option("--since <duration>", "only the last 30m, 4h, 7d, …")
    .option("--limit <n>", "at most so many events, or revisions of an environment", positive, 50)
    .option("--revisions", "the revisions instead: when each came, how, who let it through, how it went")
    .action(async (words: string[], options: HistoryOptions, command: Command) =>
      (await import("./verbs/history.js")).history(words, options, globals(command)),
    );
  root
    .command("report")
    .description("what became of drift: found, healed, open, how long it took; as a page with -o html")
    .argument("[environment...]")
    .option("--since <duration>", "the last 24h, 7d, 30d, …", "7d")
    .option("--file <file>", "write the report to a file: .html, .md or .json")
    .option("--to <notifier>", "send the report to a notifier of trueup.yaml")
    .action(async (words: string[], options: ReportOptions, command: Command) =>
      (await import("./verbs/report.js")).report(words, options, anyForm(command)),
    );
  root
    .command("adopt")
    .description("write the live values of drift back to git")
    .argument("<environment>", "environment or environment/target")
    .argument("[setting]", "a JSON Pointer or glob; without it, everything that drifted")
    .option("--layer <layer>", "the layer to write to; default: the environment's own")
    .option("--branch <branch>", "the new branch's name; default: trueup/adopt/…")
    .option("--direct", "commit to the environment's own branch, where its environment.yaml says `adopt: direct`")
    .option("--because <reason>", "why; for the commit and the history")
    .option("--dry-run", "print the diff, commit nothing")
    .action(
      async (
        word: string,
        path: string | undefined,
        options: { layer?: string; branch?: string; direct?: true; because?: string; dryRun?: true },
        command: Command,
      ) => (await import("./verbs/adopt.js")).adopt(word, path, options, globals(command)),
    );
  root
    .command("revert")
    .description("write the desired values over drift now")
    .argument("<environment>", "environment or environment/target")
    .argument("[setting]", "a JSON Pointer or glob; without it, everything that drifted")
    .option("--because <reason>", "why; for the history")
    .option("--confirm", "let it through the guards")
    .action(
      async (word: string, path: string | undefined, options: { because?: string; confirm?: true }, command: Command) =>
        (await import("./verbs/revert.js")).revert(word, path, options, globals(command)),
    );
  root
    .command("suspend")
    .description("stop all writes to environments; reading goes on")
    .argument("<environment...>")
    .requiredOption("--because <reason>", "why")
    .option("--for <duration>", "for 30m, 4h, 7d, …; without it, until resumed")
    .action(async (words: string[], options: { because: string; for?: string }, command: Command) =>
      (await import("./verbs/suspend.js")).suspend(words, options, globals(command)),
    );
  root
    .command("resume")
    .description("end a suspension")
    .argument("<environment...>")
    .action(async (words: string[], _: object, command: Command) =>
      (await import("./verbs/suspend.js")).resume(words, globals(command)),
    );
  root
    .command("hold")
    .description("leave drift alone for a while; without arguments, list what is held")
    .argument("[environment/target]")
    .argument("[setting]", "a JSON Pointer such as /pool/max, with what is below it; without it, the whole target")
    .addOption(new Option("--for <duration>", "for 30m, 4h, 7d, …").conflicts("until"))
    .option("--until <end>", "until an instant such as 2027-01-31T18:00:00Z, or through a day (UTC)")
    .option("--because <reason>", "why")
    .option("--owner <name>", "who answers for it; without it, you")
    .option("--release", "end the hold now")
    .action(async (word: string | undefined, path: string | undefined, options: HoldOptions, command: Command) =>
      (await import("./verbs/hold.js")).hold({ word, path }, options, globals(command)),
    );
  root
    .command("approve")
    .description("approve one very plan by its hash; without a hash show what waits, without arguments list it")
    .argument("[environment/target]")
    .argument("[hash]", "of the plan, or its first 8 digits or more")
    .option("--because <reason>", "why; for the history")
    .action(async (word: string | undefined, plan: string | undefined, options: ApproveOptions, command: Command) =>
      (await import("./verbs/approve.js")).approve({ word, plan }, options, globals(command)),
    );
  root
    .command("promote")
    .description("bring a revision into the next environment's branch; exit 0 promoted, 2 waiting, 1 blocked")
    .argument("<from>", "environment")
    .argument("[to]", "environment; without it, the next in the order")
    .option("--to-revision <revision>", "a commit of its branch; default: the newest")
    .option("--dry-run", "show what would change and what the gates say, do nothing")
    .option("--merge", "merge it now if all gates have passed, where the policy leaves that to a person")
    .option("--approve", "approve this very revision")
    .option("--waive <gate...>", "let it through a gate; with --because")
    .option("--withdraw", "take back your approval of it, and the gates that you waived")
    .option("--because <reason>", "why; for the history")
    .action(async (from: string, to: string | undefined, options: PromoteOptions, command: Command) =>
      (await import("./verbs/promote.js")).promote({ from, to }, options, globals(command)),
    );
  root
    .command("promotions")
    .description("what waits where, since when, and on which gate")
    .action(async (_: object, command: Command) =>
      (await import("./verbs/promotions.js")).promotions(globals(command)),
    );
  root
    .command("rollback")
    .description("give an environment's branch the content of an earlier revision, by a new commit")
    .argument("<environment>")
    .option("--to <revision>", "a commit of its branch; default: the newest earlier one at which it was in sync")
    .option("--pull-request", "by a pull request, not straight to the branch")
    .option("--dry-run", "show what would change, commit nothing")
    .option("--because <reason>", "why; for the commit and the history")
    .action(async (word: string, options: RollbackOptions, command: Command) =>
      (await import("./verbs/rollback.js")).rollback(word, options, globals(command)),
    );
  root
    .command("compare")
    .description("two environments side by side: what a promotion would change, what is different on purpose")
    .argument("<from>", "environment")
    .argument("<to>", "environment")
    .action(async (from: string, to: string, _: object, command: Command) =>
      (await import("./verbs/compare.js")).compare(from, to, globals(command)),
    );
  const policy = root.command("policy").description("look at policies, test them, try others on what happened");
  policy
    .command("explain")
    .description("which rule decides on a setting, and why")
    .argument("<environment>", "environment or environment/target")
    .argument("[setting]", "a JSON Pointer such as /logging/level; without it, everything that differs")
    .action(async (word: string, path: string | undefined, _: object, command: Command) =>
      (await import("./verbs/explain.js")).explain(word, path, globals(command)),
    );
  policy
    .command("test")
    .description("run the cases of policies/tests; of the environments' branches, or of a folder before a commit")
    .argument("[path...]", "a folder `policies`, one that has it, or a file of tests")
    .action(async (paths: string[], _: object, command: Command) =>
      (await import("./verbs/policy-test.js")).policyTest(paths, globals(command)),
    );
  policy
    .command("backtest")
    .description("what other policies would have decided on what was found in a period")
    .argument("[environment...]", "environment or environment/target")
    .option("--since <duration>", "how far back: 4h, 7d, …", "30d")
    .option("--policies <folder>", "policies on disk, before a commit")
    .option(
      "--revision <revision>",
      "those of a branch, tag or commit; default: what each environment's branch says now",
    )
    .action(
      async (words: string[], options: { since: string; policies?: string; revision?: string }, command: Command) =>
        (await import("./verbs/backtest.js")).backtest(words, options, globals(command)),
    );
  root
    .command("notify")
    .description("look at notifiers")
    .command("test")
    .description("send a test message to a notifier, at once")
    .argument("<name>", "as trueup.yaml has it: its name, or its kind")
    .action(async (name: string, _: object, command: Command) =>
      (await import("./verbs/notify.js")).notifyTest(name, globals(command)),
    );
  root
    .command("doctor")
    .description("check git, the store and every connection, and say what to do")
    .action(async (_: object, command: Command) => (await import("./verbs/doctor.js")).doctor(globals(command)));
  root
    .command("completion")
    .description("print the completion script of a shell")
    .addArgument(root.createArgument("<shell>").choices(["bash", "zsh", "fish"]))
    .action(async (shell: "bash" | "zsh" | "fish") => (await import("./verbs/completion.js")).completion(shell, root));
  return root;
}

function globals(command: Command): Globals {
  const { output, ...rest } = anyForm(command);
  // Before the verb does anything: only one of them has a page to show.
  if (output === "html") {
    command.error("error: only `report` answers as html; -o is table, json, yaml, markdown or github");
  }
  return { ...rest, output };
}

function anyForm(command: Command): ReportGlobals {
  const { config, output, verbose } = command.optsWithGlobals<{
    config: string;
    output: ReportGlobals["output"];
    verbose?: true;
  }>();
  return { config, output, verbose: verbose ?? false };
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("expected a whole number above 0");
  return value;
}

function version(): string {
  return "0.1.0";
}
