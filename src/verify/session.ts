/**
 * Sessions of onnxruntime-web: which build and provider, tensors in and out, and one GPU call at a time. This folder is the
 * only importer of the runtime.
 *
 * The `wasm` build runs on the CPU and has every kernel; the `jspi` build (or `webgpu`, where WebAssembly can't suspend)
 * runs on WebGPU, and what WebGPU lacks on the CPU within the same session. Their `.wasm` files are read from the folder of
 * the npm package, that is from beside the module: a bundle needs `ort-wasm-simd-threaded.wasm` and its `.mjs` (for WebGPU
 * those of `ort-wasm-simd-threaded.jspi` or `ort-wasm-simd-threaded.asyncify`) copied into its own folder. Nothing is
 * fetched from elsewhere.
 */
import type * as Ort from "onnxruntime-web/wasm";
import { VerificationError } from "../ir/mod.ts";
import type { InMemoryModel } from "../onnx/write_model.ts";
import { type Data, type DType, elementCount, Tensor } from "../tensor/mod.ts";

/** Where a session runs. */
export type Provider = "webgpu" | "wasm";

/** Lock that all sessions on the GPU share: two calls at once hang or fail. */
const GPU_LOCK = "onnxruntime-web on WebGPU";

/** The part of the Web Locks API that is used; a page, Deno and Node have it, their types not always. */
interface LockRequester {
  request<T>(name: string, body: () => Promise<T>): Promise<T>;
}

/** Whether there is a WebGPU adapter. */
export async function hasWebGpu(): Promise<boolean> {
  // Absent in older browsers and in insecure contexts, whatever the types say.
  const gpu = navigator.gpu as GPU | undefined;
  try {
    return await gpu?.requestAdapter() != null;
  } catch {
    return false;
  }
}

/**
 * Decides where to run.
 *
 * @throws {VerificationError} when WebGPU is asked for and there is no adapter
 */
export async function chooseProvider(asked: "auto" | Provider): Promise<Provider> {
  if (asked === "wasm") return "wasm";
  if (await hasWebGpu()) return "webgpu";
  if (asked === "auto") return "wasm";
  throw new VerificationError("There is no WebGPU adapter on this machine", {
    hint: "Install a GPU driver with Vulkan, or Mesa's software driver (Debian, Ubuntu: " +
      "apt install mesa-vulkan-drivers libvulkan1), and set DENO_WEBGPU_BACKEND=vulkan; or choose the provider wasm",
  });
}

/**
 * Makes a session of a model's bytes: onnxruntime's `InferenceSession`, of any of its packages.
 *
 * @example
 * ```ts ignore
 * const initializer: SessionInitializer = (bytes) => ort.InferenceSession.create(bytes, { executionProviders: ["webnn"] });
 * ```
 */
export type SessionInitializer = (model: Uint8Array) => Promise<Ort.InferenceSession>;

/** A model loaded into the runtime. */
export class RuntimeSession {
  readonly provider: Provider;
  private readonly ort: typeof Ort;
  private readonly session: Ort.InferenceSession;

  private constructor(provider: Provider, ort: typeof Ort, session: Ort.InferenceSession) {
    this.provider = provider;
    this.ort = ort;
    this.session = session;
  }

  /**
   * Loads a model.
   *
   * @param initializer makes the session in place of onnxruntime-web; the model must be whole then
   * @param options `log` lets the runtime log all it does
   * @throws {VerificationError} when the runtime refuses it
   */
  static async create(
    model: InMemoryModel,
    provider: Provider,
    initializer?: SessionInitializer,
    options: { readonly log?: boolean } = {},
  ): Promise<RuntimeSession> {
    const ort = await loadRuntime(provider);
    const session = await guarded(
      provider,
      `onnxruntime-web can't load the model on ${provider}`,
      () =>
        initializer?.(model.bytes) ?? ort.InferenceSession.create(model.bytes, {
          executionProviders: [provider],
          externalData: [...model.externalData],
          logSeverityLevel: options.log ? 0 : 4,
        }),
    );
    return new RuntimeSession(provider, ort, session);
  }

  /**
   * Runs the model.
   *
   * @param feeds tensors by input name, of dtypes that the runtime takes
   * @returns tensors by output name
   * @throws {VerificationError} when the runtime fails
   */
  async run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    const given: Record<string, Ort.Tensor> = Object.create(null);
    for (const [name, tensor] of feeds) given[name] = this.toRuntime(tensor);
    const what = `onnxruntime-web can't run the model on ${this.provider}`;
    const results = await guarded(this.provider, what, () => this.session.run(given));
    const tensors = new Map<string, Tensor>();
    for (const name of this.session.outputNames) {
      tensors.set(name, fromRuntime(results[name]));
      results[name].dispose();
    }
    return tensors;
  }

  /** Frees what the session holds. */
  async release(): Promise<void> {
    await guarded(this.provider, "onnxruntime-web can't release the model", () => this.session.release());
  }

  private toRuntime(tensor: Tensor): Ort.Tensor {
    // The constructor's overloads tie each type to its array; `Data` has the same arrays by dtype.
    return new this.ort.Tensor(tensor.dtype as "float32", tensor.data() as Float32Array, tensor.shape);
  }
}

/** A runtime's tensor as ours. */
function fromRuntime(tensor: Ort.Tensor): Tensor {
  const data = tensor.data;
  if (Array.isArray(data)) {
    throw new VerificationError("onnxruntime-web gave an output of strings, which PyTorch has not");
  }
  const count = elementCount(tensor.dims);
  const elements = (data.length === count ? data : data.slice(0, count)) as Data;
  return Tensor.of(tensor.type as DType, tensor.dims, elements);
}

/** The runtime's build for a provider, told to be silent and to use one thread, as Deno can do no more. */
async function loadRuntime(provider: Provider): Promise<typeof Ort> {
  const ort: typeof Ort = provider === "wasm"
    ? await import("onnxruntime-web/wasm")
    : "Suspending" in WebAssembly
    ? await import("onnxruntime-web/jspi")
    : await import("onnxruntime-web/webgpu");
  ort.env.logLevel = "fatal";
  ort.env.wasm.numThreads = 1;
  return ort;
}

/** Runs a call of the runtime, on the GPU alone, and says what failed. */
async function guarded<T>(provider: Provider, what: string, body: () => Promise<T>): Promise<T> {
  try {
    const { locks } = navigator as unknown as { locks?: LockRequester };
    return await (provider === "webgpu" && locks ? locks.request(GPU_LOCK, body) : body());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VerificationError(`${what}: ${firstLine(why)}`, hintFor(provider, why), { cause: error });
  }
}

/** Whether an error is that the runtime itself broke down, which no model is to blame for. */
export function isCrash(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof WebAssembly.RuntimeError;
}

/** The part of the runtime's message that says what it is about. */
function firstLine(message: string): string {
  return message.replace(/^.*?\bERROR_CODE: \d+, ERROR_MESSAGE: /s, "").split("\n")[0]
    .replace(/\S*\.cc:\d+ .* was false\. /, "").trim().slice(0, 500);
}

function hintFor(provider: Provider, message: string): { hint?: string } {
  const lacksKernel = /Could not find an implementation|NOT_IMPLEMENTED|Provider type for .* is not set/i.test(message);
  if (lacksKernel && provider === "webgpu") {
    return { hint: "The runtime's WebGPU builds lack a kernel: choose the provider wasm" };
  }
  if (provider === "webgpu" && /\bnot (?:yet )?support(?:ed)?\b|\bOnly .* supported/i.test(message)) {
    return {
      hint: "WebGPU lacks this kernel: choose the provider wasm",
    };
  }
  return {};
}
