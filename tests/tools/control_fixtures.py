"""Makes the archives in tests/fixtures/control: branches, loops, scans, maps, and regions that stand for something else.

    pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    pip install numpy safetensors
    python tests/tools/control_fixtures.py [NAME ...]

Beside each NAME.pt2 lies NAME.safetensors with inputs and PyTorch's eager outputs, as make_fixtures.py names them. Programs
whose first dim is dynamic have a second set at another size.
"""

import pathlib
import re
import sys

import torch
import torch.utils._pytree as pytree
from functorch.experimental.control_flow import map as hop_map
from safetensors.torch import save_file
from torch import nn
from torch._higher_order_ops.associative_scan import associative_scan
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.export import Dim

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "control"


class CondTree(nn.Module):
    """Branches that give a tree: an outer value, a constant, a value of a weight."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4))

    def forward(self, x, y):
        def yes(x, y):
            return {"a": x @ self.w, "b": (y.clone(), torch.full((3,), 2.0))}

        def no(x, y):
            return {"a": (x - 1).sum(1), "b": (y + self.w, torch.zeros(3))}

        r = torch.cond(x.mean() > 0, yes, no, (x, y))
        return r["b"], r["a"]


class CondShapes(nn.Module):
    """Branches whose results differ in size."""

    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda x: x[:2].sin(), lambda x: x[:3].cos(), (x,))
        return y * 2, y.shape[0]


class CondInt(nn.Module):
    """Branches that give numbers beside tensors."""

    def forward(self, x):
        y, n = torch.cond(x.sum() > 0, lambda x: (x + 1, 2), lambda x: (x - 1, 5), (x,))
        return y, n


class CondSize(nn.Module):
    """Nested branches on sizes, with sizes used within."""

    def forward(self, x):
        def outer(x):
            return torch.cond(x.shape[0] > 6, lambda x: x / x.shape[0], lambda x: x * x.shape[0], (x,))

        return torch.cond(x.shape[0] > 3, outer, lambda x: x.reshape(-1).flip(0).reshape(x.shape[0], 4), (x,))


class WhileTwo(nn.Module):
    """Nested loops, the exit depending on data, with a weight closed over."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x):
        def goes(i, x):
            return (i < 3) & (x.abs().max() < 1000)

        def turn(i, x):
            _, y = while_loop(lambda j, y: j < 2, lambda j, y: (j + 1, self.l(y) + i), (torch.zeros((), dtype=torch.int64), x))
            return i + 1, y

        return while_loop(goes, turn, (torch.zeros((), dtype=torch.int64), x))


class WhileNone(nn.Module):
    """A loop that makes no turn for some inputs."""

    def forward(self, x):
        return while_loop(lambda x: x.sum() < 10, lambda x: (x + 1,), (x,))


class ScanStates(nn.Module):
    """Two states, two inputs, backwards, with a weight closed over."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(3, 3))

    def forward(self, xs, zs, h):
        def step(state, x):
            h, n = state
            h = torch.tanh(x[0] @ self.w + h) + x[1]
            return [h, n + 1], {"y": h * 2, "n": n.clone()}

        return scan(step, [h, torch.zeros((), dtype=torch.int64)], (xs, zs), reverse=True)


class ScanDim(nn.Module):
    """A scan along another dim with a branch in it."""

    def forward(self, xs, h):
        def step(h, x):
            h = torch.cond(x.sum() > 0, lambda h, x: h + x, lambda h, x: h - x, (h, x))
            return h, h * 1.0

        return scan(step, h, xs, dim=1)


class AssocTree(nn.Module):
    """An associative scan of pairs, backwards."""

    def forward(self, a, b):
        def combine(x, y):
            return x[0] * y[0], x[1] * y[0] + y[1]

        return associative_scan(combine, (a, b), dim=0, reverse=True, combine_mode="generic")


class AssocDim(nn.Module):
    """A running maximum along another dim."""

    def forward(self, x):
        return associative_scan(torch.maximum, x, dim=1, combine_mode="generic")


class MapTree(nn.Module):
    """A map over two inputs with two results."""

    def forward(self, a, b, c):
        return hop_map(lambda x, c: (x[0] + c, (x[0] * x[1]).sum()), (a, b), c)


class VmapDims(nn.Module):
    """Batch dims in other places, operands that are not batched, results that don't depend on the batch."""

    def forward(self, a, b, c):
        def f(x, y, c):
            return x * y.sin() + c, torch.outer(x, c), c.sin()

        return torch.vmap(f, in_dims=(0, 1, None))(a, b, c)


class VmapNested(nn.Module):
    """A vmap in a vmap."""

    def forward(self, a, b):
        return torch.vmap(lambda x: torch.vmap(lambda y: (x * y).sum())(b))(a)


class VmapRank(nn.Module):
    """Elementwise operators on elements of several ranks."""

    def forward(self, a, b):
        return torch.vmap(lambda x, y: torch.relu(x * y).sub(y), in_dims=(0, 1))(a, b)


class VmapBranch(nn.Module):
    """Reductions, views and indexing per element."""

    def forward(self, a):
        return torch.vmap(lambda x: torch.softmax(x.reshape(2, 2), 0)[0] + x.max())(a)


class Autocast(nn.Module):
    """Regions of autocast, one in the other."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.l(x)
            z = torch.cat([y, x @ x.transpose(0, 1) @ x])
            with torch.autocast("cpu", enabled=False):
                w = self.l(y.float())
            v = torch.softmax(z, -1) + w.sum()
        return y.float(), z.float(), v.float()


class NoGrad(nn.Module):
    """A region without gradients that writes to what is outside, and to a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("n", torch.zeros(4))

    def forward(self, x):
        y = x * 2
        with torch.no_grad():
            y[0] += 1
            self.n.add_(x[0])
            z = y.sum(0)
        return y + self.n, z


class Checkpoint(nn.Module):
    """A checkpoint: only gradients are computed otherwise."""

    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 4)

    def forward(self, x):
        return torch.utils.checkpoint.checkpoint(lambda x: self.l(x).relu(), x, use_reentrant=False)


class ScanWrites(nn.Module):
    """A scan over whose rows something is written in place."""

    def forward(self, xs, h):
        def step(h, x):
            y = x.clone()
            y[0] = h[0]
            y.mul_(2)
            return h + x, y

        return scan(step, h, xs)


class CondNumber(nn.Module):
    """A number found in data is an operand of a branch."""

    def forward(self, x, n):
        k = n.item()
        torch._check(k >= 0)
        torch._check(k <= x.shape[0])
        return torch.cond(k > 2, lambda x, k: x[:k].sum(0) + k, lambda x, k: x[0] * k, (x, k))


class CondFound(nn.Module):
    """Branches in which sizes are found in data."""

    def forward(self, x):
        def yes(x):
            places = (x > 0).nonzero()
            return x[places[:, 0]].sum(0), places.float().mean()

        def no(x):
            low = x[x < 0]
            return x[0] + low.sum(), low.max()

        return torch.cond(x.sum() > 0, yes, no, (x,))


class WhileRows(nn.Module):
    """A loop over as many rows as a number says, which is found in data too."""

    def forward(self, x, n):
        k = n.item()
        torch._check(k >= 0)
        torch._check(k <= 4)

        def turn(i, rows):
            return i + 1, rows + x[0] + rows.shape[0]

        return while_loop(lambda i, rows: i < k, turn, (torch.tensor(0), torch.zeros(k, x.shape[1])))


class ScanFound(nn.Module):
    """A scan in whose turns sizes are found in data, with a weight closed over."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(1))

    def forward(self, xs, h, mask):
        def step(h, row):
            x, m = row
            places = x.nonzero()
            return h + x.sum() * places.shape[0] * self.w, h * m

        return scan(step, h, (xs, mask))


class MapNested(nn.Module):
    """A map in a map, over rows of a size that is not known."""

    def forward(self, xs, c):
        return hop_map(lambda x, c: hop_map(lambda y, c: y * c + y.shape[0], x, c).sum(0) + x.shape[0], xs, c)


def x(*shape, seed=0, shift=0.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + shift


B = Dim("b", min=2, max=64)
D0 = {0: B}
AUTO = {0: Dim.AUTO, 1: Dim.AUTO}
# Name: (module, inputs, inputs at another size, dynamic shapes, how it is captured)
CASES = {
    "cond_tree": (CondTree, (x(3, 4, shift=1), x(4)), (x(5, 4, shift=-1), x(4)), (D0, None), {}),
    "cond_shapes": (CondShapes, (x(4, 3, shift=1),), (x(6, 3, shift=-1),), ({0: Dim("b", min=3, max=64)},), {}),
    "cond_int": (CondInt, (x(3, 4, shift=1),), (x(5, 4, shift=-1),), (D0,), {}),
    "cond_size": (CondSize, (x(5, 4),), (x(8, 4),), (D0,), {}),
    "cond_size_small": (CondSize, (x(2, 4),), (x(5, 4),), (D0,), {}),
    "while_two": (WhileTwo, (x(3, 4),), (x(5, 4),), (D0,), {}),
    "while_none": (WhileNone, (x(3, 4, shift=9),), (x(5, 4, shift=-1),), (D0,), {}),
    "while_decomposed": (WhileTwo, (x(3, 4),), (x(5, 4),), (D0,), {"decompose": True}),
    "scan_states": (ScanStates, (x(5, 2, 3), x(5, 2, 3, seed=1), x(2, 3)), (x(7, 2, 3), x(7, 2, 3, seed=1), x(2, 3)), (D0, D0, None), {}),
    "scan_dim": (ScanDim, (x(2, 5, 3), x(2, 3)), (x(4, 5, 3), x(4, 3)), (D0, D0), {}),
    "scan_writes": (ScanWrites, (x(5, 3), x(3)), (x(7, 3), x(3)), (D0, None), {"decompose": True}),
    "scan_writes_training": (ScanWrites, (x(5, 3), x(3)), (x(7, 3), x(3)), (D0, None), {}),
    "assoc_tree": (AssocTree, (x(6, 3), x(6, 3, seed=1)), None, None, {}),
    "assoc_tree_decomposed": (AssocTree, (x(3, 3), x(3, 3, seed=1)), None, None, {"decompose": True}),
    "assoc_dim": (AssocDim, (x(2, 7),), None, None, {}),
    "map_tree": (MapTree, (x(4, 3), x(4, 3, seed=1), x(3)), (x(6, 3), x(6, 3, seed=1), x(3)), (D0, D0, None), {}),
    "vmap_dims": (VmapDims, (x(4, 3), x(3, 4), x(3)), (x(6, 3), x(3, 6), x(3)), (D0, {1: B}, None), {}),
    "vmap_nested": (VmapNested, (x(4, 3), x(5, 3)), (x(6, 3), x(5, 3)), (D0, None), {}),
    "vmap_rank": (VmapRank, (x(4, 2, 3), x(3, 4)), (x(6, 2, 3), x(3, 6)), (D0, {1: B}), {}),
    "vmap_branch": (VmapBranch, (x(3, 4),), (x(5, 4),), (D0,), {}),
    "autocast": (Autocast, (x(3, 4),), (x(5, 4),), (D0,), {}),
    "no_grad": (NoGrad, (x(3, 4),), (x(5, 4),), (D0,), {}),
    "checkpoint": (Checkpoint, (x(3, 4),), (x(5, 4),), (D0,), {}),
    "cond_number": (CondNumber, (x(4, 6), torch.tensor(2)), (x(5, 8), torch.tensor(3)), (AUTO, None), {"strict": True}),
    "cond_found": (CondFound, (x(4, 6),), (x(5, 8, shift=-2),), (AUTO,), {}),
    "while_rows": (WhileRows, (x(4, 6), torch.tensor(2)), (x(5, 8), torch.tensor(4)), (AUTO, None), {"strict": True}),
    "scan_found": (ScanFound, (x(4, 6), x(6), x(4, 6, seed=1)), (x(5, 8), x(8), x(5, 8, seed=1)), (AUTO, {0: Dim.AUTO}, AUTO), {}),
    "map_nested": (MapNested, (x(4, 6, 3), x(3)), (x(5, 8, 3), x(3)), (AUTO, None), {}),
    "while_strict": (WhileTwo, (x(3, 4),), (x(5, 4),), (D0,), {"strict": True}),
}


def hide_paths(module):
    """Takes the folders of the machine that runs this out of the stack traces."""
    for part in module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            trace = node.meta.get("stack_trace")
            if trace:
                node.meta["stack_trace"] = re.sub(r'File "[^"]*(?=/site-packages/|/control_fixtures\.py)', 'File "', trace)


def record(name):
    cls, inputs, other, dynamic, how = CASES[name]
    torch.manual_seed(0)
    module = cls().eval()
    with torch.no_grad() if not how.get("strict") else torch.enable_grad():
        program = torch.export.export(module, inputs, dynamic_shapes=dynamic, strict=how.get("strict", False))
    if how.get("decompose"):
        program = program.run_decompositions({})
    hide_paths(program.graph_module)
    torch.export.save(program, OUT / f"{name}.pt2")
    tensors = {}
    for prefix, values in (("", inputs), ("alt_", other)):
        if values is None:
            continue
        torch.manual_seed(0)
        module = cls().eval()
        for i, value in enumerate(values):
            tensors[f"{prefix}input_{i}"] = value.clone()
        with torch.no_grad():
            results = module(*[v.clone() for v in values])
        for i, value in enumerate(pytree.tree_leaves(results)):
            tensors[f"{prefix}output_{i}"] = torch.as_tensor(value).detach().clone().contiguous()
    save_file(tensors, OUT / f"{name}.safetensors")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[1:] or CASES:
        try:
            record(name)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}")
