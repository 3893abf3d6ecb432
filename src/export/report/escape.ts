/**
 * Texts of an archive in HTML and Markdown. They are strangers': a name may hold markup, a fence of code, characters that turn
 * the direction of text, or the end of a table cell.
 */

/** Controls but tab and newline, and what changes the direction of text: shown as what they are. */
// deno-lint-ignore no-control-regex -- these are what is looked for
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** A text without characters that can't be seen. */
export function visible(text: string): string {
  return text.replaceAll("\r\n", "\n").toWellFormed().replace(
    INVISIBLE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A text in an element or an attribute of HTML. */
export function escapeHtml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (c) => ENTITIES[c]);
}

/** A text as it is, as code in a line of Markdown. */
export function inlineCode(text: string): string {
  if (text === "") return "";
  const line = visible(text).replace(/\s*\n\s*/g, " ⏎ ");
  const fence = fenceFor(line, 1);
  // The spaces keep backticks at an end apart from the fence; Markdown drops them again.
  const pad = fence.length > 1 || (line.startsWith(" ") && line.endsWith(" ")) ? " " : "";
  return `${fence}${pad}${line}${pad}${fence}`;
}

/** {@linkcode inlineCode} for the cell of a table, which an unescaped bar would end even there. */
export function cellCode(text: string): string {
  return inlineCode(text.replaceAll("\\|", "\\u007c")).replaceAll("|", "\\|");
}

/** A text as it is, as a block of Markdown. */
export function codeBlock(text: string, language = ""): string {
  const shown = visible(text);
  const fence = fenceFor(shown, 3);
  return `${fence}${language}\n${shown}${shown.endsWith("\n") ? "" : "\n"}${fence}\n`;
}

/** A fence that the text can't close. */
function fenceFor(text: string, least: number): string {
  let longest = 0;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  return "`".repeat(Math.max(least, longest + 1));
}

/** Words in a line of Markdown: nothing in them is markup. */
export function plainText(text: string): string {
  const line = visible(text).replace(/\s*\n\s*/g, " ").replace(/[\\`*_{}\[\]()#+!|~$]/g, "\\$&");
  // Not every renderer knows a backslash before these.
  return line.replace(/[&<>]/g, (c) => ENTITIES[c]);
}
