/** One verification: chooses inputs, runs the model and the reference on them, and compares. */
import type { FxValue } from "../fx/mod.ts";
import { tensorOf } from "../fx/mod.ts";
import type { SourceInput } from "../io/open.ts";
import { Fx2OnnxError, VerificationError } from "../ir/mod.ts";
import type { OnnxValue } from "../onnx/model.ts";
import { serializeForRuntime } from "../onnx/write_model.ts";
import { symbol } from "../sym/mod.ts";
import { Tensor } from "../tensor/mod.ts";
import type { Bindings } from "./bindings.ts";
import { integerBounds } from "./bounds.ts";
import { compareKind, compareTensors, describe, failed, type Tolerance } from "./compare.ts";
import { bindingsOf, casesOfFile, type InputCase, inputsAt, readTensors, userInputs } from "./inputs.ts";
import { compareIntermediates } from "./intermediates.ts";
import { observe, type Observed, passage } from "./observe.ts";
import { AssertionError, randomValues, type ReferenceValue, runProgram } from "./reference.ts";
import type { OutputComparison, RunComparison, VerificationReport } from "./report.ts";
import { chooseProvider, type Provider, RuntimeSession } from "./session.ts";
import { firstSizes, otherSizes } from "./sizes.ts";
import { asTensor, fromRuntime, isUserOutput, type Subject, toRuntime } from "./subject.ts";

/** How a model is verified. */
export interface VerifyOptions extends Tolerance {
  /** Where the model runs: on WebGPU where there is an adapter (`auto`, the default), on WebGPU or nowhere, or on the CPU. */
  readonly ep?: "auto" | Provider;
  /**
   * One value per user input of the program, or a `.safetensors` file with `input_0`, `input_1`, … (or the inputs' names),
   * and `alt_input_0`, … for a second set. Default: the archive's samples, else generated inputs.
   */
  readonly inputs?: SourceInput | readonly ReferenceValue[];
  /** A `.safetensors` file with `output_0`, … (and `alt_output_0`, …) to compare with instead of the eager interpreter. */
  readonly expected?: SourceInput;
  /** Compares every value that can be seen, and names the first node that differs. */
  readonly intermediates?: boolean;
}

/** How many other sizes are tried before giving up on a program that asserts things about its sizes. */
const MAX_TRIES = 8;

/** Inputs with the reference's outputs, one per output of the model. */
export interface SolvedCase extends InputCase {
  readonly expected: readonly (Tensor | null)[];
}

/** Runs a verification. @throws {VerificationError} when options or inputs do not fit, or a provider is missing */
export async function runVerification(subject: Subject, options: VerifyOptions): Promise<VerificationReport> {
  const provider = await chooseProvider(options.ep ?? "auto");
  return await new Verification(subject, options, provider).run();
}

/** What a verification and its comparison of intermediates share. */
export class Verification {
  readonly random: ReadonlySet<FxValue>;
  readonly notes: string[] = [];
  provider: Provider;

  constructor(readonly subject: Subject, readonly options: VerifyOptions, provider: Provider) {
    this.random = randomValues(subject.program, subject.table);
    this.provider = provider;
  }

  async run(): Promise<VerificationReport> {
    const cases = await this.cases();
    let session: RuntimeSession;
    let observed: Observed;
    try {
      observed = this.observed();
      session = await this.open(observed);
    } catch (error) {
      return this.report([], { failure: messageOf(error) });
    }
    const runs: RunComparison[] = [];
    try {
      for (const { label, ...inputs } of cases) {
        runs.push(
          "reason" in inputs ? lost(label, inputs.reason) : await this.compare(session, observed, { label, ...inputs }),
        );
      }
    } finally {
      await session.release();
    }
    if (!this.options.intermediates) return this.report(runs, {});
    const failing = runs.findIndex((run) => !run.passed && run.reason === "");
    const chosen = cases[Math.max(0, failing)];
    if ("reason" in chosen) return this.report(runs, {});
    const found = await compareIntermediates(this, chosen);
    const runtimeFusion = failing >= 0 && found.divergence === null && found.outputsPassed;
    return this.report(runs, { divergence: found.divergence, hidden: found.hidden, runtimeFusion });
  }

  private report(runs: readonly RunComparison[], rest: Partial<VerificationReport>): VerificationReport {
    const failure = rest.failure ?? null;
    return {
      ep: this.provider,
      reference: this.options.expected === undefined ? "eager" : "expected",
      runs,
      divergence: null,
      runtimeFusion: false,
      hidden: [],
      notes: this.notes,
      ...rest,
      failure,
      passed: failure === null && runs.length > 0 && runs.every((run) => run.passed),
    };
  }

  private observed(): Observed {
    const { model, bytes } = this.subject;
    const asIs = [...this.subject.inputs, ...this.subject.outputs].every(({ value }) =>
      value.meta && passage(value.meta.dtype) === "same"
    );
    if (!bytes || !asIs) return observe(model);
    const named = (values: readonly OnnxValue[]): Observed["inputs"] => new Map(values.map((v) => [v, v.name]));
    return { model, inputs: named(this.subject.inputs.map((i) => i.value)), outputs: named(model.graph.outputs) };
  }

  /** A session for a copy of the model; where any provider will do, the CPU takes what WebGPU can't. */
  async open(observed: Observed): Promise<RuntimeSession> {
    const { model, bytes } = this.subject;
    const input = observed.model === model && bytes
      ? { bytes: bytes as Uint8Array<ArrayBuffer>, externalData: [] }
      : await serializeForRuntime(observed.model);
    try {
      return await RuntimeSession.create(input, this.provider);
    } catch (error) {
      if (this.provider !== "webgpu" || this.options.ep === "webgpu") throw error;
      this.notes.push(`WebGPU was not used: ${messageOf(error)}`);
      this.provider = "wasm";
      return await RuntimeSession.create(input, "wasm");
    }
  }

  /** The sets of inputs, with what they should give; or why there is no reference for them. */
  private async cases(): Promise<(SolvedCase | { readonly label: string; readonly reason: string })[]> {
    const { program } = this.subject;
    const { expected } = this.options;
    const expectedTensors = expected === undefined ? null : await readTensors(expected);
    const given = await this.given(expectedTensors);
    if (expectedTensors) {
      if (!given) {
        throw new VerificationError("There are no inputs that the expected outputs belong to", {
          hint: "Give inputs in a .safetensors file: the archive has no samples",
        });
      }
      return this.withExpected(given, expectedTensors);
    }
    const cases = [];
    if (given) { for (const one of given) cases.push(await this.solve(one)); }
    else cases.push(await this.firstThatFits(firstSizes(program), null, "generated"));
    const [first] = cases;
    if (cases.length > 1 || "reason" in first) return cases;
    const base = bindingsOf(program, first.values);
    const sizes = otherSizes(program, base);
    const other = await this.firstThatFits(sizes, given ? first.values : null, "", base);
    if ("values" in other || other.reason !== "") cases.push(other);
    return cases;
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
  private async solve(one: InputCase): Promise<SolvedCase | { label: string; reason: string; refused?: boolean }> {
    const { program, table, outputs } = this.subject;
    try {
      const results = await runProgram(program, table, one.values);
      const bySpec = new Map(program.signature.outputSpecs.map((spec, i) => [spec, results[i]]));
      const expected = outputs.map(({ spec, value }) => asTensor(bySpec.get(spec) ?? null, value.meta, value.name));
      return { ...one, expected };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const refused = error instanceof AssertionError || error.cause instanceof AssertionError;
      return { label: one.label, reason: `The reference can't be computed: ${error.message}`, refused };
    }
  }

  /** Inputs at the first of some sizes that the program's own assertions don't refuse; an empty reason when there are none. */
  private async firstThatFits(
    sizes: Iterable<Bindings>,
    samples: readonly ReferenceValue[] | null,
    label: string,
    base?: Bindings,
  ): Promise<SolvedCase | { label: string; reason: string }> {
    const { program, table } = this.subject;
    const bounds = integerBounds(program, table);
    let refused: { label: string; reason: string } | null = null;
    let tries = 0;
    for (const bindings of sizes) {
      if (tries++ === MAX_TRIES) break;
      const one = {
        label: label || this.changes(bindings, base!),
        values: inputsAt(program, bindings, bounds, samples),
      };
      const solved = await this.solve(one);
      if (!("refused" in solved && solved.refused)) return solved;
      refused = solved;
    }
    if (!base) {
      return refused ?? { label, reason: "No sizes fit the program's constraints: give inputs in a .safetensors file" };
    }
    if (refused) this.notes.push(`Other sizes were not tried: ${refused.reason}`);
    return { label, reason: "" };
  }

  /** `s18=98, s77=9`. */
  private changes(bindings: Bindings, base: Bindings): string {
    return [...bindings.values].filter(([name, value]) => Number(base.values.get(name)) !== Number(value))
      .map(([name, value]) => `${this.subject.dimName(symbol(name))}=${value}`).join(", ");
  }

  /** Runs the model on a set of inputs and compares its outputs. */
  private async compare(session: RuntimeSession, observed: Observed, one: SolvedCase): Promise<RunComparison> {
    let results: ReadonlyMap<string, Tensor>;
    try {
      results = await session.run(await this.feeds(observed, one));
    } catch (error) {
      if (!(error instanceof Fx2OnnxError)) throw error;
      return lost(one.label, error.message);
    }
    const outputs = this.compareOutputs(observed, results, one.expected);
    return { inputs: one.label, outputs, passed: outputs.every((output) => output.passed), reason: "" };
  }

  /** The runtime's inputs: the user's, and the initial values of state. */
  async feeds(observed: Observed, { values }: InputCase): Promise<Map<string, Tensor>> {
    const { program, inputs } = this.subject;
    const users = userInputs(program);
    const feeds = new Map<string, Tensor>();
    for (const { spec, value } of inputs) {
      const name = observed.inputs.get(value)!;
      const at = users.indexOf(spec);
      const given = at >= 0 ? values[at] : await tensorOf(program, spec)?.load() ?? null;
      feeds.set(name, toRuntime(asTensor(given, value.meta, `Input ${name}`)));
    }
    return feeds;
  }

  /** Compares the model's outputs; those without an expected value are left out. */
  compareOutputs(
    observed: Observed,
    results: ReadonlyMap<string, Tensor>,
    expected: readonly (Tensor | null)[],
  ): OutputComparison[] {
    return this.subject.outputs.flatMap(({ spec, value }, i) => {
      const reference = expected[i];
      if (!reference) return [];
      const result = results.get(observed.outputs.get(value)!);
      if (!result) return [failed(value.name, "", describe(reference), "the runtime gave no such output")];
      const actual = fromRuntime(result, value.meta);
      if (!this.random.has(spec.arg as FxValue)) {
        return [compareTensors(value.name, actual, reference, this.options)];
      }
      this.note(`Output ${value.name} is random: only its dtype and shape were compared`);
      return [compareKind(value.name, actual, reference)];
    });
  }

  private note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }
}

function lost(inputs: string, reason: string): RunComparison {
  return { inputs, outputs: [], passed: false, reason };
}

/** The message of an error about the model; others are bugs and pass on. */
function messageOf(error: unknown): string {
  if (error instanceof Fx2OnnxError || error instanceof RangeError || error instanceof TypeError) return error.message;
  throw error;
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
