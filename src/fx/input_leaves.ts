/** Where the leaves of a program's inputs are in a call, for messages and in PyTorch's guards. */
import type { ExportedProgram, InputSpec, TreeSpec } from "./program.ts";
import { childNames, countLeaves, dictKeys } from "./tree.ts";

/** A leaf of the program's inputs: where it is in a call, and how PyTorch's guards write that. */
export interface InputLeaf {
  readonly spec: InputSpec;
  /** For messages: `input_dict.tensor_x`. */
  readonly where: string;
  /** `L['input_dict']['tensor_x']`. */
  readonly guard: string;
}

/** How guards write the size of an input along an axis. */
export function guardOfSize({ guard }: InputLeaf, axis: number): string {
  return `${guard}.size()[${axis}]`;
}

/** What of a program tells where its inputs are in a call. */
type CalledProgram = Pick<ExportedProgram, "moduleCallGraph" | "namedTuples" | "signature">;

/** Every leaf of the program's inputs, in the order of the signature. */
export function inputLeaves(program: CalledProgram): InputLeaf[] {
  const specs = program.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT");
  const leaves: InputLeaf[] = [];
  const visit = (tree: TreeSpec, where: string, guard: string): void => {
    if (tree.type === null) {
      leaves.push({ spec: specs[leaves.length], where, guard });
      return;
    }
    const names = childNames(tree, program.namedTuples);
    tree.children.forEach((child, i) => {
      const name = names?.[i];
      if (name === undefined) visit(child, `${where}[${i}]`, `${guard}[${i}]`);
      else visit(child, `${where}.${name}`, `${guard}[${typeof name === "string" ? `'${name}'` : name}]`);
    });
  };
  for (const { name, tree } of topLevel(program)) visit(tree, name, `L['${name}']`);
  return leaves;
}

/** An argument of the program's call. */
export interface TopLevelArgument {
  readonly name: string;
  readonly tree: TreeSpec;
  readonly positional: boolean;
}

/** The arguments of a program: positional ones, then those by keyword. */
export function topLevel(program: CalledProgram): TopLevelArgument[] {
  const { inSpec, forwardArgNames } = program.moduleCallGraph[0].signature!;
  const [positional, keyword] = inSpec.children;
  const specs = program.signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT");
  let first = 0;
  const args = positional.children.map((tree, i) => {
    const name = forwardArgNames?.[i] ?? (tree.type === null ? specs[first].value.name : String(i));
    first += countLeaves(tree);
    return { name, tree, positional: true };
  });
  const keys = dictKeys(keyword).map(String);
  return [...args, ...keyword.children.map((tree, i) => ({ name: keys[i], tree, positional: false }))];
}
