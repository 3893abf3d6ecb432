/** What somebody may have meant: the nearest of the names that there are. Loaded when a name is not among them. */
import { OptionError } from "./errors.ts";

/** The error for an option that there is none of by this name: PyTorch's spelling, or a misspelt one, is put right. */
export function unknownOption(name: string, known: readonly string[], where = ""): OptionError {
  const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const meant = nearest(camel, known);
  return new OptionError(`There is no option ${name}${where}${meant === null ? "" : `; did you mean ${meant}?`}`);
}

/**
 * The candidate with the fewest edits from a word, if those are at most a third of its letters; else the only one that the
 * word begins.
 */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const letters = word.replace(/^-+/, "").length;
  const limit = letters < 2 ? 0 : Math.max(1, Math.floor(letters / 3));
  const ranked = candidates.map((candidate) => ({ candidate, edits: editDistance(word, candidate) }))
    .sort((a, b) => a.edits - b.edits);
  if (ranked.length > 0 && ranked[0].edits <= limit) return ranked[0].candidate;
  const longer = candidates.filter((candidate) => letters > 0 && candidate.startsWith(word));
  return longer.length === 1 ? longer[0] : null;
}

/** How many letters must be inserted, removed, replaced or swapped with their neighbour to make one word of the other. */
function editDistance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}
