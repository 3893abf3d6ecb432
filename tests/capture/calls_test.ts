/**
 * Calls of functions and methods against PyTorch: the results, and the nodes that `torch.export` records for the same Python.
 * `calls.txt` lists them; `tests/tools/api_calls.py` recorded what PyTorch gave.
 */
import { assertEquals } from "@std/assert";
import { fullMeta } from "../../src/aten/calls.ts";
import { RECORDS } from "../../src/aten/records.ts";
import { formatGraph } from "../../src/fx/mod.ts";
import { currentTracer, recordedBy } from "../../src/trace/context.ts";
import { Tracer } from "../../src/trace/tracer.ts";
import { Tensor } from "../../torch.ts";
import { decodeTensor, type Encoded, type EncodedTensor, numbersOf, type Row, run, toNumber } from "./call_trees.ts";

interface Calls {
  readonly tensors: Readonly<Record<string, EncodedTensor>>;
  readonly rows: readonly Row[];
}

const calls: Calls = JSON.parse(await Deno.readTextFile(new URL("fixtures/calls.json", import.meta.url)));

function scope(): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(calls.tensors).map(([name, t]) => [name, new Tensor(decodeTensor(t))]));
}

const TOLERANCES: Readonly<Record<string, number>> = { float16: 2e-3, float32: 2e-5, complex64: 2e-5 };

function compare(actual: unknown, expected: Encoded, where: string): void {
  if (Array.isArray(expected)) {
    assertEquals((actual as unknown[]).length, expected.length, where);
    expected.forEach((item, i) => compare((actual as unknown[])[i], item, `${where}[${i}]`));
  } else if (typeof expected === "object" && expected !== null && "dtype" in expected) {
    const tensor = actual as Tensor;
    assertEquals([tensor.dtype, tensor.shape], [expected.dtype, expected.shape], where);
    const numbers = numbersOf(tensor);
    const tolerance = TOLERANCES[tensor.dtype] ?? 1e-9;
    expected.values.map(toNumber).forEach((want, i) => {
      const same = Object.is(numbers[i], want) || numbers[i] === want ||
        Math.abs(numbers[i] - want) <= tolerance * (1 + Math.abs(want));
      if (!same) throw new Error(`${where}: element ${i} is ${numbers[i]}, not ${want}`);
    });
  } else if (typeof expected === "object" && expected !== null && "int" in expected) {
    assertEquals(actual, expected.int, where);
  } else if (typeof expected === "object" && expected !== null && "float" in expected) {
    assertEquals(actual, toNumber(expected.float), where);
  } else assertEquals(actual, expected, where);
}

/** PyTorch's own assertions name arguments that stand in order. */
function plain(line: string): string {
  return line.replace(/(_assert_tensor_metadata.default) .*/, "$1");
}

for (const row of calls.rows) {
  Deno.test(`${row.source} gives PyTorch's result`, () => {
    const tensors = scope();
    const result = run(row.tree, tensors);
    compare(result, row.result, row.source);
  });
  const { inputs, nodes } = row;
  if (nodes === null || inputs === null) continue;
  Deno.test(`${row.source} is recorded as PyTorch records it`, () => {
    const tracer = new Tracer(RECORDS);
    const tensors = Object.fromEntries(inputs.map((name) => {
      const { dtype, shape } = decodeTensor(calls.tensors[name]);
      return [name, new Tensor(tracer.addInput(name, fullMeta({ dtype, shape })))];
    }));
    recordedBy(tracer, () => run(row.tree, tensors));
    assertEquals(currentTracer(), null);
    const lines = formatGraph(tracer.graph).filter((text) => text.includes("[target=")).map((text) =>
      text.slice(text.indexOf("[target=") + 8).replace("](", " ")
    );
    assertEquals(lines.map(plain), nodes.map(plain));
  });
}
