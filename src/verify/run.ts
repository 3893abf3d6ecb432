/** Runs a model on given inputs, for those who want its results rather than a comparison. */
import type { Model, OnnxValue } from "../onnx/model.ts";
import { serializeForRuntime } from "../onnx/write_model.ts";
import type { Tensor } from "../tensor/mod.ts";
import { VerificationError } from "../ir/mod.ts";
import { observe, type Observed } from "./observe.ts";
import { chooseProvider, type Provider, RuntimeSession, type SessionInitializer } from "./session.ts";
import { fromRuntime, toRuntime } from "./subject.ts";

/** A model in a runtime. */
export class ModelRunner {
  private constructor(
    private readonly observed: Observed,
    private session: RuntimeSession,
    /** Opens a session where all operators have kernels; null where the caller chose the provider. */
    private readonly openElsewhere: (() => Promise<RuntimeSession>) | null,
  ) {}

  /**
   * Loads a model.
   *
   * @param values values that come out beside the outputs
   * @param initializer makes the session; by default onnxruntime-web, on WebGPU where there is an adapter and the runtime has
   *   a kernel there for all that the model does
   * @throws {VerificationError} when the runtime refuses the model
   */
  static async create(
    model: Model,
    values: Iterable<OnnxValue>,
    options: { readonly ep?: "auto" | Provider; readonly initializer?: SessionInitializer | undefined } = {},
  ): Promise<ModelRunner> {
    const { ep = "auto", initializer } = options;
    const observed = observe(model, values);
    const provider = initializer ? "wasm" : await chooseProvider(ep);
    const bytes = await serializeForRuntime(observed.model, initializer ? { inlineLimit: 2 ** 31 - 1 } : {});
    const open = (on: Provider): Promise<RuntimeSession> => RuntimeSession.create(bytes, on, initializer);
    const elsewhere = ep === "auto" && provider === "webgpu" ? () => open("wasm") : null;
    const session = await open(provider).catch((error) => {
      if (elsewhere && error instanceof VerificationError) return elsewhere();
      throw error;
    });
    return new ModelRunner(observed, session, session.provider === "webgpu" ? elsewhere : null);
  }

  /** Runs the model. @throws {VerificationError} when an input is missing or the runtime fails */
  async run(feeds: ReadonlyMap<OnnxValue, Tensor>): Promise<Map<OnnxValue, Tensor>> {
    const { inputs, outputs } = this.observed;
    const given = new Map([...feeds].map(([value, tensor]) => [inputs.get(value)!, toRuntime(tensor)]));
    const results = await this.session.run(given).catch(async (error) => {
      if (!this.openElsewhere || this.session.provider !== "webgpu" || !(error instanceof VerificationError)) {
        throw error;
      }
      const other = await this.openElsewhere();
      await this.session.release().catch(() => {});
      this.session = other;
      return await other.run(given);
    });
    return new Map([...outputs].map(([value, name]) => [value, fromRuntime(results.get(name)!, value.meta)]));
  }

  /** Frees what the session holds. */
  async release(): Promise<void> {
    await this.session.release();
  }
}
