/** Runs a model on given inputs, for those who want its results rather than a comparison. */
import type { Model, OnnxValue } from "../onnx/model.ts";
import { serializeForRuntime } from "../onnx/write_model.ts";
import type { Tensor } from "../tensor/mod.ts";
import { observe, type Observed } from "./observe.ts";
import { chooseProvider, type Provider, RuntimeSession, type SessionInitializer } from "./session.ts";
import { fromRuntime, toRuntime } from "./subject.ts";

/** A model in a runtime. */
export class ModelRunner {
  private constructor(private readonly observed: Observed, private readonly session: RuntimeSession) {}

  /**
   * Loads a model.
   *
   * @param values values that come out beside the outputs
   * @param initializer makes the session; by default onnxruntime-web, on WebGPU where there is an adapter
   * @throws {VerificationError} when the runtime refuses the model
   */
  static async create(
    model: Model,
    values: Iterable<OnnxValue>,
    options: { readonly ep?: "auto" | Provider; readonly initializer?: SessionInitializer | undefined } = {},
  ): Promise<ModelRunner> {
    const observed = observe(model, values);
    const provider = options.initializer ? "wasm" : await chooseProvider(options.ep ?? "auto");
    const bytes = await serializeForRuntime(observed.model, options.initializer ? { inlineLimit: 2 ** 31 - 1 } : {});
    return new ModelRunner(observed, await RuntimeSession.create(bytes, provider, options.initializer));
  }

  /** Runs the model. @throws {VerificationError} when an input is missing or the runtime fails */
  async run(feeds: ReadonlyMap<OnnxValue, Tensor>): Promise<Map<OnnxValue, Tensor>> {
    const { inputs, outputs } = this.observed;
    const given = new Map([...feeds].map(([value, tensor]) => [inputs.get(value)!, toRuntime(tensor)]));
    const results = await this.session.run(given);
    return new Map([...outputs].map(([value, name]) => [value, fromRuntime(results.get(name)!, value.meta)]));
  }

  /** Frees what the session holds. */
  async release(): Promise<void> {
    await this.session.release();
  }
}
