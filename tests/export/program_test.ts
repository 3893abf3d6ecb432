/** `ONNXProgram` as its users see it: called like the program, looked into, given other weights. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { join } from "@std/path";
import * as ort from "onnxruntime-web/wasm";
import { exportProgram } from "../../src/export/export.ts";
import type { ExportOptions } from "../../src/export/options.ts";
import type { ONNXProgram } from "../../src/export/onnx_program.ts";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import { MemorySink } from "../../src/io/sink.ts";
import { ArchiveError, OptionError, VerificationError } from "../../src/ir/mod.ts";
import { Tensor } from "../../src/tensor/mod.ts";
import { readTensors } from "../../src/verify/inputs.ts";
import { difference } from "../aten/harness.ts";
import { fixture } from "../fixtures.ts";
import * as p from "../io/assemble.ts";
import { floats, pickledTensor, torchSave } from "../pt2/build.ts";

async function using(name: string, body: (program: ONNXProgram) => Promise<void>, options: ExportOptions = {}) {
  const program = await exportProgram(fixture(`${name}.pt2`), [], null, { ep: "wasm", ...options });
  try {
    await body(program);
  } finally {
    await program.release();
  }
}

function assertClose(actual: unknown, expected: Tensor | undefined): void {
  assertInstanceOf(actual, Tensor);
  assertEquals(difference(actual, expected!, { rtol: 1e-4, atol: 1e-5 }), null);
}

Deno.test("call takes and returns the program's own tree", async () => {
  await using("mlp", async (program) => {
    const {
      input_0: x,
      input_1: inDict,
      input_2: inList,
      output_0,
      alt_input_0,
      alt_input_1,
      alt_input_2,
      alt_output_0,
    } = Object.fromEntries(await readTensors(fixture("mlp.safetensors")));
    assertClose(await program.call([x, { tensor_x: inDict }, [inList]]), output_0);
    assertClose(await program.call([alt_input_0, { tensor_x: alt_input_1 }, [alt_input_2]]), alt_output_0);
  });
});

Deno.test("call gives tuples, lists, dicts and numbers where the program does", async () => {
  await using("multi", async (program) => {
    const recorded = await readTensors(fixture("multi.safetensors"));
    const ids = recorded.get("input_0")!;
    const kwargs = { mask: null, flag: true, name: "a" };
    const result = await program.call([ids, 3n], kwargs) as Record<string, unknown>;
    assertEquals(Object.keys(result), ["logits", "top", "rest", "scale"]);
    assertClose(result.logits, recorded.get("output_0"));
    assertClose((result.top as unknown[])[1], recorded.get("output_2"));
    assertEquals((result.rest as unknown[]).length, 3);
    assertEquals(result.scale, 3n);
  });
});

Deno.test("call names the argument that does not fit", async () => {
  await using("mlp", async (program) => {
    const x = Tensor.of("float32", [2, 8], new Float32Array(16));
    const wrong: [unknown[], new (message: string) => Error, string][] = [
      [[x], TypeError, "3 positional arguments"],
      [[x, { other: x }, [x]], TypeError, "Argument input_dict must be an object with exactly tensor_x"],
      [[x, [x], [x]], TypeError, "Argument input_dict must be an object with tensor_x"],
      [[x, { tensor_x: x }, x], TypeError, "Argument input_list must be an array of 1"],
      [[x, { tensor_x: new Float32Array(3) }, [x]], TypeError, "not a tensor"],
      [
        [x, { tensor_x: Tensor.of("float32", [2, 7], new Float32Array(14)) }, [x]],
        VerificationError,
        "float32[s18, 8]",
      ],
      [[x, { tensor_x: Tensor.of("float32", [3, 8], new Float32Array(24)) }, [x]], VerificationError, "s18"],
    ];
    for (const [args, errorClass, message] of wrong) {
      await assertRejects(() => program.call(args), errorClass, message);
    }
    const call = () => program.call([x, { tensor_x: x }, [x]], { flag: true });
    await assertRejects(call, TypeError, "no keyword argument flag");
  });
});

Deno.test("state is kept: a call starts from the initial values and leaves the program as it is", async () => {
  for (const state of ["outputs", "inputs", "drop"] as const) {
    await using("inplace", async (program) => {
      const recorded = await readTensors(fixture("inplace.safetensors"));
      for (let turn = 0; turn < 2; turn++) {
        const result = await program.call([recorded.get("input_0")!]);
        const leaves = [result].flat(3).flatMap((r) => r instanceof Tensor ? [r] : Object.values(r as object).flat());
        leaves.forEach((leaf, i) => assertClose(leaf, recorded.get(`output_${i}`)));
      }
    }, { state });
  }
});

Deno.test("computeValues gives values inside the model, on the samples where no arguments are given", async () => {
  await using("mlp", async (program) => {
    const samples = await program.computeValues(["sigmoid", "linear_4"]);
    assertEquals(Object.keys(samples), ["sigmoid", "linear_4"]);
    const [x, d, l] = (await program.exportedProgram.sampleInputs()) as Tensor[];
    const args = [x, { tensor_x: d }, [l]];
    const given = await program.computeValues(["sigmoid"], args);
    assertClose(given.sigmoid, samples.sigmoid);
    assertClose(await program.call(args), samples.linear_4);
    await assertRejects(() => program.computeValues(["sigmoid", "no", "none"]), RangeError, "no value no, none");
  });
});

Deno.test("a session of the user's own making is used", async () => {
  await using("mlp", async (program) => {
    let made = 0;
    await program.initializeInferenceSession((bytes) => {
      made++;
      return ort.InferenceSession.create(bytes);
    });
    const samples = (await program.exportedProgram.sampleInputs()) as Tensor[];
    const args = [samples[0], { tensor_x: samples[1] }, [samples[2]]];
    const first = await program.call(args);
    assertClose(await program.call(args), first as Tensor);
    assertEquals(made, 1);
  });
});

Deno.test("optimize works in place and keeps what a call gives", async () => {
  await using("convnet", async (program) => {
    const recorded = await readTensors(fixture("convnet.safetensors"));
    const before = program.model.graph.size;
    const first = [await program.call([recorded.get("input_0")!])].flat() as Tensor[];
    await program.optimize();
    assert(program.model.graph.size <= before);
    assertClose([await program.call([recorded.get("input_0")!])].flat()[0], first[0]);
    assertEquals(await program.optimize(), false);
  }, { optimize: false });
});

/** All weights of the MLP, of ones. */
function ones(program: ONNXProgram): Map<string, Tensor> {
  return new Map(
    [...program.exportedProgram.stateDict].map(([name, { dtype, shape, numel }]) =>
      [name, Tensor.of(dtype, shape, new Float32Array(numel).fill(1))] as const
    ),
  );
}

async function safetensors(tensors: ReadonlyMap<string, Tensor>): Promise<Uint8Array<ArrayBuffer>> {
  const sink = new MemorySink();
  await writeSafetensors(
    sink,
    new Map([...tensors].map(([name, t]) => [name, { dtype: "F32", shape: t.shape, data: t.bytes() }])),
  );
  return sink.bytes();
}

Deno.test("applyWeights takes a map, an object, safetensors, shards and what torch.save wrote", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using("mlp", async (program) => {
      const all = ones(program);
      const path = join(folder, "w.safetensors");
      await Deno.writeFile(path, await safetensors(all));
      const names = [...all.keys()];
      for (const [i, half] of [names.slice(0, 5), names.slice(5)].entries()) {
        const part = new Map(half.map((name) => [name, all.get(name)!]));
        await Deno.writeFile(join(folder, `part${i}.safetensors`), await safetensors(part));
      }
      const map = Object.fromEntries(names.map((name, i) => [name, `part${i < 5 ? 0 : 1}.safetensors`]));
      const index = join(folder, "w.safetensors.index.json");
      await Deno.writeTextFile(index, JSON.stringify({ metadata: {}, weight_map: map }));
      const x = Tensor.of("float32", [1, 8], new Float32Array(8).fill(0.5));
      const args = [x, { tensor_x: x }, [x]];
      const before = await program.call(args) as Tensor;
      for (const stateDict of [all, Object.fromEntries(all), path, await Deno.readFile(path), index]) {
        assertEquals(await program.applyWeights(stateDict), { missing: [] });
        const y = await program.call(args) as Tensor;
        assert(difference(y, before) !== null);
        // Sigmoids of large sums are nearly 1, so that two of them and a bias of 1 are nearly 3.
        assertEquals(y.toArray().map((v) => Math.round(Number(v))), [3, 3]);
      }
      const { verifyProgram } = await import("../../src/verify/mod.ts");
      assertEquals((await verifyProgram(program, { ep: "wasm" })).passed, true);
      const bias = await torchSave(
        p.dict(p.text("state_dict"), p.dict(p.text("fc3.bias"), pickledTensor(0, 2, [2]))),
        [floats(5, 7)],
      );
      const { missing } = await program.applyWeights(bias);
      assertEquals(missing.includes("fc3.bias"), false);
      assertEquals(missing.length, names.length - 1);
      const y = await program.call(args) as Tensor;
      assertEquals(y.toArray().map((v) => Math.round(Number(v))), [7, 9]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("applyWeights tells every name that does not fit, and changes nothing then", async () => {
  await using("mlp", async (program) => {
    const old = program.exportedProgram.stateDict.get("fc0.bias");
    const wrong = {
      "fc0.bias": Tensor.of("float32", [8], new Float32Array(8)),
      "fc0.weight": Tensor.of("float32", [8, 9], new Float32Array(72)),
      "fc1.bias": Tensor.of("float64", [4], new Float64Array(4)),
      "fc9.bias": Tensor.scalar("float32", 1),
    };
    const error = await assertRejects(() => program.applyWeights(wrong), OptionError);
    for (const part of ["fc0.weight is float32[8, 9]", "fc1.bias is float64[4]", "fc9.bias is not a weight"]) {
      assert(error.message.includes(part), error.message);
    }
    assert(program.exportedProgram.stateDict.get("fc0.bias") === old);
    await assertRejects(() => program.applyWeights(new Uint8Array([1, 2, 3])), ArchiveError);
  });
});

Deno.test("applyWeights accepts each name of a tied weight, and refuses to untie it", async () => {
  await using("multi", async (program) => {
    const { shape, dtype, numel } = program.exportedProgram.stateDict.get("embed.weight")!;
    const one = Tensor.of(dtype, shape, new Float32Array(numel));
    const other = Tensor.of(dtype, shape, new Float32Array(numel));
    const tied = { "embed.weight": one, "head.weight": one };
    assertEquals((await program.applyWeights(tied)).missing.includes("head.weight"), false);
    assertEquals((await program.applyWeights({ "head.weight": one })).missing.includes("embed.weight"), false);
    const untied = () => program.applyWeights({ "embed.weight": one, "head.weight": other });
    await assertRejects(untied, OptionError, "head.weight and embed.weight are one weight");
  });
});
