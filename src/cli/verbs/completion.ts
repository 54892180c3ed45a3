import type { Command } from "commander";
import { write } from "../output/print.js";

/** The completion script of a shell, made from the verbs and options that the command line declares. */
export async function completion(shell: "bash" | "zsh" | "fish", root: Command): Promise<void> {
  const verbs = root.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: [...command.options, ...root.options].flatMap(({ long }) => (long === undefined ? [] : [long])),
    verbs: command.commands.map((sub) => sub.name()),
  }));
  await write(SCRIPTS[shell](verbs));
}

interface Verb {
  readonly name: string;
  readonly description: string;
  readonly options: readonly string[];
  readonly verbs: readonly string[];
}

const SCRIPTS = { bash, zsh, fish } as const;

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map(
    ({ name, options, verbs: subs }) => `    ${name}) words="${[...subs, ...options].join(" ")}" ;;`,
  );
  return `# bash completion of trueup: source <(trueup completion bash)
_trueup() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="${verbs.map(({ name }) => name).join(" ")}" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${verbs.map(({ name }) => name).join(" ")}"; fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _trueup trueup
`;
}

function zsh(verbs: readonly Verb[]): string {
  const cases = verbs.map(
    ({ name, options, verbs: subs }) => `    ${name}) compadd -- ${[...subs, ...options].join(" ")} ;;`,
  );
  return `#compdef trueup
# zsh completion of trueup: source <(trueup completion zsh)
_trueup() {
  if (( CURRENT == 2 )); then
    compadd -- ${verbs.map(({ name }) => name).join(" ")}
    return
  fi
  case "$words[2]" in
${cases.join("\n")}
  esac
}
compdef _trueup trueup
`;
}

function fish(verbs: readonly Verb[]): string {
  const lines = verbs.flatMap(({ name, description, options, verbs: subs }) => [
    `complete -c trueup -n __fish_use_subcommand -f -a ${name} -d '${description.replaceAll("'", "\\'")}'`,
    ...subs.map((sub) => `complete -c trueup -n '__fish_seen_subcommand_from ${name}' -f -a ${sub}`),
    ...options.map((option) => `complete -c trueup -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
  ]);
  return `# fish completion of trueup: trueup completion fish | source\n${lines.join("\n")}\n`;
}
