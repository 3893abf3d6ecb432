/**
 * Runs the rows of `rows/*.json` (see `row_format.ts`): calls of operators that are data, so that PyTorch
 * (`tests/tools/op_rows.py`) and this harness read the same. A row is checked four ways, at each of its sizes: meta rule
 * against kernel, kernel against PyTorch's recorded result, decomposition against kernel, and the ONNX form, lowered once
 * with symbolic sizes, in onnxruntime against kernel.
 */
import * as ort from "onnxruntime-web/wasm";
import { assert } from "@std/assert";
import type { CallArg } from "../../src/aten/bind.ts";
import { EagerInterpreter, MetaInterpreter, OnnxInterpreter } from "../../src/aten/calls.ts";
import { formOf } from "../../src/aten/complex_calls.ts";
import * as forms from "../../src/aten/complex_forms.ts";
import { type Op, OpTable } from "../../src/aten/mod.ts";
import type { ComplexForm } from "../../src/aten/op.ts";
import { OnnxBuilder } from "../../src/onnx/builder.ts";
import { checkModel, irVersionFor } from "../../src/onnx/check.ts";
import { Model, OnnxValue } from "../../src/onnx/model.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { keepNaN } from "../../src/onnx/strict_nan.ts";
import { serializeModel } from "../../src/onnx/serialize.ts";
import { type Dim, evaluate, isSym, parseInfix, symbol } from "../../src/sym/mod.ts";
import { type DType, isComplex, isFloat, type Meta, pairsOf, Tensor } from "../../src/tensor/mod.ts";
import { mapComplexRows } from "../../src/tensor/complex_loops.ts";
import * as loops from "../../src/tensor/loops.ts";
import { fillIn, makeTensor, metaOf, type Row, type Sizes, type TensorSpec, tensorSpecs } from "./row_format.ts";

export type { Row } from "./row_format.ts";

ort.env.logLevel = "error";
ort.env.wasm.numThreads = 1;

/** The results of a call as a flat list: tensors, numbers; None is left out. */
function flatten(result: unknown): unknown[] {
  if (result === null || result === undefined) return [];
  return Array.isArray(result) ? result.flatMap(flatten) : [result];
}

/** A number result as a 0-d tensor, as the fixtures have it. */
function asTensor(value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  if (typeof value === "boolean") return Tensor.scalar("bool", value);
  if (typeof value === "bigint") return Tensor.scalar("int64", value);
  if (typeof value === "number") {
    return Number.isInteger(value) ? Tensor.scalar("int64", value) : Tensor.scalar("float64", value);
  }
  throw new TypeError(`A result is a ${typeof value}`);
}

/** Tolerances by dtype; other dtypes are compared exactly. */
const TOLERANCES: Readonly<Partial<Record<DType, readonly [rtol: number, atol: number]>>> = {
  float16: [2e-3, 1e-3],
  bfloat16: [2e-2, 1e-2],
  float32: [2e-5, 2e-6],
  float64: [1e-10, 1e-12],
  complex64: [2e-5, 2e-6],
  complex128: [1e-10, 1e-12],
};

/** Says where two tensors differ; null where they agree. */
export function difference(actual: Tensor, expected: Tensor, tol: Row["tol"] = {}): string | null {
  const kind = (t: Tensor): string => `${t.dtype}[${t.shape.join(", ")}]`;
  if (kind(actual) !== kind(expected)) return `met ${kind(actual)}, expected ${kind(expected)}`;
  const [rtol, atol] = TOLERANCES[expected.dtype] ?? [0, 0];
  const [x, y] = [actual.toArray(), expected.toArray()];
  for (let i = 0; i < y.length; i++) {
    const [p, q] = [x[i], y[i]];
    if (p === q || (Number.isNaN(p) && Number.isNaN(q))) continue;
    const gap = Math.abs(Number(p) - Number(q));
    if (typeof q === "bigint" || !(gap <= (tol.atol ?? atol) + (tol.rtol ?? rtol) * Math.abs(Number(q)))) {
      return `element ${i} is ${p}, expected ${q}`;
    }
    if (!Number.isFinite(Number(q))) return `element ${i} is ${p}, expected ${q}`;
  }
  return null;
}

/** How results are compared: those of random operators by dtype and shape only. */
function compared(op: Op, row: Row): (actual: Tensor, expected: Tensor) => string | null {
  const kinds = op.random === true;
  const zeros = (x: Tensor): Tensor => loops.filled(x.dtype, x.shape, 0);
  return (actual, expected) =>
    kinds ? difference(zeros(actual), zeros(expected)) : difference(actual, expected, row.tol);
}

/** Elements without their signs. */
function sizesOf(x: Tensor): Tensor {
  return isFloat(x.dtype) ? loops.mapUnary(x, x.dtype, Math.abs) : x;
}

/** Complex elements in order along the last dim, by their real parts to five digits, then by their imaginary parts. */
function sorted(x: Tensor): Tensor {
  return mapComplexRows(
    x,
    x.shape.length - 1,
    x.dtype,
    (row) => row.toSorted(([a, b], [c, d]) => Math.abs(a - c) > 1e-5 ? a - c : b - d),
  );
}

function assertSame(actual: Tensor, expected: Tensor, op: Op, row: Row, what: string): void {
  const why = compared(op, row)(actual, expected);
  assert(why === null, `${what}: ${why}`);
}

/** Modules of Python whose functions are operators. */
const PYTHON: ReadonlySet<string> = new Set(["_operator", "math", "builtins", "torch"]);

/** Finds operators' records. */
export async function loadOps(rows: readonly Row[]): Promise<(row: Row) => Op> {
  const target = (name: string): string => {
    const [namespace, op] = name.split("::");
    return PYTHON.has(namespace) ? `${namespace}.${op}` : `torch.ops.${namespace}.${op}`;
  };
  const table = await OpTable.load(rows.map((r) => target(r.op)));
  return ({ op }) => {
    const found = table.resolve(target(op));
    if (!found || found.inplace) throw new RangeError(`${op} has no record: is src/aten/index.ts up to date?`);
    return found.op;
  };
}

/** Runs one row; `recorded` finds what PyTorch gave. */
export async function runRow(
  op: Op,
  row: Row,
  index: number,
  recorded: (name: string) => Tensor | undefined,
): Promise<void> {
  const specs = tensorSpecs(row);
  const symbolic = fillIn(row, specs.map(metaOf), (text) => dimArg(parseInfix(text)));
  if (row.refused !== undefined) {
    assertRefused(op, row, index, specs);
    return;
  }
  const metas = new MetaInterpreter(undefined, forms);
  const symbolicMetas = flatten(metas.apply(op, metas.bind(op, symbolic.args, symbolic.kwargs)));
  const cases: { inputs: Tensor[]; expected: Tensor[]; sizes: Sizes }[] = [];
  for (const [k, sizes] of (row.sizes ?? [{}]).entries()) {
    const where = `at ${JSON.stringify(sizes)}`;
    const inputs = specs.map((spec, i) => makeTensor(spec, index, i, sizes));
    const expected = runKernel(op, row, inputs, sizes);
    checkMetas(op, row, inputs, sizes, expected, symbolicMetas);
    expected.forEach((tensor, i) => {
      if (row.unrecorded !== undefined) return;
      const fixture = recorded(`${index}.${k}.output_${i}`);
      assert(fixture, `No recorded result ${index}.${k}.output_${i}: run python tests/tools/op_rows.py`);
      const isNumber = !metas.isTensor(symbolicMetas[i]);
      const theirs = isNumber ? loops.convert(fixture, tensor.dtype) : asRecorded(fixture, tensor);
      const [mine, other] = [tensor, theirs].map((x) =>
        row.upTo === "sign" ? sizesOf(x) : row.upTo === "order" ? sorted(x) : x
      );
      assertSame(mine, other, op, row, `Kernel against PyTorch ${where}, output ${i}`);
    });
    const form = complexFormOf(op, inputs);
    if (op.kernel && (form ?? op.decompose)) {
      const eager = new EagerInterpreter(loops, forms);
      const { args, kwargs } = fillIn(row, inputs, (text) => dimArg(evaluateDim(text, sizes)));
      // deno-lint-ignore no-explicit-any -- arguments of a schema that only the record knows
      const bound = eager.bind(op, args, kwargs) as any;
      const result = flatten(form ? form(eager, bound, op) : op.decompose!(eager, bound));
      result.forEach((r, i) =>
        assertSame(asTensor(r), expected[i], op, row, `Decomposition against kernel ${where}, output ${i}`)
      );
    }
    cases.push({ inputs, expected, sizes });
  }
  const tensors = symbolicMetas.filter((m) => metas.isTensor(m));
  if (tensors.length === 0) return;
  for (const opset of row.opsets ?? [18, 21, 23]) await runOnnx(op, row, specs, opset, cases);
}

/** What stands for the decomposition where the call is on complex tensors. */
function complexFormOf(op: Op, inputs: readonly Tensor[]): ComplexForm<string> | null {
  return inputs.some((x) => isComplex(x.dtype)) ? formOf(op, forms) : null;
}

function dimArg(value: ReturnType<typeof parseInfix>): CallArg<never> {
  return typeof value === "number" ? (Number.isInteger(value) ? BigInt(value) : value) : value;
}

function evaluateDim(text: string, sizes: Sizes): number | boolean {
  const value = parseInfix(text);
  return isSym(value) ? evaluate(value, new Map(Object.entries(sizes))) : value;
}

function runKernel(op: Op, row: Row, inputs: readonly Tensor[], sizes: Sizes): Tensor[] {
  const eager = new EagerInterpreter(loops, forms);
  const { args, kwargs } = fillIn(row, inputs, (text) => dimArg(evaluateDim(text, sizes)));
  return flatten(eager.apply(op, eager.bind(op, args, kwargs))).map(asTensor);
}

/** What the meta rule says at concrete sizes. */
function runMeta(op: Op, row: Row, inputs: readonly Tensor[], sizes: Sizes): unknown[] {
  const metas = new MetaInterpreter(undefined, forms);
  const plain = inputs.map(({ dtype, shape }): Meta => ({ dtype, shape }));
  const { args, kwargs } = fillIn(row, plain, (text) => dimArg(evaluateDim(text, sizes)));
  return flatten(metas.apply(op, metas.bind(op, args, kwargs)));
}

/** safetensors has no complex128, and complex results are recorded as pairs of reals. */
function asRecorded(fixture: Tensor, like: Tensor): Tensor {
  return isComplex(like.dtype) ? Tensor.of(like.dtype, fixture.shape.slice(0, -1), fixture.data()) : fixture;
}

function checkMetas(
  op: Op,
  row: Row,
  inputs: readonly Tensor[],
  sizes: Sizes,
  expected: readonly Tensor[],
  symbolic: readonly unknown[],
): void {
  const metas = new MetaInterpreter(undefined, forms);
  const concrete = runMeta(op, row, inputs, sizes);
  const bindings = new Map(Object.entries(sizes));
  for (const [name, found] of [["Meta", concrete], ["Symbolic meta", symbolic]] as const) {
    assert(found.length === expected.length, `${name} gives ${found.length} results, the kernel ${expected.length}`);
    found.forEach((meta, i) => {
      if (!metas.isTensor(meta)) return;
      // A size that depends on values has a symbol that no one binds.
      const known = (d: Dim): boolean => !isSym(d) || [...d.symbols()].every((s) => bindings.has(s));
      const shape = meta.shape.map((d, k) => known(d) ? evaluate(d, bindings) : expected[i].shape[k]);
      const text = `${meta.dtype}[${shape.join(", ")}]`;
      const wanted = `${expected[i].dtype}[${expected[i].shape.join(", ")}]`;
      assert(
        text === wanted,
        `${name} of output ${i} at ${JSON.stringify(sizes)} is ${text}, the kernel gives ${wanted}`,
      );
    });
  }
}

/** The error of a call that has no ONNX form; null when it has one. */
export function refusalOf(op: Op, row: Row, index: number): string | null {
  const specs = tensorSpecs(row);
  const sizes = row.sizes?.[0] ?? {};
  try {
    runMeta(op, row, specs.map((spec, i) => makeTensor(spec, index, i, sizes)), sizes);
    lower(op, row, specs, row.opsets?.[0] ?? 21);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function assertRefused(op: Op, row: Row, index: number, specs: readonly TensorSpec[]): void {
  const sizes = row.sizes?.[0] ?? {};
  const attempt = (what: string, body: () => unknown): void => {
    let message: string | null = null;
    try {
      body();
    } catch (error) {
      message = (error as Error).message;
    }
    assert(message !== null, `${what} was not refused`);
    assert(message.includes(row.refused!), `${what} was refused with another message: ${message}`);
  };
  const inputs = specs.map((spec, i) => makeTensor(spec, index, i, sizes));
  // A meta rule that refuses speaks for the others.
  attempt("The kernel", () => [runMeta(op, row, inputs, sizes), runKernel(op, row, inputs, sizes)]);
  attempt("The lowering", () => [runMeta(op, row, inputs, sizes), lower(op, row, specs, row.opsets?.[0] ?? 21)]);
}

/** What onnxruntime-web takes and gives; bfloat16 goes in and out as float32. */
function passage(dtype: DType): DType {
  return dtype === "bfloat16" ? "float32" : dtype;
}

interface Lowered {
  readonly model: Model;
  /** Symbols that no input's shape tells, which are inputs of their own. */
  readonly scalars: readonly string[];
}

/** The row as a model: one input per tensor, one output per result. */
function lower(op: Op, row: Row, specs: readonly TensorSpec[], opset: number): Lowered {
  const { strictNan, allowDowncast = false } = row;
  const builder = new OnnxBuilder({ opset, allowDowncast, substitute: strictNan ? keepNaN : undefined });
  const values = specs.map((spec, i) => {
    const { dtype, shape } = metaOf(spec);
    return builder.cast(builder.input(`x${i}`, { dtype: passage(dtype), shape }), dtype);
  });
  const scalars: string[] = [];
  const { args, kwargs } = fillIn(row, values, (text) => {
    const dim = parseInfix(text);
    if (isSym(dim)) {
      for (const name of dim.symbols()) {
        if (builder.symbols.has(name)) continue;
        builder.symbols.bindExpr(symbol(name), builder.input(name, { dtype: "int64", shape: [] }));
        scalars.push(name);
      }
    }
    return dimArg(dim);
  });
  const interpreter = new OnnxInterpreter(builder, undefined, forms);
  const results = flatten(interpreter.apply(op, interpreter.bind(op, args, kwargs)));
  const used = new Set<OnnxValue>();
  builder.graph.outputs = results.map((result) => {
    if (!(result instanceof OnnxValue)) throw new TypeError("A result of the lowering is not a tensor");
    const typed = builder.packed(builder.cast(result, passage(builder.meta(result).dtype)));
    const output = typed.producer === null || used.has(typed) ? builder.copy(typed) : typed;
    used.add(output);
    return output;
  });
  const model = new Model(builder.graph, opset, irVersionFor(opset));
  for (const [domain, version] of builder.domains) model.opsetImports.set(domain, version);
  return { model, scalars };
}

function toRuntime(x: Tensor): ort.Tensor {
  const { dtype, shape } = asPairs(loops.convert(x, passage(x.dtype)));
  const data = loops.convert(x, passage(x.dtype)).data();
  return new ort.Tensor(dtype as "float32", data as Float32Array, [...shape]);
}

/** Complex tensors go in and out as pairs of reals. */
function asPairs(x: Tensor): Tensor {
  return isComplex(x.dtype) ? pairsOf(x) : x;
}

async function runOnnx(
  op: Op,
  row: Row,
  specs: readonly TensorSpec[],
  opset: number,
  cases: readonly { inputs: Tensor[]; expected: Tensor[]; sizes: Sizes }[],
): Promise<void> {
  let lowered: Lowered | null = null;
  try {
    lowered = lower(op, row, specs, opset);
  } catch (error) {
    if (row.limits?.onnx !== undefined) return;
    throw new Error(`Lowering at opset ${opset} failed: ${(error as Error).message}`, { cause: error });
  }
  assert(row.limits?.onnx === undefined, `Lowering at opset ${opset} was said to be impossible: ${row.limits?.onnx}`);
  const problems = checkModel(lowered.model, schemas);
  assert(problems.length === 0, `The model at opset ${opset} is not valid: ${problems.join("; ")}`);
  const differences = await compareRuns(lowered, op, row, opset, cases);
  if (row.limits?.runtime === undefined) assert(differences.length === 0, differences[0]);
  else assert(differences.length > 0, `onnxruntime at opset ${opset} was said to differ: ${row.limits.runtime}`);
}

/** What onnxruntime does differently. */
async function compareRuns(
  { model, scalars }: Lowered,
  op: Op,
  row: Row,
  opset: number,
  cases: readonly { inputs: Tensor[]; expected: Tensor[]; sizes: Sizes }[],
): Promise<string[]> {
  const bytes = await serializeModel(model);
  const { inputs, outputs } = model.graph;
  const found: string[] = [];
  let session: ort.InferenceSession | null = null;
  try {
    session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 4 });
    for (const { inputs: tensors, expected, sizes } of cases) {
      const feeds: Record<string, ort.Tensor> = {};
      tensors.forEach((x, i) => feeds[`x${i}`] = toRuntime(x));
      for (const name of scalars) feeds[name] = new ort.Tensor("int64", [BigInt(sizes[name])], []);
      assert(Object.keys(feeds).length === inputs.length, "An input of the model is not fed");
      const results = await session.run(feeds);
      outputs.forEach((value, i) => {
        const result = results[value.name];
        const wanted = asPairs(expected[i]);
        const dtype = passage(wanted.dtype);
        const data = result.data as Float32Array;
        const why = result.type !== dtype ? `met ${result.type}, expected ${dtype}` : compared(op, row)(
          loops.convert(Tensor.of(dtype, result.dims, data), wanted.dtype),
          wanted,
        );
        if (why !== null) {
          found.push(`onnxruntime against kernel at opset ${opset}, ${JSON.stringify(sizes)}, output ${i}: ${why}`);
        }
      });
    }
  } catch (error) {
    found.push(`onnxruntime at opset ${opset}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await session?.release();
  }
  return found;
}
