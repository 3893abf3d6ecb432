/**
 * Where WebGPU runs each node of a model: what onnxruntime-web left to the CPU and why, and how many copies that costs. The
 * runtime tells its decision only in its log, which it writes while a session is made.
 */
import { VerificationError } from "../ir/mod.ts";
import type { Model, OnnxGraph, OnnxNode } from "../onnx/model.ts";
import { serializeForRuntime } from "../onnx/write_model.ts";
import type { DType } from "../tensor/mod.ts";
import { observe } from "./observe.ts";
import { readLog } from "./runtime_log.ts";
import { chooseProvider, RuntimeSession } from "./session.ts";

/** Where the nodes of a model run, after the runtime's own optimizations. */
export interface Placement {
  /** How many nodes run on the GPU. */
  readonly gpu: number;
  /** The nodes that run on the CPU. */
  readonly cpu: readonly CpuNode[];
  /** Copies of values from the GPU for nodes on the CPU. */
  readonly copiesToCpu: number;
  /** Copies of values to the GPU for nodes on it. */
  readonly copiesToGpu: number;
}

/** A node that runs on the CPU. */
export interface CpuNode {
  /** The model's name of the node; one that the runtime made has none there. */
  readonly name: string;
  /** Its ONNX operator. */
  readonly operator: string;
  /** Why WebGPU does not run it. */
  readonly reason: string;
}

/**
 * Tells where WebGPU would run a model's nodes.
 *
 * @throws {VerificationError} when there is no adapter, the runtime refuses the model, or its log can't be read: that needs
 *   Deno or Node
 *
 * @example
 * ```ts ignore
 * import { verify } from "@fx2onnx/fx2onnx";
 *
 * const { placement } = await verify("model.onnx", { program: "model.pt2", placement: true });
 * for (const { name, reason } of placement?.cpu ?? []) console.log(name, reason);
 * ```
 */
export async function placeNodes(model: Model): Promise<Placement> {
  await chooseProvider("webgpu");
  const bytes = await serializeForRuntime(observe(model).model);
  const log = await readLog(async () => {
    const session = await RuntimeSession.create(bytes, "webgpu", undefined, { log: true });
    await session.release();
  });
  return readPlacement(log, model);
}

/** Reads the list of nodes by provider from the runtime's log. */
export function readPlacement(log: string, model: Model): Placement {
  const nodes = new Map<string, OnnxNode>();
  collect(model.graph, nodes);
  const [cpu, copies] = [[] as CpuNode[], { MemcpyToHost: 0, MemcpyFromHost: 0 }];
  let gpu = 0;
  let provider: string | null = null;
  let found = false;
  for (const line of log.split("\n")) {
    if (!line.includes("VerifyEachNodeIsAssignedToAnEp]")) {
      provider = null;
      continue;
    }
    const all = /All nodes placed on \[(\w+)\]\. Number of nodes: (\d+)/.exec(line);
    const some = /Node\(s\) placed on \[(\w+)\]/.exec(line);
    if (all) {
      found = true;
      // Without a list of names there are no copies: all is in one place.
      if (isGpu(all[1])) gpu += Number(all[2]);
      else for (const node of nodes.values()) cpu.push(cpuNode(node.name, node.opType, node, model));
    } else if (some) {
      [provider, found] = [some[1], true];
    } else if (provider !== null) {
      const node = /\]\s+(\w+) \((.*)\)/.exec(line);
      if (!node) continue;
      const [, operator, name] = node;
      if (operator === "MemcpyToHost" || operator === "MemcpyFromHost") copies[operator]++;
      else if (isGpu(provider)) gpu++;
      else cpu.push(cpuNode(name, operator, nodes.get(name.replace(/_token_\d+$/, "")), model));
    }
  }
  if (!found) throw new VerificationError("onnxruntime-web did not tell where the nodes run");
  return { gpu, cpu, copiesToCpu: copies.MemcpyToHost, copiesToGpu: copies.MemcpyFromHost };
}

function isGpu(provider: string): boolean {
  return provider.startsWith("WebGpu");
}

function collect(graph: OnnxGraph, nodes: Map<string, OnnxNode>): void {
  for (const node of graph.nodes()) {
    nodes.set(node.name, node);
    for (const inner of node.subgraphs()) collect(inner, nodes);
  }
}

function cpuNode(name: string, operator: string, node: OnnxNode | undefined, { opset }: Model): CpuNode {
  return { name, operator, reason: reasonFor(operator, node, opset) };
}

/** Last opset for which onnxruntime-web 1.30 has a WebGPU kernel, where that is not the newest. */
const LAST_OPSET: ReadonlyMap<string, number> = new Map([
  ...ops(24, "Conv AveragePool BatchNormalization Transpose Squeeze DepthToSpace"),
  ...ops(23, "Pad DequantizeLinear"),
  ...ops(22, "Flatten"),
  ...ops(21, "Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Elu HardSigmoid HardSwish ThresholdedRelu"),
  ...ops(21, "MaxPool GlobalAveragePool GlobalMaxPool ConvTranspose LSTM GRU"),
  ...ops(19, "GridSample"),
]);

/** Operators that it has no WebGPU kernel of. */
const NO_KERNEL: ReadonlySet<string> = new Set(
  ("Attention GroupNormalization Round Sign Selu Softsign Celu LogSoftmax Hardmax IsNaN IsInf Mod Or Xor BitwiseAnd " +
    "BitwiseOr BitwiseXor BitwiseNot BitShift Mean Sum ConstantOfShape OneHot NonZero EyeLike Compress Unique SpaceToDepth " +
    "Size QuantizeLinear DynamicQuantizeLinear MatMulInteger RNN LRN RoiAlign NonMaxSuppression DeformConv STFT Det " +
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Multinomial Bernoulli ReverseSequence").split(" "),
);

/** Dtypes that its WebGPU kernels compute in. */
const GPU_DTYPES: ReadonlySet<DType> = new Set<DType>(["float32", "float16", "int32", "uint32", "bool"]);

function ops(opset: number, names: string): [string, number][] {
  return names.split(" ").map((name) => [name, opset]);
}

function reasonFor(operator: string, node: OnnxNode | undefined, opset: number): string {
  if (NO_KERNEL.has(operator)) return `WebGPU has no kernel of ${operator}`;
  const last = LAST_OPSET.get(operator);
  if (last !== undefined && opset > last) {
    return `WebGPU has kernels of ${operator} up to opset ${last}, and the model is of opset ${opset}`;
  }
  if (!node) return "the runtime made it for nodes on the CPU";
  if (!node.subgraphs().next().done) return `${operator} decides on the CPU which of its graphs runs`;
  const dtypes = [node.outputs[0], ...node.inputs].flatMap((value) => value?.meta ? [value.meta.dtype] : []);
  const odd = dtypes.find((dtype) => !GPU_DTYPES.has(dtype));
  if (odd === "int64") return "it computes sizes or indices (int64), which the runtime keeps on the CPU";
  if (odd) return `WebGPU has no ${odd} kernel of ${operator}`;
  return "the runtime keeps it with the nodes on the CPU that it takes from or gives to";
}

/** Lines for people: counts, then the nodes on the CPU by reason. */
export function formatPlacement({ gpu, cpu, copiesToCpu, copiesToGpu }: Placement): string[] {
  const copies = (n: number, where: string): string => `${n} ${n === 1 ? "copy" : "copies"} to the ${where}`;
  const lines = [
    `Placement: ${gpu} nodes on the GPU, ${cpu.length} on the CPU, ${copies(copiesToCpu, "CPU")}, ` +
    copies(copiesToGpu, "GPU"),
  ];
  const reasons = new Map<string, string[]>();
  for (const { name, operator, reason } of cpu) {
    reasons.set(reason, [...reasons.get(reason) ?? [], `${name} (${operator})`]);
  }
  for (const [reason, nodes] of reasons) {
    const more = nodes.length > MAX_NAMES ? ` and ${nodes.length - MAX_NAMES} more` : "";
    lines.push(`  ${nodes.length} on the CPU because ${reason}: ${nodes.slice(0, MAX_NAMES).join(", ")}${more}`);
  }
  return lines;
}

/** How many nodes are named per reason. */
const MAX_NAMES = 8;
