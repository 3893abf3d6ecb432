"""Makes the archives in tests/fixtures with PyTorch itself, and reads ONNX files back with the Python package `onnx`.

    pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    pip install numpy safetensors onnx==1.23.2
    python tests/tools/make_fixtures.py                      # writes tests/fixtures/*.pt2 and *.safetensors
    python tests/tools/make_fixtures.py model.onnx [...]     # reads back and checks what fx2onnx wrote

mlp_weights.safetensors is another state_dict of the MLP.
Beside each NAME.pt2 but two_models.pt2 lies NAME.safetensors: the tensors among the flattened inputs (`input_0`, ...)
and PyTorch's eager outputs (`output_0`, ...), and the same at other sizes for dynamic programs (`alt_input_0`,
`alt_output_0`, ...). printed.json holds the programs as PyTorch prints them after loading. Weights and inputs are random
with fixed seeds. The models are texts here, compiled under names of their own, so that no path of the machine that runs
this script gets into the stack traces; those of installed packages are cut.
"""

import copy
import json
import linecache
import pathlib
import re
import sys
import zipfile

import torch
from torch.export import Dim

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"

MLP = '''import torch
from torch import nn
class MLPModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc0 = nn.Linear(8, 8, bias=True)
        self.fc1 = nn.Linear(8, 4, bias=True)
        self.fc2 = nn.Linear(4, 2, bias=True)
        self.fc3 = nn.Linear(2, 2, bias=True)
        self.fc_combined = nn.Linear(8 + 8 + 8, 8, bias=True)
    def forward(self, tensor_x: torch.Tensor, input_dict: dict, input_list: list):
        dict_tensor = input_dict["tensor_x"]
        list_tensor = input_list[0]
        combined_tensor = torch.cat([tensor_x, dict_tensor, list_tensor], dim=1)
        combined_tensor = self.fc_combined(combined_tensor)
        combined_tensor = torch.sigmoid(combined_tensor)
        combined_tensor = self.fc0(combined_tensor)
        combined_tensor = torch.sigmoid(combined_tensor)
        combined_tensor = self.fc1(combined_tensor)
        combined_tensor = torch.sigmoid(combined_tensor)
        combined_tensor = self.fc2(combined_tensor)
        combined_tensor = torch.sigmoid(combined_tensor)
        output = self.fc3(combined_tensor)
        return output
'''

CONVNET = '''import torch
from torch import nn
class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += x
        return self.relu(y)
class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.block = Block(8)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8, 5)
    def forward(self, image):
        x = self.pool(self.relu(self.bn(self.stem(image))))
        x = self.block(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))
'''

TRANSFORMER = '''import torch
from torch import nn
from torch.nn import functional as F
class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
    def forward(self, x, mask):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))
class Encoder(nn.Module):
    def __init__(self, width=8, heads=2, tokens=20, length=32):
        super().__init__()
        self.embed = nn.Embedding(tokens, width)
        self.position = nn.Parameter(torch.randn(length, width) * 0.1)
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(0.1)
    def forward(self, ids, mask):
        x = self.embed(ids) + self.position[: ids.shape[1]]
        x = x + self.attention(self.norm1(x), mask)
        x = x + self.dropout(self.fc2(F.gelu(self.fc1(self.norm2(x)))))
        return x, x[:, 0]
'''

LSTM = '''import torch
from torch import nn
class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)
    def forward(self, x):
        y, (h, c) = self.lstm(x)
        return self.head(y), h, c
'''

INPLACE = '''import torch
from torch import nn
class Inplace(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.zeros(3))
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    def forward(self, x):
        y = x.clone()
        y[:, 0] = 1.0
        y[1:, 1:].mul_(2)
        view = y.transpose(0, 1)
        view += self.scale[:, None]
        self.steps += 1
        z = torch.zeros_like(y)
        z[:, ::2] = y[:, ::2].relu_()
        z.view(-1)[:2].fill_(7)
        return y, z, view.sum(1), self.steps + 0
'''

MULTI = '''import torch
from torch import nn
class Multi(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("mean", torch.linspace(-1, 1, 6))
        self.register_buffer("offset", torch.arange(6) - 3, persistent=False)
        self.constant = torch.tensor([0.5, -0.5])
    def forward(self, ids, scale: int, mask=None, *, flag: bool = True, name: str = "a"):
        x = (self.embed(ids) - self.mean) * scale + self.offset
        values, indices = torch.topk(x, 2, dim=-1)
        a, b, c = torch.split(x, [1, 2, 3], dim=-1)
        low, high = torch.aminmax(c, dim=-1)
        unused, order = torch.sort(b, dim=-1)
        logits = self.head(x) if flag else x
        return {"logits": logits, "top": (values * self.constant, indices), "rest": [a, order, low], "scale": scale}
'''

ENCODER = '''import torch
from torch import nn
class Pair(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, 3)
    def forward(self, x):
        return torch.tanh(self.fc(x))
'''

COND = '''import torch
from torch import nn
class Cond(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
    def forward(self, x):
        def inner_true(x):
            return self.fc(x)
        def inner_false(x):
            return x - 1
        def outer_true(x):
            return torch.cond(x.sum() > 4, inner_true, inner_false, (x,))
        def outer_false(x):
            return x * 2
        return torch.cond(x.mean() > 0, outer_true, outer_false, (x,)) + 1
'''


CUSTOM = '''import torch
from torch import nn
class Custom(nn.Module):
    def forward(self, x, y):
        total = torch.ops.shop.scaled_add(x, y, alpha=0.5)
        low, high = torch.ops.shop.split_sign(total, 2)
        return torch.ops.shop.scaled_add(low, high, alpha=2.0, clamp=True)
class CustomWrites(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(3))
    def forward(self, x, row):
        y = x.clone()
        torch.ops.shop.add_to(y, row)
        torch.ops.shop.add_to(y[1:], y[0].clone())
        torch.ops.shop.add_to(y.t(), y[:, 0].clone())
        torch.ops.shop.add_to(self.total, row)
        rest = torch.ops.shop.move(y, self.total, 0.5)
        z = y * 2
        torch.ops.shop.scale_all([z[:, :1], y, z[:, 1:]], 3.0)
        return y, rest, z, self.total * 2
'''


SHAPES = '''import torch
from torch import nn
class SumModule(nn.Module):
    def forward(self, x):
        return torch.sum(x, dim=1)
class Frozen(nn.Module):
    def forward(self, x, pairs):
        if x.shape[1] == 4:
            x = x + 1
        return x, pairs.reshape(x.shape[0], 2), pairs * 2
class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.softmax = nn.Softmax(dim)
    def forward(self, x):
        return self.softmax(self.fc(x)) * 2
class Functions(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(1), Block(2)])
    def forward(self, x):
        for block in self.blocks:
            x = block(x) + 1
        return x
class Gate(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x.softmax(self.dim) * 4, lambda x: x + 1, (x,))
class Gates(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Gate(0)
        self.second = Gate(1)
    def forward(self, x):
        y = self.first(x)
        return self.second(y[:2] - 1), y
'''

def model_class(name, file_name, source):
    """The class `name` of a text, with `file_name` in its stack traces."""
    linecache.cache[file_name] = (len(source), None, source.splitlines(keepends=True), file_name)
    scope = {"__name__": "__main__"}
    exec(compile(source, file_name, "exec"), scope)
    return scope[name]


def neutralise(program):
    """Cuts the paths of installed packages to what every machine has."""
    for module in program.graph_module.modules():
        if not isinstance(module, torch.fx.GraphModule):
            continue
        for node in module.graph.nodes:
            if trace := node.meta.get("stack_trace"):
                node.meta["stack_trace"] = re.sub(r'File "[^"]*/site-packages/', 'File "/site-packages/', trace)
    return program


def tensors(prefix, tree):
    """The tensors among the leaves of a structure, numbered among themselves."""
    from torch.utils import _pytree as pytree

    leaves = [leaf for leaf in pytree.tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
    return {f"{prefix}_{i}": leaf.detach().clone().contiguous() for i, leaf in enumerate(leaves)}


def run(program, args, kwargs, prefix=""):
    """Inputs and eager outputs by name. The program may write to its inputs and buffers, so it gets copies of both."""
    inputs = tensors(f"{prefix}input", (args, kwargs))
    outputs = copy.deepcopy(program).module()(*copy.deepcopy(args), **copy.deepcopy(kwargs))
    return inputs | tensors(f"{prefix}output", outputs)


def export(model, args, kwargs=None, dynamic_shapes=None):
    return neutralise(torch.export.export(model.eval(), args, kwargs or {}, dynamic_shapes=dynamic_shapes, strict=False))


def write(name, program, calls):
    """Saves a program and what it computes; `calls` are the arguments at one size, and at another if it is dynamic."""
    from safetensors.torch import save_file

    torch.export.save(program, FIXTURES / f"{name}.pt2")
    cases = {}
    for prefix, (args, kwargs) in zip(("", "alt_"), calls):
        cases |= run(program, args, kwargs, prefix)
    save_file(cases, FIXTURES / f"{name}.safetensors")


def randomise_statistics(model):
    """Batch norms whose statistics are not 0 and 1."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
    return model


def make_mlp():
    model = model_class("MLPModel", "mlp.py", MLP)()
    batch = Dim("batch")
    call = lambda n: ((torch.rand(n, 8), {"tensor_x": torch.rand(n, 8)}, [torch.rand(n, 8)]), {})
    first, second = call(3), call(5)
    shapes = ({0: batch}, {"tensor_x": {0: batch}}, [{0: batch}])
    write("mlp", export(model, *first, dynamic_shapes=shapes), [first, second])


def make_convnet():
    model = randomise_statistics(model_class("ConvNet", "convnet.py", CONVNET)())
    first, second = ((torch.randn(2, 3, 10, 12),), {}), ((torch.randn(3, 3, 18, 10),), {})
    shapes = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    write("convnet", export(model, *first, dynamic_shapes=shapes), [first, second])


def make_transformer():
    model = model_class("Encoder", "encoder.py", TRANSFORMER)()
    first = ((torch.randint(0, 20, (2, 7)), torch.ones(2, 7, dtype=torch.bool)), {})
    second = ((torch.randint(0, 20, (3, 11)), torch.rand(3, 11) > 0.3), {})
    second[0][1][:, 0] = True
    batch, length = Dim("batch"), Dim("length", max=32)
    shapes = ({0: batch, 1: length}, {0: batch, 1: length})
    write("transformer", export(model, *first, dynamic_shapes=shapes), [first, second])


def make_lstm():
    model = model_class("Lstm", "lstm.py", LSTM)()
    first, second = ((torch.randn(2, 4, 6),), {}), ((torch.randn(3, 4, 6),), {})
    write("lstm", export(model, *first, dynamic_shapes=({0: Dim("batch")},)), [first, second])


def make_inplace():
    model = model_class("Inplace", "inplace.py", INPLACE)()
    first, second = ((torch.randn(4, 3),), {}), ((torch.randn(6, 3),), {})
    write("inplace", export(model, *first, dynamic_shapes=({0: Dim("rows", min=3)},)), [first, second])


def make_multi():
    model = model_class("Multi", "multi.py", MULTI)()
    call = ((torch.randint(0, 11, (3, 4)), 3), {"mask": None, "flag": True, "name": "a"})
    write("multi", export(model, *call), [call])


def make_two_models():
    from torch.export.pt2_archive._package import package_pt2

    pair = model_class("Pair", "pair.py", ENCODER)
    programs = {name: export(pair(width), (torch.randn(2, width),)) for name, width in (("enc", 4), ("dec/sub model", 6))}
    package_pt2(str(FIXTURES / "two_models.pt2"), exported_programs=programs)


def make_cond():
    model = model_class("Cond", "cond.py", COND)()
    calls = [((torch.full((2, 4), 1.5),), {}), ((torch.full((2, 4), -0.5),), {})]
    write("cond", export(model, *calls[0]), calls)


def compress(path):
    """Rewrites an archive with compressed entries: those of many small programs are alike."""
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def make_mutations():
    """Programs that write, all in one archive, with what they return and what they leave in their inputs and buffers."""
    from safetensors.torch import save_file
    from torch.export.pt2_archive._package import package_pt2
    from torch.utils import _pytree as pytree

    from mutation_programs import programs

    exported, cases = {}, {}
    for name, model, inputs, others, dynamic_shapes in programs():
        program = torch.export.export(
            copy.deepcopy(model), copy.deepcopy(inputs), dynamic_shapes=dynamic_shapes, strict=False
        )
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)
            node.meta.pop("nn_module_stack", None)
        exported[name] = program
        for case, given in ((name, inputs), (f"{name}.alt", others)):
            if given is None:
                continue
            run, after = copy.deepcopy(model), copy.deepcopy(given)
            leaves = [leaf for leaf in pytree.tree_leaves(run(*after)) if leaf is not None]
            results = [leaf if isinstance(leaf, torch.Tensor) else torch.tensor(leaf) for leaf in leaves]
            cases |= tensors(f"{case}.input", given) | tensors(f"{case}.output", results)
            cases |= tensors(f"{case}.after", after)
            cases |= {f"{case}.state.{key}": value.detach().clone() for key, value in run.named_buffers()}
    package_pt2(str(FIXTURES / "mutations.pt2"), exported_programs=exported)
    compress(FIXTURES / "mutations.pt2")
    save_file(cases, FIXTURES / "mutations.safetensors")


LIBRARIES = []
"""Libraries of custom operators: their operators go with them."""


def make_custom():
    LIBRARIES.append(library := torch.library.Library("shop", "DEF"))
    library.define("scaled_add(Tensor x, Tensor y, *, float alpha=1.0, bool clamp=False) -> Tensor")
    library.define("split_sign(Tensor x, int factor) -> (Tensor, Tensor)")

    def scaled_add(x, y, *, alpha=1.0, clamp=False):
        total = x + alpha * y
        return total.clamp(min=0) if clamp else total

    def split_sign(x, factor):
        return x.clamp(max=0) * factor, x.clamp(min=0) * factor

    library.impl("scaled_add", scaled_add, "CompositeExplicitAutograd")
    library.impl("split_sign", split_sign, "CompositeExplicitAutograd")
    model = model_class("Custom", "custom.py", CUSTOM)()
    call = lambda n: ((torch.randn(n, 3), torch.randn(n, 3)), {})
    first, second = call(2), call(5)
    rows = Dim("rows")
    write("custom", export(model, *first, dynamic_shapes=({0: rows}, {0: rows})), [first, second])


def make_custom_writes():
    """Operators that write to what they are given, as they are called, and as PyTorch makes them functional."""
    LIBRARIES.append(library := torch.library.Library("shop", "FRAGMENT"))
    library.define("add_to(Tensor(a!) x, Tensor row) -> ()")
    library.define("move(Tensor(a!) x, Tensor(b!) to, float share) -> Tensor")
    library.define("scale_all(Tensor(a!)[] xs, float factor) -> ()")

    def add_to(x, row):
        x.add_(row)

    def move(x, to, share):
        moved = x.sum(0) * share
        x.mul_(1 - share)
        to.add_(moved)
        return moved * 10

    def scale_all(xs, factor):
        for x in xs:
            x.mul_(factor)

    for name, function in (("add_to", add_to), ("move", move), ("scale_all", scale_all)):
        library.impl(name, function, "CPU")
    torch.library.register_fake("shop::add_to", lambda x, row: None, lib=library)
    torch.library.register_fake("shop::move", lambda x, to, share: torch.empty_like(to), lib=library)
    torch.library.register_fake("shop::scale_all", lambda xs, factor: None, lib=library)
    model = model_class("CustomWrites", "custom.py", CUSTOM)()
    call = lambda n: ((torch.randn(n, 3), torch.randn(3)), {})
    first, second = call(4), call(6)
    program = export(model, *first, dynamic_shapes=({0: Dim("rows", min=3)}, None))
    write("custom_writes", program, [first, second])
    write("custom_writes_functional", neutralise(program.run_decompositions({})), [first, second])


def make_shapes():
    """The documentation's SumModule with and without a dynamic dim, and a program with a frozen dim and a derived one."""
    for name, shapes in (("sum", ({0: Dim.DYNAMIC},)), ("sum_static", None)):
        model = model_class("SumModule", "sum_module.py", SHAPES)()
        first, second = ((torch.rand(2, 2),), {}), ((torch.rand(4, 2),), {})
        write(name, export(model, *first, dynamic_shapes=shapes), [first, second] if shapes else [first])
    model = model_class("Frozen", "frozen.py", SHAPES)()
    call = lambda n: ((torch.rand(n, 4), torch.rand(2 * n)), {})
    batch = Dim("batch", max=64)
    shapes = ({0: batch, 1: Dim.AUTO}, {0: 2 * batch})
    write("frozen", export(model, *call(3), dynamic_shapes=shapes), [call(3), call(5)])


def make_functions():
    """Modules of one class that differ in an attribute of a module inside."""
    model = model_class("Functions", "functions.py", SHAPES)()
    call = ((torch.rand(2, 3, 4),), {})
    write("functions", export(model, *call), [call])


def make_gates():
    """Modules of one class with branches, which differ in an attribute inside a branch, and in the sizes they are given."""
    model = model_class("Gates", "gates.py", SHAPES)()
    call = lambda low: ((torch.rand(4, 3) + low,), {})
    write("gates", export(model, *call(0)), [call(0), call(-1)])


def make_weights():
    """Other weights for the MLP."""
    from safetensors.torch import save_file

    save_file(model_class("MLPModel", "mlp.py", MLP)().state_dict(), FIXTURES / "mlp_weights.safetensors")


def printed(path):
    """A program as PyTorch prints it: whole, its signature, its ranges, and node by node with those of its subgraphs."""
    program = torch.export.load(path)

    def lines(module):
        own = [node.format_node() for node in module.graph.nodes]
        nested = [lines(child) for child in module.children() if isinstance(child, torch.fx.GraphModule)]
        return own + sum(nested, [])

    return {
        "text": str(program),
        "signature": str(program.graph_signature),
        "ranges": str(program.range_constraints),
        "nodes": lines(program.graph_module),
    }


MAKERS = [
    make_mlp,
    make_convnet,
    make_transformer,
    make_lstm,
    make_inplace,
    make_multi,
    make_two_models,
    make_cond,
    make_mutations,
    make_custom,
    make_shapes,
    make_functions,
    make_gates,
    make_custom_writes,
    make_weights,
]
LIMIT = 80_000


def make_all():
    FIXTURES.mkdir(exist_ok=True)
    for seed, make in enumerate(MAKERS):
        torch.manual_seed(seed)
        with torch.no_grad():
            make()
    texts = {}
    for path in sorted(FIXTURES.glob("*.pt2")):
        if path.stem not in ("two_models", "mutations"):
            texts[path.stem] = printed(path)
        size = path.stat().st_size
        print(f"{path.name}: {size} bytes")
        assert size < LIMIT, f"{path.name} is too large to be committed"
    (FIXTURES / "printed.json").write_text(json.dumps(texts, indent=1) + "\n")


def read_back(path):
    """Reads an ONNX file with the `onnx` package, checks it, and prints what it consists of."""
    import onnx

    model = onnx.load(path)
    onnx.checker.check_model(path, full_check=True)
    show = lambda value: f"{value.name}: {onnx.helper.printable_type(value.type)}"
    opsets = ", ".join(f"{opset.domain or 'ai.onnx'} {opset.version}" for opset in model.opset_import)
    print(f"{path}: IR {model.ir_version}, {opsets}")
    print(f"  inputs: {'; '.join(show(value) for value in model.graph.input)}")
    print(f"  outputs: {'; '.join(show(value) for value in model.graph.output)}")
    print(f"  {len(model.graph.node)} nodes, {len(model.graph.initializer)} initializers, checked")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for argument in sys.argv[1:]:
            read_back(argument)
    else:
        make_all()
