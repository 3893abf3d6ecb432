/** `fx2onnx completions`: shell scripts that complete the command line, made of the commands' tables. */
import { type Command, COMMON, dashed, defineCommand, type Flag, type Flags } from "./args.ts";
import { COMMANDS } from "./commands.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

const HELP: Flag = { name: "help", alias: "h", about: "help on the command" };

async function run(flags: Flags<typeof COMMON[number]>): Promise<number> {
  const [shell] = flags.positionals;
  const loaded = await Promise.all([...COMMANDS.values()].map((entry) => entry.load()));
  const commands = loaded.map(({ command }) => ({ ...command, flags: [...command.flags, HELP] }));
  const script = { bash, zsh, fish }[shell as typeof SHELLS[number]];
  if (flags.flag("json")) (await import("./json.ts")).printJson({ input: shell }, { script: script(commands) });
  else console.log(script(commands));
  return 0;
}

function namesOf({ name, alias }: Flag): string[] {
  return [name, ...(alias === undefined ? [] : [alias])].map(dashed);
}

/** Text in single quotes, as the Bourne shells take it. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One word per line: the script splits at newlines only, so that names of files may have blanks. */
function words(list: readonly string[]): string {
  return `$'${list.join("\\n")}'`;
}

function bash(commands: readonly Command[]): string {
  const reply = (options: string): string => `COMPREPLY=($(compgen ${options} -- "$cur"))`;
  const valueOf = ({ value, allowed }: Flag): string => {
    if (allowed) return reply(`-W ${words(allowed)}`);
    return value === "FILE" ? files(reply("-f")) : value === "DIR" ? files(reply("-d")) : "";
  };
  const files = (line: string): string => `compopt -o filenames 2>/dev/null; ${line}`;
  const values = commands.flatMap(({ name, flags }) =>
    flags.filter((flag) => flag.value !== undefined).map((flag) => {
      const cases = namesOf(flag).map((one) => `"${name} ${one}"`).join(" | ");
      return `    ${cases}) ${valueOf(flag)}; return ;;`.replace(") ;", ")");
    })
  );
  const operandsOf = ({ operands }: Command): string => {
    if (operands.allowed) return reply(`-W ${words(operands.allowed)}`);
    if (!operands.files) return ":";
    const parts = operands.files.map((ending) => `compgen -f -X ${quote(`!*.${ending}`)} -- "$cur"`);
    return files(`COMPREPLY=($(compgen -d -- "$cur"; ${parts.join("; ")}))`);
  };
  const rest = commands.map((command) =>
    [
      `    ${command.name})`,
      `      if [[ "$cur" == -* ]]; then ${reply(`-W ${words(command.flags.flatMap(namesOf))}`)}`,
      `      else ${operandsOf(command)}; fi ;;`,
    ].join("\n")
  );
  return [
    "# Completion of fx2onnx for bash. To use it: source <(fx2onnx completions bash)",
    "_fx2onnx() {",
    `  local IFS=$'\\n' cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"`,
    "  COMPREPLY=()",
    '  if [[ "$COMP_CWORD" -eq 1 ]]; then',
    `    ${reply(`-W ${words([...commands.map((c) => c.name), "--help", "--version"])}`)}; return`,
    "  fi",
    "  # --option=value is three words for bash.",
    '  if [[ "$cur" == "=" ]]; then cur=""; elif [[ "$prev" == "=" ]]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi',
    '  case "${COMP_WORDS[1]} $prev" in',
    ...values,
    "  esac",
    '  case "${COMP_WORDS[1]}" in',
    ...rest,
    "  esac",
    "  return 0",
    "}",
    "complete -F _fx2onnx fx2onnx",
  ].join("\n");
}

function zsh(commands: readonly Command[]): string {
  const escaped = (text: string): string => text.replace(/[[\]:\\]/g, (c) => `\\${c}`);
  const action = ({ value, allowed }: Flag): string => {
    if (value === undefined) return "";
    const what = allowed ? `(${allowed.join(" ")})` : value === "FILE" ? "_files" : value === "DIR" ? "_files -/" : " ";
    return `:${escaped(value)}:${what}`;
  };
  const argument = (flag: Flag): string[] => {
    const names = namesOf(flag);
    return names.map((name) => {
      const others = flag.repeatable ? "*" : `(${names.join(" ")})`;
      return quote(`${others}${name}[${escaped(flag.about)}]${action(flag)}`);
    });
  };
  const operands = ({ operands: { what, files, allowed } }: Command): string => {
    if (allowed) return quote(`*:${what}:(${allowed.join(" ")})`);
    return quote(files ? `*:${what}:_files -g "*.(${files.join("|")})"` : `*:${what}: `);
  };
  return [
    "#compdef fx2onnx",
    "# Completion of fx2onnx for zsh. To use it, write this to a file _fx2onnx in a folder of $fpath",
    "_fx2onnx() {",
    "  if (( CURRENT == 2 )); then",
    "    local -a commands=(",
    ...commands.map(({ name, about }) => `      ${quote(`${name}:${about.replaceAll(":", "\\:")}`)}`),
    "    )",
    "    _describe command commands",
    "    return",
    "  fi",
    "  local command=$words[2]",
    "  shift words",
    "  (( CURRENT-- ))",
    "  case $command in",
    ...commands.map((command) =>
      [
        `    ${command.name})`,
        "      _arguments \\",
        ...command.flags.flatMap(argument).map((line) => `        ${line} \\`),
        `        ${operands(command)} ;;`,
      ].join("\n")
    ),
    "  esac",
    "}",
    '_fx2onnx "$@"',
  ].join("\n");
}

function fish(commands: readonly Command[]): string {
  const text = (about: string): string => `'${about.replace(/[\\']/g, (c) => `\\${c}`)}'`;
  const lines = ["# Completion of fx2onnx for fish. To use it: fx2onnx completions fish | source"];
  for (const { name, about, flags, operands } of commands) {
    lines.push(`complete -c fx2onnx -n __fish_use_subcommand -f -a ${name} -d ${text(about)}`);
    const within = `complete -c fx2onnx -n '__fish_seen_subcommand_from ${name}'`;
    if (operands.allowed) lines.push(`${within} -f -a ${text(operands.allowed.join(" "))}`);
    for (const flag of flags) {
      const names = [flag.name, ...(flag.alias === undefined ? [] : [flag.alias])]
        .map((one) => one.length === 1 ? `-s ${one}` : `-l ${one}`).join(" ");
      const value = flag.value === undefined
        ? ""
        : flag.allowed
        ? ` -x -a ${text(flag.allowed.join(" "))}`
        : flag.value === "FILE"
        ? " -r -F"
        : flag.value === "DIR"
        ? " -x -a '(__fish_complete_directories)'"
        : " -x";
      lines.push(`${within} ${names}${value} -d ${text(flag.about)}`);
    }
  }
  return lines.join("\n");
}

/** The command. */
export const command: Command = defineCommand({
  name: "completions",
  synopsis: "bash|zsh|fish",
  about: "Prints a script that completes commands, options and values in a shell",
  operands: { what: "shell", min: 1, max: 1, allowed: SHELLS },
  flags: COMMON,
  examples: [
    ["bash >> ~/.bashrc", "for bash"],
    ["zsh > ~/.zfunc/_fx2onnx", "for zsh, with ~/.zfunc in $fpath"],
    ["fish > ~/.config/fish/completions/fx2onnx.fish", "for fish"],
  ],
  run,
});
