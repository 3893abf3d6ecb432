/** Custom operators from outside: what is told of unknown ones, translations of each kind, domains, verification. */
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import * as onnx from "../../mod.ts";
import { checkModel } from "../../src/onnx/check.ts";
import * as schemas from "../../src/onnx/op_schema.ts";
import { formatReport, verifyProgram } from "../../src/verify/mod.ts";
import { fixture } from "../fixtures.ts";
import { customTranslationTable } from "./shown_table.ts";

const archive = fixture("custom.pt2");
const recorded = fixture("custom.safetensors");

const ofOnnx: onnx.CustomTranslationTable = {
  "shop::scaled_add": (b, { x, y, alpha = 1, clamp = false }) => {
    const total = b.op("Add", [x, b.op("Mul", [y, b.scalar(alpha, "float32")])]);
    return clamp ? b.op("Relu", [total]) : total;
  },
  "torch.ops.shop.split_sign.default": (b, { x, factor }) => {
    const [zero, scale] = [b.scalar(0, "float32"), b.scalar(factor, "float32")];
    return [b.op("Mul", [b.op("Min", [x, zero]), scale]), b.op("Mul", [b.op("Relu", [x]), scale])];
  },
};

const ofOwnDomain: onnx.CustomTranslationTable = {
  "shop::scaled_add": (b, { x, y, alpha, clamp = false }) =>
    b.op("ScaledAdd", [x, y], { alpha: onnx.float(alpha), clamp: Number(clamp) }, "com.shop"),
  "shop::split_sign": (b, { x, factor }) => b.ops("SplitSign", [x], 2, { factor }, "com.shop"),
};

async function exported(
  options: onnx.ExportOptions,
  body: (program: onnx.ONNXProgram) => Promise<void> | void,
): Promise<void> {
  const program = await onnx.export(archive, [], null, options);
  try {
    assertEquals(checkModel(program.model, schemas), []);
    await body(program);
  } finally {
    program.release();
  }
}

const opTypes = ({ model }: onnx.ONNXProgram): string[] => [...model.graph.nodes()].map((node) => node.opType);

/** Exports and verifies against PyTorch's recorded outputs at two sizes. */
async function agrees(options: onnx.ExportOptions, found: (ops: string[]) => void = () => {}): Promise<void> {
  await exported(options, async (program) => {
    found(opTypes(program));
    const report = await verifyProgram(program, { ep: "wasm", inputs: recorded, expected: recorded });
    assert(report.passed && report.runs.length === 2, formatReport(report).join("\n"));
  });
}

Deno.test("the error of an unknown operator shows the lines to write", async () => {
  const error = await assertRejects(() => onnx.export(archive), onnx.ExportError);
  assertEquals(error.errors.length, 2);
  const source = await Deno.readTextFile(new URL("shown_table.ts", import.meta.url));
  const lines = source.split("\n").filter((line) => line.startsWith('  "shop::')).map((line) => line.trim());
  assertEquals(lines.length, Object.keys(customTranslationTable).length);
  for (const line of lines) assertStringIncludes(error.message, line);
});

Deno.test("functions over the builder translate operators; left-out arguments take the pattern's default", async () => {
  await agrees({ customTranslationTable: ofOnnx });
  await agrees({ customTranslationTable: new Map(Object.entries(ofOnnx)), opsetVersion: 18 });
});

Deno.test("nodes of a domain of one's own get an opset import, and verification says that it can't run them", async () => {
  await exported({ customTranslationTable: ofOwnDomain }, async (program) => {
    assertEquals(opTypes(program), ["ScaledAdd", "SplitSign", "ScaledAdd"]);
    assertEquals(program.model.opsetImports.get("com.shop"), 1);
    const again = await onnx.verify(program.model, {
      program: archive,
      ep: "wasm",
      inputs: recorded,
      expected: recorded,
      customTranslationTable: ofOwnDomain,
    });
    assertEquals(again.passed, false);
    assertMatch(
      again.failure!,
      /only a runtime with their domain can run: com\.shop::ScaledAdd, com\.shop::SplitSign$/,
    );
  });
});

Deno.test("a domain's version is the translation's or the option's", async () => {
  const table: onnx.CustomTranslationTable = {
    ...ofOwnDomain,
    "shop::split_sign": (b, { x, factor }) => {
      b.domains.set("com.shop", 3);
      return b.ops("SplitSign", [x], 2, { factor }, "com.shop");
    },
  };
  await exported({ customTranslationTable: table }, ({ model }) => {
    assertEquals(model.opsetImports.get("com.shop"), 3);
  });
  const warnings: string[] = [];
  const options = { customTranslationTable: ofOwnDomain, customOpsets: { "com.shop": 5, "unused": 2 } };
  await exported({ ...options, onWarning: (text) => warnings.push(text) }, ({ model }) => {
    assertEquals(model.opsetImports.get("com.shop"), 5);
    assertEquals(model.opsetImports.has("unused"), false);
  });
  assertMatch(warnings.join(), /customOpsets is deprecated/);
  await assertRejects(
    () => onnx.export(archive, [], null, { customOpsets: { "": 2 } }),
    onnx.OptionError,
    "customOpsets",
  );
});

Deno.test("alternatives are tried in order: by opset, and until one gives a result", async () => {
  const tried: string[] = [];
  const table: onnx.CustomTranslationTable = {
    ...ofOnnx,
    "shop::scaled_add": [
      { since: 22, onnx: (b, { x }) => b.op("Later", [x], {}, "com.shop") },
      { since: 18, until: 19, onnx: (b, { x }) => b.op("Earlier", [x], {}, "com.shop") },
      (_, { clamp = false }) => {
        tried.push(`clamp=${clamp}`);
        return null;
      },
      ofOnnx["shop::scaled_add" as keyof typeof ofOnnx] as onnx.TranslationFunction,
    ],
  };
  await agrees({ customTranslationTable: table }, (ops) => assert(!ops.includes("Later") && !ops.includes("Earlier")));
  assertEquals(tried, ["clamp=false", "clamp=true"]);
  for (const [opsetVersion, name] of [[23, "Later"], [19, "Earlier"]] as const) {
    await exported({ customTranslationTable: table, opsetVersion }, (program) => {
      assertEquals(opTypes(program).filter((op) => op === name).length, 2);
    });
  }
});

Deno.test("a record with a decomposition gives the ONNX form and the reference", async () => {
  const [add, relu, mul, neg] = await onnx.loadOps(
    "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    "aten::relu(Tensor self) -> Tensor",
    "aten::mul.Scalar(Tensor self, Scalar other) -> Tensor",
    "aten::neg(Tensor self) -> Tensor",
  );
  const table: onnx.CustomTranslationTable = {
    "shop::scaled_add": onnx.defineOp(
      "shop::scaled_add(Tensor x, Tensor y, *, float alpha=1.0, bool clamp=False) -> Tensor",
      {
        decompose: (t, { x, y, alpha, clamp }) => {
          const total = t.call(add, x, y, alpha);
          return clamp ? t.call(relu, total) : total;
        },
      },
    ),
    "shop::split_sign": onnx.defineOp("shop::split_sign(Tensor x, int factor) -> (Tensor, Tensor)", {
      decompose: (t, { x, factor }) => {
        const low = t.call(neg, t.call(relu, t.call(neg, x)));
        return [t.call(mul, low, BigInt(factor)), t.call(mul, t.call(relu, x), BigInt(factor))] as const;
      },
    }),
  };
  await agrees({ customTranslationTable: table });
  await exported({ customTranslationTable: table, verify: true, ep: "wasm" }, ({ verification }) => {
    assertEquals([verification!.reference, verification!.passed], ["eager", true]);
  });
  const report = await onnx.verify((await onnx.export(archive, [], null, { customTranslationTable: table })).model, {
    program: archive,
    ep: "wasm",
    customTranslationTable: table,
  });
  assert(report.passed);
});

Deno.test("an operator that is known can be translated otherwise", async () => {
  const program = await onnx.export(fixture("mlp.pt2"), [], null, {
    customTranslationTable: { "aten::sigmoid": (b, { self }) => b.op("Sigmoid", [self], {}, "com.shop") },
  });
  const nodes = [...program.model.graph.nodes()].filter((node) => node.opType === "Sigmoid");
  assert(nodes.length > 0 && nodes.every((node) => node.domain === "com.shop"));
  program.release();
});

Deno.test("verification without a kernel says which operator lacks one", async () => {
  await exported({ customTranslationTable: ofOnnx, verify: true, ep: "wasm" }, ({ verification }) => {
    assertEquals(verification!.passed, false);
    assertMatch(formatReport(verification!).join("\n"), /shop::scaled_add has no kernel/);
  });
});

const REFUSED: readonly (readonly [string, onnx.CustomTranslationTable, string])[] = [
  ["a name that is none", { "scaled add": () => null }, `"scaled add", which is no operator's name`],
  ["the same operator twice", { ...ofOnnx, "shop.scaled_add": () => null }, "has shop::scaled_add twice"],
  [
    "no function",
    { "shop::scaled_add": 3 as unknown as onnx.CustomTranslation },
    "no translation under shop::scaled_add",
  ],
  ["an empty list", { "shop::scaled_add": [] }, "no translation under shop::scaled_add"],
  ["an operator that writes", { "shop::scale_": () => null }, "which writes to its argument"],
  [
    "another operator's record",
    { "shop::scaled_add": onnx.defineOp("shop::other(Tensor x) -> Tensor", {}) },
    "has a record of shop::other under shop::scaled_add",
  ],
];

for (const [name, customTranslationTable, message] of REFUSED) {
  Deno.test(`a translation table is refused: ${name}`, async () => {
    await assertRejects(() => onnx.export(archive, [], null, { customTranslationTable }), onnx.OptionError, message);
  });
}

Deno.test("a translation that gives what the program does not expect is an error at the node", async () => {
  const translated = (entry: onnx.TranslationFunction): Promise<unknown> =>
    onnx.export(archive, [], null, { customTranslationTable: { ...ofOnnx, "shop::scaled_add": entry } });
  for (
    const [entry, message] of [
      [() => null, "No translation of shop::scaled_add in the custom table takes this call at opset 21"],
      [(b, { x }) => b.cast(x, "float64"), "gives float64[s17, 3], but the program recorded float32[s17, 3]"],
      [() => "text" as unknown as onnx.OnnxValue, "The rule gave no tensor for result scaled_add"],
    ] as [onnx.TranslationFunction, string][]
  ) {
    const error = await assertRejects(() => translated(entry), onnx.ExportError, message);
    assertStringIncludes(error.message, 'File "custom.py", line 5');
  }
});

Deno.test("operators that write say what their arguments become", async () => {
  const [add, mul, sum] = await onnx.loadOps(
    "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    "aten::mul.Scalar(Tensor self, Scalar other) -> Tensor",
    "aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
  );
  const table: onnx.CustomTranslationTable = {
    "shop::add_to": onnx.defineOp("shop::add_to(Tensor(a!) x, Tensor row) -> ()", {
      writes: { args: ["x"], functional: (t, { x, row }) => [t.call(add, x, row)] },
    }),
    "shop::move": onnx.defineOp("shop::move(Tensor(a!) x, Tensor(b!) to, float share) -> Tensor", {
      writes: {
        args: ["x", "to"],
        functional: (t, { x, to, share }) => {
          const moved = t.call(mul, t.call(sum, x, [0]), share);
          return [t.call(mul, moved, 10n), t.call(mul, x, 1 - share), t.call(add, to, moved)];
        },
      },
    }),
    "shop::scale_all": onnx.defineOp("shop::scale_all(Tensor(a!)[] xs, float factor) -> ()", {
      writes: { args: ["xs"], functional: (t, { xs, factor }) => xs.map((x) => t.call(mul, x, factor)) },
    }),
  };
  for (const name of ["custom_writes", "custom_writes_functional"]) {
    const program = await onnx.export(fixture(`${name}.pt2`), [], null, { customTranslationTable: table });
    const file = fixture(`${name}.safetensors`);
    const report = await verifyProgram(program, { ep: "wasm", inputs: file, expected: file });
    assert(report.passed && report.runs.length === 2, formatReport(report).join("\n"));
    assertEquals(program.model.graph.outputs.at(-1)!.name, "total_out", "the buffer that is written is an output");
    program.release();
    await assertRejects(
      () =>
        onnx.export(fixture(`${name}.pt2`), [], null, {
          customTranslationTable: { ...table, "shop::add_to": (b, { x, row }) => b.op("Add", [x, row]) },
        }),
      onnx.OptionError,
      "for shop::add_to",
    );
  }
});

Deno.test("a record that writes, but does not say what, is refused; so is one that gives too little", async () => {
  const [add] = await onnx.loadOps("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor");
  const exporting = (op: onnx.Op): Promise<unknown> =>
    onnx.export(fixture("custom_writes.pt2"), [], null, { customTranslationTable: { [op.name]: op } });
  await assertRejects(
    () => exporting(onnx.defineOp("shop::add_to(Tensor(a!) x, Tensor row) -> ()", {})),
    onnx.OptionError,
    "does not say what becomes of what it writes to: x",
  );
  await assertRejects(
    () =>
      exporting(onnx.defineOp("shop::move(Tensor(a!) x, Tensor(b!) to, float share) -> Tensor", {
        writes: { args: ["x", "to"], functional: (t, { x }) => [t.call(add, x, x)] },
      })),
    onnx.Fx2OnnxError,
    "gives 1 of 3 values",
  );
});
