/** The reference: what the eager interpreter gives for whole programs, and what it keeps in memory. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { LoweringError } from "../../src/ir/mod.ts";
import { load } from "../../src/pt2/load.ts";
import { FxValue } from "../../src/fx/mod.ts";
import { bytesSource, type Source } from "../../src/io/source.ts";
import { functionalize } from "../../src/passes/functionalize.ts";
import { add, call, mul, symbol } from "../../src/sym/mod.ts";
import { toSym } from "../../src/sym/expr.ts";
import { Storage, Tensor } from "../../src/tensor/mod.ts";
import { compareTensors } from "../../src/verify/compare.ts";
import { casesOfFile, readTensors } from "../../src/verify/inputs.ts";
import { AssertionError, randomValues, runProgram } from "../../src/verify/reference.ts";
import { ProgramBuilder, tableOf, tensor } from "./programs.ts";

const fixtures = new URL("../fixtures/", import.meta.url);
const s0 = symbol("s0");

for (const name of ["mlp", "convnet", "transformer", "inplace"]) {
  Deno.test(`reference: ${name} computes what PyTorch does`, async () => {
    const program = await load(new URL(`${name}.pt2`, fixtures));
    try {
      const table = await tableOf(program);
      const functional = await functionalize(program, table);
      const tensors = await readTensors(new URL(`${name}.safetensors`, fixtures));
      const cases = casesOfFile(functional, tensors, name);
      assertEquals(cases.length, 2);
      for (const [i, { values }] of cases.entries()) {
        const results = await runProgram(functional, table, values);
        let n = 0;
        for (const [k, spec] of functional.signature.outputSpecs.entries()) {
          if (spec.kind !== "USER_OUTPUT") continue;
          const expected = tensors.get(`${i === 0 ? "" : "alt_"}output_${n}`)!;
          const comparison = compareTensors(`output_${n++}`, results[k] as Tensor, expected, {
            rtol: 1e-5,
            atol: 1e-5,
          });
          assert(comparison.passed, `${comparison.name}: ${comparison.reason}`);
        }
        assert(n > 0 && !tensors.has(`${i === 0 ? "" : "alt_"}output_${n}`));
      }
    } finally {
      program.archive?.close?.();
    }
  });
}

Deno.test("reference: sizes are evaluated, also those that only values decide", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [mul(2, s0), 3]));
  const size = program.node(
    "torch.ops.aten.sym_size.int",
    [x, 0n],
    new FxValue("sym_size", { kind: "sym", type: "int", expr: mul(2, s0) }),
  );
  const sum = program.node(
    "_operator.add",
    [size, 1n],
    new FxValue("add", { kind: "sym", type: "int", expr: add(mul(2, s0), 1) }),
  );
  const y = program.node("torch.ops.aten.mul.Tensor", [x, sum], tensor("mul", "float32", [mul(2, s0), 3]));
  program.output(y);
  program.output(sum);
  program.output(null);
  const built = program.build();
  const ones = Tensor.of("float32", [4, 3], new Float32Array(12).fill(1));
  const [product, number, none] = await runProgram(built, await tableOf(built), [ones]);
  assertInstanceOf(product, Tensor);
  assertEquals(product.toArray(), new Array(12).fill(5));
  assertEquals([number, none], [5n, null]);
  const odd = Tensor.of("float32", [3, 3], new Float32Array(9));
  await assertRejects(async () => await runProgram(built, await tableOf(built), [odd]), RangeError, "No integer s0");
});

Deno.test("reference: a weight is read when it is needed, and once", async () => {
  const program = new ProgramBuilder();
  const bytes = bytesSource(new Uint8Array(new Float32Array([1, 2]).buffer));
  const reads: string[] = [];
  const source: Source = {
    ...bytes,
    read(offset, length) {
      reads.push("read");
      return bytes.read(offset, length);
    },
  };
  const lazy = new Tensor("float32", [2], Storage.lazy({ source, offset: 0, length: 8 }));
  const w = program.weight("w", lazy);
  program.weight("unused", lazy);
  const x = program.input(tensor("x", "float32", [2]));
  const a = program.node("torch.ops.aten.neg.default", [x], tensor("neg", "float32", [2]));
  const b = program.node("torch.ops.aten.add.Tensor", [a, w], tensor("add", "float32", [2]));
  const c = program.node("torch.ops.aten.mul.Tensor", [b, w], tensor("mul", "float32", [2]));
  program.output(c);
  const built = program.build();
  const input = Tensor.of("float32", [2], [1, 1]);
  const [result] = await runProgram(built, await tableOf(built), [input], {
    onValue: (value) => void reads.push(value.name),
  });
  assertEquals((result as Tensor).toArray(), [0, 2]);
  assertEquals(reads, ["neg", "read", "add", "mul"]);
});

Deno.test("reference: what goes wrong is located at its node", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [2]));
  program.node("torch.ops.aten.neg.default", [x], tensor("neg", "float32", [3]), "return -x");
  program.output(x);
  const built = program.build();
  const input = Tensor.of("float32", [2], [1, 1]);
  const error = await assertRejects(async () => await runProgram(built, await tableOf(built), [input]), LoweringError);
  assertEquals(error.fact, "The kernel gives float32[2], but the program recorded float32[3]");
  assertEquals(error.location.node, "neg");
  assertEquals(error.location.source, { file: "model.py", line: 7, code: "return -x" });
});

Deno.test("reference: the program's own assertions refuse inputs", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [s0]));
  const expr = call("le", [s0, toSym(4)]);
  const condition = new FxValue("le", { kind: "sym", type: "bool", expr });
  program.node("_operator.le", [x], condition);
  program.node("torch.ops.aten._assert_scalar.default", [condition, "s0 must be at most 4"], null);
  program.output(x);
  const built = program.build();
  const table = await tableOf(built);
  const run = (n: number): Promise<unknown> =>
    runProgram(built, table, [Tensor.of("float32", [n], new Float32Array(n))]);
  await run(4);
  const error = await assertRejects(() => run(5), LoweringError, "s0 must be at most 4");
  assertInstanceOf(error.cause, AssertionError);
});

Deno.test("reference: what comes of random values is known to be random", async () => {
  const program = new ProgramBuilder();
  const x = program.input(tensor("x", "float32", [2]));
  const noise = program.node("torch.ops.aten.rand_like.default", [x], tensor("rand_like", "float32", [2]));
  const sum = program.node("torch.ops.aten.add.Tensor", [x, noise], tensor("add", "float32", [2]));
  const neg = program.node("torch.ops.aten.neg.default", [x], tensor("neg", "float32", [2]));
  program.output(sum);
  program.output(neg);
  const built = program.build();
  const table = await tableOf(built);
  table.add({ schema: "", parsed: {}, name: "aten::rand_like", random: true });
  assertEquals([...randomValues(built, table)], [noise, sum]);
});
