/**
 * Builds one small program in the forms that torch 2.1 to 2.6 wrote, from the description of the format: no torch that
 * old has to be installed. All forms say the same, so that what the reader makes of them can be compared.
 */
import { tuple } from "../io/assemble.ts";
import * as p from "../io/assemble.ts";
import { type Data, floats, type Parts, pickledTensor, torchSave, tupleSpec } from "./build.ts";

/** Schema versions that archives of this layout have. */
export type OldVersion = "1" | "2" | "5.1" | "5.3" | "7.3" | "8.2";

export const OLD_PROGRAM = "serialized_exported_program.json";
/** The versions that are brought to the current form. */
export const OLD_VERSIONS: readonly OldVersion[] = ["1", "2", "5.1", "5.3", "7.3"];

/** The alternatives of an argument in torch 2.1, which wrote all of them. */
const ALTERNATIVES =
  ("as_none as_tensor as_tensors as_int as_ints as_float as_floats as_string as_strings as_sym_int " +
    "as_sym_ints as_scalar_type as_memory_format as_layout as_device as_bool as_bools as_sym_bool as_sym_bools as_graph " +
    "as_optional_tensors as_custom_obj").split(" ");
const LARGEST = "9223372036854775806";
const leaf = { type: null, context: null, children_spec: [] };

/** The forms of one version. */
export class OldForms {
  readonly version: OldVersion;
  /** Position of the version among all. */
  private readonly age: number;

  constructor(version: OldVersion) {
    this.version = version;
    this.age = ["1", "2", "5.1", "5.3", "7.3", "8.2"].indexOf(version);
  }

  isBefore(version: OldVersion): boolean {
    return this.age < ["1", "2", "5.1", "5.3", "7.3", "8.2"].indexOf(version);
  }

  /** A union: before 2.3 with all alternatives. */
  union(alternatives: readonly string[], key: string, value: Data): Data {
    const nulls = this.isBefore("5.1") ? Object.fromEntries(alternatives.map((name) => [name, null])) : {};
    return { ...nulls, [key]: value };
  }

  argument(key: string, value: Data): Data {
    return this.union(ALTERNATIVES, key, value);
  }

  tensor(name: string): Data {
    return this.argument("as_tensor", { name });
  }

  none(): Data {
    return this.argument("as_none", this.isBefore("8.2") ? [] : true);
  }

  symInt(name: string): Data {
    return this.union(["as_name", "as_int"], "as_name", name);
  }

  /** Elements of a list with gaps: names or null. */
  optionalTensor(name: string | null): Data {
    const none = this.isBefore("8.2") ? [] : true;
    const tensor = this.isBefore("5.3") ? name : { name };
    return this.union(["as_tensor", "as_none"], name === null ? "as_none" : "as_tensor", name === null ? none : tensor);
  }

  private expression(infix: string, srepr: string, hint: number | null): Data {
    const text = this.isBefore("8.2") ? infix : srepr;
    const union = hint === null ? null : this.union(["as_int", "as_float", "as_bool"], "as_int", hint);
    return { expr_str: text, hint: this.isBefore("2") ? hint : union };
  }

  /** A size: a number, or the text of an expression in both forms. */
  size(value: number | readonly [string, string]): Data {
    const isNumber = typeof value === "number";
    const content = isNumber ? value : this.expression(value[0], value[1], 4);
    return this.union(["as_expr", "as_int"], isNumber ? "as_int" : "as_expr", content);
  }

  symBool([infix, srepr]: readonly [string, string]): Data {
    const content = this.isBefore("2") ? infix : this.expression(infix, srepr, null);
    return this.union(["as_expr", "as_bool"], "as_expr", content);
  }

  meta(dtype: number, ...sizes: (number | readonly [string, string])[]): Data {
    const strides: Data[] = [];
    let step = 1;
    for (let i = sizes.length - 1; i >= 0; i--) {
      strides.unshift(this.size(step));
      step *= typeof sizes[i] === "number" ? sizes[i] as number : 4;
    }
    const meta = {
      dtype,
      sizes: sizes.map((size) => this.size(size)),
      requires_grad: false,
      device: { type: "cpu", ...(this.isBefore("5.1") ? { index: null } : {}) },
      strides,
      storage_offset: this.isBefore("5.1") ? 0 : this.size(0),
      layout: 7,
    };
    return this.isBefore("2") ? { meta } : meta;
  }

  node(target: string, inputs: [string, Data][], outputs: Data[]): Data {
    const stack = this.isBefore("2")
      ? "L__self___fc:(getattr(L['self'].blocks, '0').fc,torch.nn.modules.linear.Linear)"
      : "L__self___fc,blocks.0.fc,torch.nn.modules.linear.Linear";
    return {
      target,
      inputs: inputs.map(([name, arg]) => ({ name, arg })),
      outputs,
      metadata: {
        ...(this.isBefore("2") ? { stack_trace: "NoneType: None\n" } : {}),
        nn_module_stack: stack,
        [this.isBefore("2") ? "source_fn" : "source_fn_stack"]: "mul,_operator.mul",
      },
    };
  }

  private branch(op: string): Data {
    return {
      inputs: [this.tensor("x")],
      outputs: [this.tensor(op)],
      nodes: [this.node(`torch.ops.aten.${op}.default`, [["self", this.tensor("x")]], [this.tensor(op)])],
      tensor_values: { x: this.meta(7, S0, 3), [op]: this.meta(7, S0, 3) },
      sym_int_values: {},
      sym_bool_values: {},
      is_single_tensor_return: this.isBefore("2"),
    };
  }

  graph(): Data {
    const t = (name: string): Data => this.tensor(name);
    const n = this.symInt("n");
    const branch = (name: string, op: string): Data => this.argument("as_graph", { name, graph: this.branch(op) });
    const f = (...args: Parameters<OldForms["node"]>): Data => this.node(...args);
    return {
      inputs: [t("w"), t("b"), t("k"), t("x"), this.argument("as_int", 3)],
      outputs: ["updated", "scaled", "index", "picked", "view"].map(t),
      nodes: [
        f("torch.ops.aten.add.Tensor", [["self", t("b")], ["other", this.argument("as_int", 1)]], [t("updated")]),
        f("torch.ops.aten.sym_size.int", [["self", t("x")], ["dim", this.argument("as_int", 0)]], [
          this.argument("as_sym_int", n),
        ]),
        f("_operator.mul", [["a", this.argument("as_sym_int", n)], ["b", this.argument("as_int", 3)]], [
          this.argument("as_sym_int", this.symInt("n3")),
        ]),
        f("_operator.lt", [["a", this.argument("as_sym_int", n)], ["b", this.argument("as_int", 7)]], [
          this.argument("as_sym_bool", this.union(["as_name", "as_bool"], "as_name", "small")),
        ]),
        f("torch.ops.aten.mul.Tensor", [["self", t("x")], ["other", t("w")]], [t("mul")]),
        f("torch.ops.aten.mul.Tensor", [["self", t("mul")], ["other", this.argument("as_float", "BARE")]], [
          t("scaled"),
        ]),
        f("torch.ops.aten.index.Tensor", [
          ["self", t("x")],
          [
            "indices",
            this.argument("as_optional_tensors", [this.optionalTensor(null), this.optionalTensor("k")]),
          ],
        ], [t("index")]),
        f("torch.ops.aten.sum.default", [["self", t("x")], ["dtype", this.none()]], [t("sum")]),
        f("torch.ops.aten.gt.Scalar", [["self", t("sum")], ["other", this.argument("as_int", 0)]], [t("gt")]),
        f("torch.ops.higher_order.cond", [
          ["", t("gt")],
          ["", branch("true_graph_0", "sin")],
          ["", branch("false_graph_0", "cos")],
          ["", this.argument("as_tensors", [{ name: "x" }])],
        ], [this.isBefore("2") ? t("picked") : this.argument("as_tensors", [{ name: "picked" }])]),
        f("torch.ops.aten.view.default", [
          ["self", t("x")],
          ["size", this.argument("as_sym_ints", [this.symInt("n3")])],
        ], [t("view")]),
      ],
      tensor_values: {
        w: this.meta(7, 3),
        b: this.meta(7, 3),
        k: this.meta(5, 2),
        x: this.meta(7, S0, 3),
        updated: this.meta(7, 3),
        mul: this.meta(7, S0, 3),
        scaled: this.meta(7, S0, 3),
        index: this.meta(7, S0, 2),
        sum: this.meta(7),
        gt: this.meta(12),
        picked: this.meta(7, S0, 3),
        view: this.meta(7, S0_TIMES_3),
      },
      sym_int_values: { n: this.size(S0), n3: this.size(S0_TIMES_3) },
      sym_bool_values: { small: this.symBool(S0_SMALL) },
      is_single_tensor_return: false,
      ...(this.isBefore("2") ? { constants: {} } : {}),
      ...(this.isBefore("5.1") ? {} : { custom_obj_values: {} }),
    };
  }

  signature(): Data {
    if (this.isBefore("2")) {
      return {
        inputs_to_parameters: { w: "L__self___w" },
        inputs_to_buffers: { b: "L__self___b", k: "L__self___k" },
        user_inputs: ["x", "count"],
        user_outputs: ["scaled", "index", "picked", "view"],
        buffers_to_mutate: { updated: "L__self___b" },
        backward_signature: null,
      };
    }
    const input = (key: string, value: Data): Data =>
      this.union(["user_input", "parameter", "buffer", "tensor_constant"], key, value);
    const output = (key: string, value: Data): Data =>
      this.union(["user_output", "loss_output", "buffer_mutation", "gradient_to_parameter"], key, value);
    const persistent = this.isBefore("5.1") ? {} : { persistent: true };
    return {
      input_specs: [
        input("parameter", { arg: { name: "w" }, parameter_name: "w" }),
        input("buffer", { arg: { name: "b" }, buffer_name: "b", ...persistent }),
        input("tensor_constant", { arg: { name: "k" }, tensor_constant_name: "k" }),
        input("user_input", { arg: this.tensor("x") }),
        this.isBefore("5.3")
          ? input("user_input", { arg: this.argument("as_int", 3) })
          : { constant_input: { name: "count", value: { as_int: 3 } } },
      ],
      output_specs: [
        output("buffer_mutation", { arg: { name: "updated" }, buffer_name: "b" }),
        ...["scaled", "index", "picked", "view"].map((name) => output("user_output", { arg: this.tensor(name) })),
      ],
    };
  }

  program(): Data {
    const [major, minor] = this.version.split(".").map(Number);
    const args = tupleSpec(leaf, leaf);
    const inSpec = JSON.stringify([
      1,
      this.isBefore("2") ? args : tupleSpec(args, { type: "builtins.dict", context: "[]", children_spec: [] }),
    ]);
    const call = { in_spec: inSpec, out_spec: JSON.stringify([1, tupleSpec(leaf, leaf, leaf, leaf)]) };
    return {
      graph_module: {
        graph: this.graph(),
        signature: this.signature(),
        ...(this.isBefore("2")
          ? { call_spec: call, module_call_graph: [] }
          : { module_call_graph: [{ fqn: "", signature: { inputs: [], outputs: [], ...call } }] }),
      },
      opset_version: { aten: 10 },
      range_constraints: { s0: { min_val: 2, max_val: this.isBefore("8.2") ? "LARGEST" : null } },
      schema_version: this.isBefore("5.1") ? major : { major, minor },
      ...(this.isBefore("2") ? { equality_constraints: [], example_inputs: null } : {}),
      ...(this.isBefore("7.3") ? this.isBefore("2") ? {} : { dialect: "ATEN" } : {
        verifiers: ["ATEN"],
        torch_version: this.isBefore("8.2") ? "2.5.1+cu124" : "2.6.0+cu124",
      }),
    };
  }
}

const SYMBOL = "Symbol('s0', positive=True, integer=True)";
const S0 = ["s0", SYMBOL] as const;
const S0_TIMES_3 = ["3*s0", `Mul(Integer(3), ${SYMBOL})`] as const;
const S0_SMALL = ["s0 < 7", `StrictLessThan(${SYMBOL}, Integer(7))`] as const;

/** The text of a program: with the tokens and integers that JavaScript has no JSON for. */
export function oldText(program: Data): string {
  return JSON.stringify(program).replaceAll('"BARE"', "Infinity").replaceAll('"LARGEST"', LARGEST);
}

const indices = new Uint8Array(BigInt64Array.of(2n, 0n).buffer);

/** The int64 tensor over storage `key`. */
function pickledIndices(key: number): p.Code {
  const storage: p.Code = [
    tuple(p.text("storage"), p.global("torch", "LongStorage"), p.text(String(key)), p.text("cpu"), p.int(2)),
    p.BINPERSID,
  ];
  return p.call(
    "torch._utils",
    "_rebuild_tensor_v2",
    storage,
    p.int(0),
    tuple(p.int(2)),
    tuple(p.int(1)),
    p.FALSE,
    p.call("collections", "OrderedDict"),
  );
}

/** An archive of a version; its program is an object, to be damaged before `writeOld`. */
export async function oldParts(version: OldVersion): Promise<Parts> {
  const forms = new OldForms(version);
  const weights = [floats(1, 2, 3), floats(4, 5, 6)];
  const prefix = forms.isBefore("2") ? "L__self___" : "";
  const state: p.Code[] = [
    p.text(`${prefix}w`),
    p.call("torch._utils", "_rebuild_parameter", pickledTensor(0, 3, [3]), p.TRUE, p.dict()),
    p.text(`${prefix}b`),
    pickledTensor(1, 3, [3]),
  ];
  const suffix = forms.isBefore("5.1") ? "json" : "pt";
  const parts: Parts = { [OLD_PROGRAM]: forms.program(), version };
  if (forms.isBefore("2")) {
    state.push(p.text("L__self___k"), pickledIndices(2));
    parts[`serialized_state_dict.${suffix}`] = await torchSave(p.dict(...state), [...weights, indices]);
  } else {
    parts[`serialized_state_dict.${suffix}`] = await torchSave(p.dict(...state), weights);
    parts[`serialized_constants.${suffix}`] = await torchSave(p.dict(p.text("k"), pickledIndices(0)), [indices]);
  }
  if (!forms.isBefore("5.3")) {
    const x = floats(...Array.from({ length: 12 }, (_, i) => i));
    parts["serialized_example_inputs.pt"] = await torchSave(
      tuple(tuple(pickledTensor(0, 12, [4, 3]), p.int(3)), p.dict()),
      [x],
    );
  }
  return parts;
}

/** The parts with the program as text. */
export function withText(parts: Parts): Parts {
  const program = parts[OLD_PROGRAM];
  return typeof program === "object" ? { ...parts, [OLD_PROGRAM]: oldText(program) } : parts;
}
