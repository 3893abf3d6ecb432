/** Schemas of PyTorch's operators, parsed: each row is a schema and what it says, argument by argument. */
import { assertEquals, assertThrows } from "@std/assert";
import { type Alias, parseSchema, type SchemaType } from "../../src/fx/schema.ts";
import { Complex, DTypeArg, type FxArg, LayoutArg, MemoryFormatArg } from "../../src/fx/args.ts";

function typeText(type: SchemaType, alias: Alias | null): string {
  const text = (t: SchemaType): string =>
    t.kind === "optional" ? `opt<${text(t.of)}>` : t.kind === "list" ? `list${t.size ?? ""}<${text(t.of)}>` : t.name;
  return text(type) + (alias ? `@${alias.set}${alias.write ? "!" : ""}` : "");
}

function defaultText(value: FxArg): string {
  if (Array.isArray(value)) return `[${value.map(defaultText).join(" ")}]`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof DTypeArg) return `torch.${value.dtype}`;
  if (value instanceof MemoryFormatArg) return `format ${value.name}`;
  if (value instanceof LayoutArg) return `layout ${value.name}`;
  if (value instanceof Complex) return `${value.re}+${value.im}j`;
  return String(value);
}

/** `name, arguments | results`; `*` stands before keyword-only arguments. */
function outline(schema: string): string {
  const { name, args, returns } = parseSchema(schema);
  let keywordOnly = false;
  const texts = args.map((arg) => {
    const star = arg.keywordOnly && !keywordOnly ? "* " : "";
    keywordOnly = arg.keywordOnly;
    const given = arg.default === undefined ? "" : `=${defaultText(arg.default)}`;
    return `${star}${arg.name}:${typeText(arg.type, arg.alias)}${given}`;
  });
  const results = returns.map((r) => `${r.name ?? "_"}:${typeText(r.type, r.alias)}`);
  return `${name}(${texts.join(", ")}) ${results.join(", ")}`.trimEnd();
}

const cases: [string, string][] = [
  ["aten::relu(Tensor self) -> Tensor", "aten::relu(self:Tensor) _:Tensor"],
  [
    "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    "aten::add.Tensor(self:Tensor, other:Tensor, * alpha:Scalar=1n) _:Tensor",
  ],
  [
    "aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)",
    "aten::add_.Tensor(self:Tensor@a!, other:Tensor, * alpha:Scalar=1n) _:Tensor@a!",
  ],
  [
    "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor",
    "aten::conv2d(input:Tensor, weight:Tensor, bias:opt<Tensor>=null, stride:list2<SymInt>=[1n 1n], padding:list2<SymInt>=[0n 0n], dilation:list2<SymInt>=[1n 1n], groups:SymInt=1n) _:Tensor",
  ],
  [
    "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] dilation=1, SymInt groups=1) -> Tensor",
    "aten::conv2d(input:Tensor, weight:Tensor, bias:opt<Tensor>=null, stride:list2<SymInt>=[1n 1n], padding:list2<SymInt>=[0n 0n], dilation:list2<SymInt>=[1n 1n], groups:SymInt=1n) _:Tensor",
  ],
  [
    'aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor',
    'aten::conv2d.padding(input:Tensor, weight:Tensor, bias:opt<Tensor>=null, stride:list2<SymInt>=[1n 1n], padding:str="valid", dilation:list2<SymInt>=[1n 1n], groups:SymInt=1n) _:Tensor',
  ],
  [
    "aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor",
    "aten::fft_fft2(self:Tensor, s:opt<list1<SymInt>>=null, dim:list1<int>=[-2n -1n], norm:opt<str>=null) _:Tensor",
  ],
  [
    "aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
    "aten::max.dim(self:Tensor, dim:int, keepdim:bool=false) values:Tensor, indices:Tensor",
  ],
  [
    "aten::max.dim_max(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) max, Tensor(b!) max_values) -> (Tensor(a!) values, Tensor(b!) indices)",
    "aten::max.dim_max(self:Tensor, dim:int, keepdim:bool=false, * max:Tensor@a!, max_values:Tensor@b!) values:Tensor@a!, indices:Tensor@b!",
  ],
  [
    "aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]",
    "aten::chunk(self:Tensor@a, chunks:int, dim:int=0n) _:list<Tensor>@a",
  ],
  [
    "aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
    "aten::index.Tensor(self:Tensor, indices:list<opt<Tensor>>) _:Tensor",
  ],
  [
    "aten::index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)",
    "aten::index_put_(self:Tensor@a!, indices:list<opt<Tensor>>, values:Tensor, accumulate:bool=false) _:Tensor@a!",
  ],
  [
    "aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
    "aten::slice.Tensor(self:Tensor@a, dim:int=0n, start:opt<SymInt>=null, end:opt<SymInt>=null, step:SymInt=1n) _:Tensor@a",
  ],
  [
    "aten::_assert_async.msg(Tensor self, str assert_msg) -> ()",
    "aten::_assert_async.msg(self:Tensor, assert_msg:str)",
  ],
  [
    "aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()",
    "aten::_foreach_add_.Scalar(self:list<Tensor>@a!, scalar:Scalar)",
  ],
  [
    "aten::split_copy.Tensor_out(Tensor self, SymInt split_size, int dim=0, *, Tensor(a!)[] out) -> ()",
    "aten::split_copy.Tensor_out(self:Tensor, split_size:SymInt, dim:int=0n, * out:list<Tensor>@a!)",
  ],
  [
    "aten::triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "aten::triu_indices(row:int, col:int, offset:int=0n, * dtype:opt<ScalarType>=torch.int64, layout:opt<Layout>=null, device:opt<Device>=null, pin_memory:opt<bool>=null) _:Tensor",
  ],
  [
    "aten::tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=long) -> Tensor",
    "aten::tril_indices(row:int, col:int, offset:int=0n, * dtype:opt<ScalarType>=torch.int64) _:Tensor",
  ],
  [
    "aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)",
    "aten::contiguous(self:Tensor@a, * memory_format:MemoryFormat=format 0) _:Tensor@a",
  ],
  [
    "aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)",
    "aten::contiguous(self:Tensor@a, * memory_format:MemoryFormat=format contiguous_format) _:Tensor@a",
  ],
  [
    'aten::gelu(Tensor self, *, str approximate="none") -> Tensor',
    'aten::gelu(self:Tensor, * approximate:str="none") _:Tensor',
  ],
  [
    "aten::gelu(Tensor self, *, str approximate='none') -> Tensor",
    'aten::gelu(self:Tensor, * approximate:str="none") _:Tensor',
  ],
  [
    'aten::einsum(str equation="a, b -> (c", int[]? path=None) -> Tensor',
    'aten::einsum(equation:str="a, b -> (c", path:opt<list<int>>=null) _:Tensor',
  ],
  [
    'aten::strip(str self, str chars=" \\n\\t", str quote="\\"\\\\", int x=1) -> str',
    'aten::strip(self:str, chars:str=" \\n\\t", quote:str="\\"\\\\", x:int=1n) _:str',
  ],
  [
    "aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor",
    "aten::leaky_relu(self:Tensor, negative_slope:Scalar=0.01) _:Tensor",
  ],
  [
    "aten::celu(Tensor self, Scalar alpha=1.) -> Tensor",
    "aten::celu(self:Tensor, alpha:Scalar=1) _:Tensor",
  ],
  [
    "aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor",
    "aten::layer_norm(input:Tensor, normalized_shape:list<SymInt>, weight:opt<Tensor>=null, bias:opt<Tensor>=null, eps:float=0.00001, cudnn_enable:bool=true) _:Tensor",
  ],
  [
    "aten::f(float a=1, float b=-2, float c=-1e-08, float d=inf) -> ()",
    "aten::f(a:float=1, b:float=-2, c:float=-1e-8, d:float=Infinity)",
  ],
  [
    "aten::f(Scalar a=2j, Scalar b=-1, Layout c=strided) -> ()",
    "aten::f(a:Scalar=0+2j, b:Scalar=-1n, c:Layout=layout strided)",
  ],
  [
    "aten::f(int reduction=Mean, int[2] x=[], bool[3] mask) -> ()",
    "aten::f(reduction:int=1n, x:list2<int>=[], mask:list3<bool>)",
  ],
  [
    "aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)",
    "aten::lstm.input(input:Tensor, hx:list<Tensor>, params:list<Tensor>, has_biases:bool, num_layers:int, dropout:float, train:bool, bidirectional:bool, batch_first:bool) _:Tensor, _:Tensor, _:Tensor",
  ],
  [
    "aten::random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)",
    "aten::random_.from(self:Tensor@a!, from:int, to:opt<int>, * generator:opt<Generator>=null) _:Tensor@a!",
  ],
  [
    "aten::upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor",
    "aten::upsample_nearest2d.vec(input:Tensor, output_size:opt<list<SymInt>>, scale_factors:opt<list<float>>) _:Tensor",
  ],
  [
    "aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)",
    "aten::histogramdd(self:Tensor, bins:list<int>, range:opt<list<float>>=null, weight:opt<Tensor>=null, density:bool=false) hist:Tensor, bin_edges:list<Tensor>",
  ],
  [
    "aten::_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)",
    "aten::_reshape_alias(self:Tensor@a, size:list<SymInt>, stride:list<SymInt>) _:Tensor@a",
  ],
  ["aten::sym_size.int(Tensor self, int dim) -> SymInt", "aten::sym_size.int(self:Tensor, dim:int) _:SymInt"],
  [
    "aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]",
    "aten::unbind.int(self:Tensor@a, dim:int=0n) _:list<Tensor>@a",
  ],
  ["_operator::add(Scalar a, Scalar b) -> Scalar", "_operator::add(a:Scalar, b:Scalar) _:Scalar"],
  [
    "aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    "aten::scalar_tensor(s:Scalar, * dtype:opt<ScalarType>=null, layout:opt<Layout>=null, device:opt<Device>=null, pin_memory:opt<bool>=null) _:Tensor",
  ],
];

for (const [schema, expected] of cases) {
  Deno.test(`schema: ${schema.slice(0, schema.indexOf("("))} ${expected.length}`, () => {
    assertEquals(outline(schema), expected);
    assertEquals(parseSchema(schema).text, schema);
  });
}

Deno.test("schema: what is not one is refused", () => {
  for (
    const text of [
      "",
      "aten::relu",
      "aten::relu(Tensor self)",
      "aten::relu(Tensor) -> Tensor",
      "aten::relu(Tensor self) Tensor",
      "aten::format(str self, ...) -> str",
      "aten::zeros(ScalarType dtype=quint8) -> Tensor",
    ]
  ) assertThrows(() => parseSchema(text), SyntaxError, "Cannot parse");
});
