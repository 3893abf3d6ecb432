/** One verification: runs the model on each set of inputs and compares what it gives with the reference. */
import { type FxValue, tensorOf } from "../fx/mod.ts";
import { Fx2OnnxError } from "../ir/mod.ts";
import type { Model, OnnxGraph, OnnxValue } from "../onnx/model.ts";
import { serializeForRuntime } from "../onnx/write_model.ts";
import type { Tensor } from "../tensor/mod.ts";
import { CaseFinder, type SolvedCase } from "./cases.ts";
import { compareKind, compareTensors, describe, failed } from "./compare.ts";
import { type InputCase, userInputs } from "./inputs.ts";
import { compareIntermediates } from "./intermediates.ts";
import { observe, type Observed, passage } from "./observe.ts";
import type { VerifyOptions } from "./options.ts";
import { randomValues } from "./reference.ts";
import type { OutputComparison, RunComparison, VerificationReport } from "./report.ts";
import { chooseProvider, type Provider, RuntimeSession } from "./session.ts";
import { asTensor, fromRuntime, type Subject, toRuntime } from "./subject.ts";

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
    const cases = await new CaseFinder(this.subject, this.options, this.notes).find();
    let session: RuntimeSession;
    let observed: Observed;
    try {
      observed = this.observed();
      session = await this.open(observed);
    } catch (error) {
      return this.report([], { failure: messageOf(error) + foreignNodes(this.subject.model) });
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

/** What a runtime can't know: nodes of the user's own domains. */
function foreignNodes({ graph }: Model): string {
  const foreign = new Set<string>();
  const visit = (inner: OnnxGraph): void => {
    for (const node of inner.nodes()) {
      if (!RUNTIME_DOMAINS.has(node.domain)) foreign.add(`${node.domain}::${node.opType}`);
      for (const graph of node.subgraphs()) visit(graph);
    }
  };
  visit(graph);
  return foreign.size === 0
    ? ""
    : `; the model has nodes that only a runtime with their domain can run: ${[...foreign].join(", ")}`;
}

/** Domains that onnxruntime has operators of. */
const RUNTIME_DOMAINS: ReadonlySet<string> = new Set(["", "ai.onnx", "ai.onnx.ml", "com.microsoft"]);

function lost(inputs: string, reason: string): RunComparison {
  return { inputs, outputs: [], passed: false, reason };
}

/** The message of an error about the model; others are bugs and pass on. */
function messageOf(error: unknown): string {
  if (error instanceof Fx2OnnxError || error instanceof RangeError || error instanceof TypeError) return error.message;
  throw error;
}
