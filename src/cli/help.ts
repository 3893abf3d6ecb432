/** Help and suggestions: made of the commands' tables when they are asked for. */
import { nearest } from "../ir/nearest.ts";
import { type Command, dashed, type Flag, type Misuse } from "./args.ts";

/** Longest line of help, in characters. */
const WIDTH = 100;
/** Column at which descriptions begin. */
const COLUMN = 28;

const HELP: Flag = { name: "help", alias: "h", about: "this text" };

/** `Usage: fx2onnx export …`. */
export function usageOf({ name, synopsis }: Command): string {
  return `Usage: fx2onnx ${name} ${synopsis}`;
}

/** A command's help. */
export function helpOf(command: Command): string {
  const { name, about, details = [], flags, examples } = command;
  return [
    usageOf(command),
    "",
    ...wrap(about, WIDTH),
    ...details.flatMap((text) => ["", ...wrap(text, WIDTH)]),
    "",
    "Options:",
    ...[...flags, HELP].flatMap(flagLines),
    "",
    "Examples:",
    ...exampleLines(name, examples),
  ].join("\n");
}

/** Examples with what they do behind them, or above them where that would be too wide. */
function exampleLines(name: string, examples: Command["examples"]): string[] {
  const calls = examples.map(([args]) => `  fx2onnx ${name}${args === "" ? "" : ` ${args}`}`);
  const width = Math.max(...calls.map((line) => line.length));
  const lines = examples.map(([, what], i) => `${calls[i].padEnd(width)}  # ${what}`);
  if (lines.every((line) => line.length <= WIDTH)) return lines;
  return examples.flatMap(([, what], i) => [`  # ${what}`, calls[i]]);
}

function flagLines({ name, alias, value, allowed, about, default: otherwise, repeatable }: Flag): string[] {
  const short = alias?.length === 1 ? `-${alias}, ` : "    ";
  const head = `  ${short}--${name}${value === undefined ? "" : ` ${value}`}`;
  const notes = [
    ...(otherwise === undefined ? [] : [`default ${otherwise}`]),
    ...(repeatable ? ["repeatable"] : []),
    ...(alias !== undefined && alias.length > 1 ? [`also ${dashed(alias)}`] : []),
  ];
  const values = allowed === undefined ? "" : `: ${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1)}`;
  const text = wrap(`${about}${values}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`, WIDTH - COLUMN);
  const first = head.length + 2 <= COLUMN ? [head.padEnd(COLUMN) + text[0]] : [head, " ".repeat(COLUMN) + text[0]];
  return [...first, ...text.slice(1).map((line) => " ".repeat(COLUMN) + line)];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}

/** What was meant, for what was met, if anything is near: `; did you mean --verify?`. */
export function suggestion({ near }: Misuse): string {
  const found = near && nearest(near.met, near.candidates);
  return found ? `; did you mean ${found}?` : "";
}
