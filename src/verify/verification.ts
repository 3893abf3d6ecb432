/** One verification: runs the model on each set of inputs and compares what it gives with the reference. */
import { type FxValue, tensorOf } from "../fx/mod.ts";
import { Fx2OnnxError, VerificationError } from "../ir/mod.ts";
import type { Model, OnnxValue } from "../onnx/model.ts";
import { serializeForRuntime } from "../onnx/write_model.ts";
import type { DType, Tensor } from "../tensor/mod.ts";
import { CaseFinder, eagerSolver, type LostCase, type SolvedCase, type Solver } from "./cases.ts";
import { compareKind, compareTensors, describe, failed } from "./compare.ts";
import { type InputCase, userInputs } from "./inputs.ts";
import { compareIntermediates } from "./intermediates.ts";
import { observe, type Observed, passage } from "./observe.ts";
import type { VerifyOptions } from "./options.ts";
import type { Placement } from "./placement.ts";
import { randomValues } from "./reference.ts";
import type { OutputComparison, RunComparison, VerificationReport } from "./report.ts";
import { chooseProvider, isCrash, type Provider, RuntimeSession } from "./session.ts";
import { asTensor, fromRuntime, type Subject, toRuntime } from "./subject.ts";
import { checkTolerance } from "./tolerance.ts";

/**
 * Runs a verification.
 *
 * @throws {VerificationError} when options or inputs do not fit, or a provider is missing
 */
export async function runVerification(subject: Subject, options: VerifyOptions): Promise<VerificationReport> {
  checkOptions(options);
  const provider = await chooseProvider(options.reference === "wasm" ? "webgpu" : options.ep ?? "auto");
  return await new Verification(subject, options, provider).run();
}

function checkOptions(options: VerifyOptions): void {
  checkTolerance(options);
  const { reference, expected, ep, intermediateBytes: bytes } = options;
  if (reference !== undefined && reference !== "eager" && reference !== "wasm") {
    throw new VerificationError(`Option reference must be eager or wasm, met ${String(reference)}`);
  }
  if (reference !== undefined && expected !== undefined) {
    throw new VerificationError("Options reference and expected exclude each other");
  }
  if (reference === "wasm" && ep === "wasm") {
    throw new VerificationError("Option reference is wasm, which is also where option ep lets the model run", {
      hint: "Choose ep webgpu: a run compared with itself shows nothing",
    });
  }
  if (bytes !== undefined && !(bytes > 0)) {
    throw new VerificationError(`Option intermediateBytes must be a positive number, met ${bytes}`);
  }
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
    const placement = await this.placement();
    const runs: RunComparison[] = [];
    let cases: readonly (SolvedCase | LostCase)[];
    if (this.options.reference === "wasm") {
      try {
        cases = await this.withReferenceSession((solve) => this.findCases(solve));
      } catch (error) {
        if (error instanceof NoReference) return this.report([], { placement, failure: error.message });
        throw error;
      }
    } else cases = await this.findCases(eagerSolver(this.subject));
    try {
      await this.runAll(this.observed(), cases, runs);
    } catch (error) {
      return this.report([], { placement, failure: messageOf(error) + foreignNodes(this.subject.model) });
    }
    if (!this.options.intermediates) return this.report(runs, { placement });
    const failing = runs.find((run) => !run.passed && run.reason === "");
    const chosen = cases.find(({ label }) => label === failing?.inputs) ?? cases[0];
    if ("reason" in chosen) return this.report(runs, { placement });
    const found = await compareIntermediates(this, chosen);
    const runtimeFusion = failing !== undefined && found.divergence === null && found.outputsPassed;
    return this.report(runs, { placement, divergence: found.divergence, hidden: found.hidden, runtimeFusion });
  }

  private async findCases(solve: Solver): Promise<(SolvedCase | LostCase)[]> {
    return await new CaseFinder(this.subject, this.options, this.notes, solve).find();
  }

  /** Runs `body` with outputs that the CPU computes for inputs. */
  private async withReferenceSession<T>(body: (solve: Solver) => Promise<T>): Promise<T> {
    let session: RuntimeSession;
    let observed: Observed;
    try {
      observed = this.observed();
      session = await this.open(observed, "wasm");
    } catch (error) {
      throw new NoReference(messageOf(error) + foreignNodes(this.subject.model));
    }
    try {
      return await body(async (one) => {
        const results = await session.run(await this.feeds(observed, one));
        return this.subject.outputs.map(({ value }) => {
          const result = results.get(observed.outputs.get(value)!);
          return result ? fromRuntime(result, value.meta) : null;
        });
      });
    } finally {
      await session.release();
    }
  }

  private async placement(): Promise<Placement | null> {
    if (!this.options.placement) return null;
    const { placeNodes } = await import("./placement.ts");
    await chooseProvider("webgpu");
    try {
      return await placeNodes(this.subject.model);
    } catch (error) {
      this.notes.push(`Where WebGPU runs the nodes is not known: ${messageOf(error)}`);
      return null;
    }
  }

  /** Runs every set of inputs, all with one provider: where any will do and WebGPU fails at one, all on the CPU. */
  private async runAll(
    observed: Observed,
    cases: readonly (SolvedCase | LostCase)[],
    runs: RunComparison[],
  ): Promise<void> {
    const session = await this.open(observed);
    try {
      for (const one of cases) {
        const { label } = one;
        if ("reason" in one) {
          runs.push(lost(label, one.reason));
          continue;
        }
        const feeds = await this.feeds(observed, one);
        try {
          runs.push(this.compare(observed, one, await session.run(feeds)));
        } catch (error) {
          const reason = messageOf(error);
          if (one.isEmpty && (session.provider === "webgpu" || isCrash(error))) {
            this.notes.push(`Not compared: ${label}. Some kernels of the runtime do not take empty tensors: ${reason}`);
            continue;
          }
          if (this.mayLeaveWebGpu) {
            this.leaveWebGpu(reason);
            break;
          }
          runs.push(lost(label, reason));
        }
      }
    } finally {
      await session.release();
    }
    if (this.provider === "webgpu" || session.provider === this.provider) return;
    runs.length = 0;
    await this.runAll(observed, cases, runs);
  }

  private get mayLeaveWebGpu(): boolean {
    const { ep = "auto", reference } = this.options;
    return this.provider === "webgpu" && ep === "auto" && reference !== "wasm";
  }

  private leaveWebGpu(why: string): void {
    this.notes.push(`WebGPU was not used: ${why}`);
    this.provider = "wasm";
  }

  private report(runs: readonly RunComparison[], rest: Partial<VerificationReport>): VerificationReport {
    const failure = rest.failure ?? null;
    return {
      ep: this.provider,
      reference: this.options.expected === undefined ? this.options.reference ?? "eager" : "expected",
      runs,
      divergence: null,
      runtimeFusion: false,
      hidden: [],
      placement: null,
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

  /** A session for a copy of the model; where any provider will do, the CPU takes what WebGPU can't load. */
  async open(observed: Observed, provider: Provider = this.provider): Promise<RuntimeSession> {
    const { model, bytes } = this.subject;
    const input = observed.model === model && bytes
      ? { bytes: await bytes() as Uint8Array<ArrayBuffer>, externalData: [] }
      : await serializeForRuntime(observed.model);
    try {
      return await RuntimeSession.create(input, provider);
    } catch (error) {
      if (provider !== "webgpu") throw error;
      const explained = withDTypes(error, model);
      if (!this.mayLeaveWebGpu) throw explained;
      this.leaveWebGpu(messageOf(explained));
      return await RuntimeSession.create(input, "wasm");
    }
  }

  private compare(observed: Observed, one: SolvedCase, results: ReadonlyMap<string, Tensor>): RunComparison {
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
        return [compareTensors(value.name, actual, reference, this.options, this.provider)];
      }
      this.note(`Output ${value.name} is random: only its dtype and shape were compared`);
      return [compareKind(value.name, actual, reference)];
    });
  }

  private note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }
}

/** Dtypes that onnxruntime's WebGPU builds have next to no kernels of: neither the GPU's nor, there, the CPU's. */
const NOT_ON_WEBGPU: ReadonlySet<DType> = new Set(["float64", "bfloat16", "int16", "uint16"]);

/** What WebGPU can't load, with the dtypes that are to blame. */
function withDTypes(error: unknown, model: Model): unknown {
  if (!(error instanceof VerificationError)) return error;
  const first = new Map<DType, string>();
  for (const node of model.allNodes()) {
    for (const value of [...node.inputs, ...node.outputs]) {
      const dtype = value?.meta?.dtype;
      if (dtype && NOT_ON_WEBGPU.has(dtype) && !first.has(dtype)) first.set(dtype, `${node.name} (${node.opType})`);
    }
  }
  if (first.size === 0) return error;
  const reasons = [...first].map(([dtype, node]) => `${dtype} is not available on WebGPU, and ${node} needs it`);
  return new VerificationError(error.fact, { hint: `${reasons.join("; ")}: choose the provider wasm` }, {
    cause: error,
  });
}

/** What a runtime can't know: nodes of the user's own domains. */
function foreignNodes(model: Model): string {
  const foreign = new Set<string>();
  for (const node of model.allNodes()) {
    if (!RUNTIME_DOMAINS.has(node.domain) && !model.functionOf(node)) foreign.add(`${node.domain}::${node.opType}`);
  }
  return foreign.size === 0
    ? ""
    : `; the model has nodes that only a runtime with their domain can run: ${[...foreign].join(", ")}`;
}

/** Domains that onnxruntime has operators of. */
const RUNTIME_DOMAINS: ReadonlySet<string> = new Set(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"]);

/** The model can't be run on the CPU to compare with. */
class NoReference extends Error {}

function lost(inputs: string, reason: string): RunComparison {
  return { inputs, outputs: [], passed: false, reason };
}

/** The message of an error about the model; others are bugs and pass on. */
function messageOf(error: unknown): string {
  if (error instanceof Fx2OnnxError || error instanceof RangeError || error instanceof TypeError) return error.message;
  throw error;
}
