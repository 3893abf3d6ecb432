/**
 * Chooses the sets of inputs of a verification and finds what each should give: the user's or the archive's inputs, or
 * generated ones, then the same at another size of each dynamic dim.
 */
import type { FxValue } from "../fx/mod.ts";
import type { SourceInput } from "../io/open.ts";
import { VerificationError } from "../ir/mod.ts";
import { symbol } from "../sym/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import type { Bindings } from "./bindings.ts";
import { type IntBound, integerBounds } from "./bounds.ts";
import { Guards } from "./guards.ts";
import { bindingsOf, casesOfFile, type InputCase, inputsAt, readTensors, userInputs } from "./inputs.ts";
import type { VerifyOptions } from "./options.ts";
import { type ReferenceValue, runProgram } from "./reference.ts";
import { largeSizes, largestValue, smallestSizes, smallSizes } from "./extremes.ts";
import { firstSizes, inputSymbols, otherSizes, type SizedProgram } from "./sizes.ts";
import { asTensor, isUserOutput, type Subject } from "./subject.ts";

/** Inputs with the reference's outputs, one per output of the model. */
export interface SolvedCase extends InputCase {
  readonly expected: readonly (Tensor | null)[];
  /** Whether a dim is 0 because `extremes` asks for it: not every kernel of a runtime takes empty tensors. */
  readonly isEmpty?: boolean;
}

/** Inputs that there is no reference for. */
export interface LostCase {
  readonly label: string;
  readonly reason: string;
  /** Whether the inputs may be to blame: the program refused them, or an index or size was out of range. */
  readonly unfit: boolean;
}

/** Computes what a set of inputs should give, one value per output of the model. */
export type Solver = (one: InputCase) => Promise<(Tensor | null)[]>;

/** What the program itself gives. */
export function eagerSolver({ program, table, outputs }: Subject): Solver {
  return async ({ values }) => {
    const results = await runProgram(program, table, values);
    const bySpec = new Map(program.signature.outputSpecs.map((spec, i) => [spec, results[i]]));
    return outputs.map(({ spec, value }) => asTensor(bySpec.get(spec) ?? null, value.meta, value.name));
  };
}

/** Elements that any value of the program may have at a large size. */
const MAX_LARGE = 2 ** 20;
/** How many sizes are tried before giving up on a program that takes only some. */
const MAX_TRIES = 8;

/** Sizes to try, in order: of all symbols together, or of one. */
type Sizes = (program: SizedProgram, base: Bindings, only?: string) => Iterable<Bindings>;

/** Finds the sets of inputs of one verification. */
export class CaseFinder {
  private readonly bounds: ReadonlyMap<FxValue, IntBound>;
  private readonly guards: Guards;

  constructor(
    private readonly subject: Subject,
    private readonly options: VerifyOptions,
    private readonly notes: string[],
    private readonly solver: Solver,
  ) {
    this.bounds = integerBounds(subject.program, subject.table);
    this.guards = new Guards(subject.program);
  }

  /** The sets of inputs, with what they should give; or why there is no reference for them. At least one. */
  async find(): Promise<(SolvedCase | LostCase)[]> {
    const { expected } = this.options;
    const tensors = expected === undefined ? null : await readTensors(expected);
    const given = await this.given(tensors);
    if (tensors) {
      if (this.options.extremes) {
        this.note("The ends of ranges were not tried: nothing is recorded to compare them with");
      }
      if (given) return this.withExpected(given, tensors);
      throw new VerificationError("There are no inputs that the expected outputs belong to", {
        hint: "Give inputs in a .safetensors file: the archive has no samples",
      });
    }
    const cases: (SolvedCase | LostCase)[] = [];
    if (given) { for (const one of given) cases.push(await this.solve(one)); }
    else cases.push(await this.generated());
    const [first] = cases;
    if ("values" in first) {
      // A second set that was given is there for another size.
      if (cases.length === 1) cases.push(...await this.others(first, given !== null, otherSizes));
      if (this.options.extremes) {
        const { program } = this.subject;
        const fits = (bindings: Bindings): boolean => largestValue(program, bindings) <= MAX_LARGE;
        const large: Sizes = (sized, base, only) => largeSizes(sized, base, fits, only);
        for (const sizes of [smallSizes, large]) cases.push(...await this.others(first, given !== null, sizes));
        // Last, for a runtime may not survive them.
        const smallest = await this.others(first, given !== null, smallestSizes);
        cases.push(...smallest.map((one) => "values" in one ? { ...one, isEmpty: one.values.some(isEmpty) } : one));
      }
    }
    return distinct(cases);
  }

  /** Inputs of the user or the archive; null when there are none. */
  private async given(expected: ReadonlyMap<string, Tensor> | null): Promise<InputCase[] | null> {
    const { program, inputs: fed } = this.subject;
    const { inputs } = this.options;
    const names = fed.map((input) => input.value.name);
    if (isList(inputs)) {
      bindingsOf(program, inputs);
      return [{ label: "given", values: await loadAll(inputs) }];
    }
    const file = inputs !== undefined
      ? await readTensors(inputs)
      : expected && [...expected.keys()].some((name) => /^input_\d+$/.test(name))
      ? expected
      : null;
    if (file) {
      const cases = casesOfFile(program, file, nameOf(inputs ?? this.options.expected!), names);
      for (const { values } of cases) bindingsOf(program, values);
      return cases;
    }
    const samples = await program.sampleInputs();
    if (!samples || samples.length !== userInputs(program).length) return null;
    return [{ label: "sample", values: await loadAll(samples) }];
  }

  /** Pairs inputs with the outputs of a file. */
  private withExpected(given: readonly InputCase[], tensors: ReadonlyMap<string, Tensor>): SolvedCase[] {
    const { outputs } = this.subject;
    const cases: SolvedCase[] = [];
    for (const [i, one] of given.entries()) {
      const prefix = i === 0 ? "" : "alt_";
      const has = (n: number): boolean => tensors.has(`${prefix}output_${n}`);
      if (i > 0 && !has(0)) continue;
      let n = 0;
      const expected = outputs.map(({ spec }) =>
        isUserOutput(spec) ? tensors.get(`${prefix}output_${n++}`) ?? null : null
      );
      if (n > 0 && !has(0)) {
        throw new VerificationError(`${nameOf(this.options.expected!)} has no tensor ${prefix}output_0`);
      }
      if (!has(n - 1) || has(n)) {
        let count = 0;
        while (has(count)) count++;
        throw new VerificationError(`${nameOf(this.options.expected!)} has ${count} outputs, but the model has ${n}`);
      }
      cases.push({ ...one, expected });
    }
    if (outputs.some(({ spec }) => !isUserOutput(spec))) {
      this.notes.push("New values of buffers were not compared: the expected outputs don't have them");
    }
    return cases;
  }

  /** The reference's outputs for a set of inputs. */
  private async solve(one: InputCase): Promise<SolvedCase | LostCase> {
    try {
      return { ...one, expected: await this.solver(one) };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // A runtime does not tell whether the inputs are to blame: other sizes may do.
      const unfit = error instanceof RangeError || error.cause instanceof RangeError ||
        this.options.reference === "wasm" && error instanceof VerificationError;
      return { label: one.label, reason: `The reference can't be computed: ${error.message}`, unfit };
    }
  }

  /** Generated inputs, at the first sizes that the program takes. */
  private async generated(): Promise<SolvedCase | LostCase> {
    const { program } = this.subject;
    const none = {
      label: "generated",
      reason: "No sizes fit the program: give inputs in a .safetensors file",
      unfit: true,
    };
    return await this.firstThatFits(firstSizes(program), null, () => "generated") ?? none;
  }

  /**
   * The inputs at other sizes: all dynamic dims changed together, or where the program takes no such sizes, one after the
   * other. What can't be changed at all is noted.
   */
  private async others(
    first: SolvedCase,
    isGiven: boolean,
    sizes: Sizes,
  ): Promise<(SolvedCase | LostCase)[]> {
    const { program, dimName } = this.subject;
    const base = bindingsOf(program, first.values);
    const samples = isGiven ? first.values : null;
    const label = (bindings: Bindings): string => this.changes(bindings, base);
    const all = await this.firstThatFits(sizes(program, base), samples, label);
    if (!all) return [];
    if (!isUnfit(all)) return [all];
    const cases: (SolvedCase | LostCase)[] = [];
    for (const { key, kind } of inputSymbols(program)) {
      if (kind !== "int") continue;
      const one = await this.firstThatFits(sizes(program, base, key), samples, label);
      if (!one) continue;
      if (!isUnfit(one)) cases.push(one);
      else if (sizes === otherSizes) this.note(`No other size of ${dimName(symbol(key))} was compared. ${one.reason}`);
      else this.note(`Not compared: ${one.label}. ${one.reason}`);
    }
    return cases;
  }

  /** Inputs at the first of some sizes that the program takes, or the first failure if it takes none; null without sizes. */
  private async firstThatFits(
    sizes: Iterable<Bindings>,
    samples: readonly ReferenceValue[] | null,
    label: (bindings: Bindings) => string,
  ): Promise<SolvedCase | LostCase | null> {
    const { program } = this.subject;
    let lost: LostCase | null = null;
    let tries = 0;
    for (const bindings of sizes) {
      const guard = this.guards.broken(bindings);
      if (guard !== null) {
        const reason = `The program was captured for sizes where ${guard}`;
        lost ??= { label: label(bindings), reason, unfit: true };
        continue;
      }
      if (tries++ === MAX_TRIES) break;
      const values = inputsAt(program, bindings, this.bounds, samples);
      const solved = await this.solve({ label: label(bindings), values });
      if (!isUnfit(solved)) return solved;
      lost ??= solved;
    }
    return lost;
  }

  private note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  /** `s18=98, s77=9`. */
  private changes(bindings: Bindings, base: Bindings): string {
    return [...bindings.values].filter(([name, value]) => Number(base.values.get(name)) !== Number(value))
      .map(([name, value]) => `${this.subject.dimName(symbol(name))}=${value}`).join(", ");
  }
}

/** The cases without those whose sizes came before. */
function distinct(cases: readonly (SolvedCase | LostCase)[]): (SolvedCase | LostCase)[] {
  const labels = new Set<string>();
  return cases.filter(({ label }) => !labels.has(label) && labels.add(label));
}

function isUnfit(one: SolvedCase | LostCase): one is LostCase {
  return "unfit" in one && one.unfit;
}

function isEmpty(value: ReferenceValue): boolean {
  return value instanceof Tensor && value.numel === 0;
}

async function loadAll(values: readonly ReferenceValue[]): Promise<ReferenceValue[]> {
  return await Promise.all(values.map((value) => value instanceof Tensor ? value.load() : value));
}

function isList(inputs: VerifyOptions["inputs"]): inputs is readonly ReferenceValue[] {
  return Array.isArray(inputs);
}

function nameOf(input: SourceInput | readonly ReferenceValue[]): string {
  if (typeof input === "string") return input;
  if (input instanceof URL) return input.href;
  return "name" in input && typeof input.name === "string" ? input.name : "the file";
}
