/**
 * State that holds in a scope: an export that runs, fake mode, a program that is recorded. It is the one state of this
 * library that is no argument, in a stack that scopes enter and leave. A scope takes out its own entry, so that exports which
 * await side by side, and end in any order, leave nothing behind.
 */
import type { Tracer } from "./tracer.ts";

/** What can hold in a scope. */
export type ScopeKind = "export" | "fake";

const stack: ScopeEntry[] = [];

interface ScopeEntry {
  readonly kind: ScopeKind;
}

const tracers: Tracer[] = [];

/** A scope that was entered; it is left by `using`, or by calling {@linkcode Scope.leave}. */
export class Scope implements Disposable {
  private readonly entry: ScopeEntry;

  /** Enters a scope. */
  constructor(kind: ScopeKind) {
    this.entry = { kind };
    stack.push(this.entry);
  }

  /** Leaves the scope. Leaving it again does nothing. */
  leave(): void {
    const at = stack.indexOf(this.entry);
    if (at >= 0) stack.splice(at, 1);
  }

  /** As {@linkcode leave}. */
  [Symbol.dispose](): void {
    this.leave();
  }
}

/** Whether a scope of the kind is entered and not left. */
export function isInScope(kind: ScopeKind): boolean {
  return stack.some((entry) => entry.kind === kind);
}

/** Runs `body`, which must not await, while a tracer records the operators that it calls. */
export function recordedBy<R>(tracer: Tracer, body: () => R): R {
  tracers.push(tracer);
  try {
    return body();
  } finally {
    tracers.pop();
  }
}

/** What records the program that runs now; null where none is recorded: operators compute then. */
export function currentTracer(): Tracer | null {
  return tracers.at(-1) ?? null;
}

/**
 * Whether an export is running: true in translations, callbacks and whatever else runs until it ends.
 *
 * Source: https://docs.pytorch.org/docs/2.8/onnx_dynamo.html
 *
 * @example
 * ```ts
 * import { isInOnnxExport } from "@fx2onnx/fx2onnx";
 *
 * console.log(isInOnnxExport()); // false
 * ```
 */
export function isInOnnxExport(): boolean {
  return isInScope("export");
}

/**
 * Programs that are loaded in the scope have no weights: nothing of them is read or held, whatever their size. Export them
 * with `optimize: false`, save them with `includeInitializers: false`, and give them weights with `applyWeights` later.
 * Constants and non-persistent buffers keep their values, since no checkpoint has them.
 *
 * Source: https://docs.pytorch.org/docs/2.8/onnx_dynamo.html
 *
 * @experimental
 *
 * @example
 * ```ts
 * import * as onnx from "@fx2onnx/fx2onnx";
 *
 * async function withoutWeights(path: string): Promise<onnx.ONNXProgram> {
 *   using _ = onnx.enableFakeMode();
 *   return await onnx.export(path, [], null, { optimize: false });
 * }
 * const program = await withoutWeights("tests/fixtures/mlp.pt2");
 * const weights = await onnx.load("tests/fixtures/mlp.pt2"); // or a state dict's file: mlp.safetensors, mlp.pth, an index
 * await program.applyWeights(weights.stateDict);
 * await program.save("mlp.onnx", { externalData: true });
 * await program.release();
 * weights.archive?.close?.();
 * ```
 */
export function enableFakeMode(): Scope {
  return new Scope("fake");
}
