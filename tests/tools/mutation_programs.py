"""Programs that write to tensors, each in another way: the fixture `mutations` is made of them by make_fixtures.py."""

import torch
from torch import nn
from torch.export import Dim
from torch.nn import functional as F


class ViewsOfViews(nn.Module):
    def forward(self, x):
        y = x.clone()
        part = y[1:3]
        every_other = part[:, ::2]
        every_other.add_(10)
        part.t()[0].mul_(3)
        y[:, -1] = y[:, 0]
        y[..., 1] = 0
        y[0] = y[1]
        return y, part, every_other


class Indexed(nn.Module):
    def forward(self, x, index):
        y = x.clone()
        y[index] = 1.5
        y[index, index] = x[0, 0]
        y[x > 2] = -1
        y[:, torch.tensor([0, 2])] += 1
        y.index_put_((torch.tensor([0, 0]), torch.tensor([1, 1])), torch.tensor(1.0), accumulate=True)
        y[[0, 1]] = y[[1, 0]]
        return y


class Buffers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.linspace(-1, 1, 6))
        self.register_buffer("table", torch.zeros(4, 6))
        self.register_buffer("steps", torch.tensor(3))

    def forward(self, x):
        self.steps += 1
        self.mean = self.mean * 0.9 + x[0] * 0.1
        self.table[1] = self.mean
        self.table[:, 0].add_(self.steps)
        return self.table.sum(0)


class Unchanged(nn.Module):
    """Writes that leave what they write to as it was."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(-1, 1, 6), requires_grad=False)
        self.register_buffer("steps", torch.tensor(3))

    def forward(self, x):
        scaled = self.scale.div_(2**0)
        self.steps.mul_(1)
        x.mul_(1.0)
        y = x.clone()
        y[0].div_(1)
        y[1].div_(2).mul_(1)
        return y * scaled + self.steps


class Inputs(nn.Module):
    def forward(self, x, y):
        x.add_(y)
        x.t()[1].zero_()
        x.view(-1)[3:5] = 9
        y.mul_(x)
        return x.sum(0), x


class Passed(nn.Module):
    def forward(self, x):
        y = x * 2
        return x, y, y, None, x[1], 3, x.t(), 1.5


class Statistics(nn.Module):
    def __init__(self):
        super().__init__()
        self.batch = nn.BatchNorm2d(3)
        self.instance = nn.InstanceNorm2d(3, affine=True, track_running_stats=True)

    def forward(self, x):
        return self.instance(self.batch(x))


class Out(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("product", torch.zeros(4, 4))

    def forward(self, x):
        y = torch.empty_like(x)
        torch.add(x, 1, out=y)
        torch.neg(x[0], out=y[1])
        values, indices = torch.empty(4), torch.empty(4, dtype=torch.int64)
        torch.max(x, 1, out=(values, indices))
        whole = torch.empty(0, dtype=torch.float64)
        torch.cat([x, y], out=whole)
        torch.sum(x, [1], True, out=y[:, 2:3])
        torch.matmul(x[:, :4], x[:, 2:].t(), out=self.product)
        return y, values, indices, whole, torch.std(x, 1, False, out=torch.empty(4))


class Each(nn.Module):
    def forward(self, x, y):
        sums = torch._foreach_add([x, y], 1.0)
        products = torch._foreach_mul(sums, [x, y])
        copies = [x.clone(), y.clone()]
        torch._foreach_mul_(copies, 2.0)
        torch._foreach_add_(copies, products, alpha=2)
        torch._foreach_addcdiv_(copies, [x, y], [y.exp(), x.exp()], [1.0, 2.0])
        return sums, copies, torch._foreach_sqrt(torch._foreach_abs(copies))


class Aliases(nn.Module):
    def forward(self, x):
        y = x.clone()
        y.detach().add_(1)
        y.contiguous()[0] = 5
        y.t().contiguous().zero_()
        y.to(torch.float32).mul_(2)
        y.to(torch.float64).zero_()
        torch.atleast_3d(y).sub_(1)
        F.dropout(y, 0.5, training=False).add_(0.5)
        torch.linalg.diagonal(y).fill_(-3)
        y.reshape(-1)[3] = 8
        y.t().reshape(-1)[3] = 80
        wide = y[:, :1].expand(4, 3)
        y.as_strided((2, 2), (6, 1), 7).add_(100)
        return y, wide


class Unmarked(nn.Module):
    """Results whose schema does not say that they share memory."""

    def forward(self, x):
        y, z, flat = x.clone(), x[:, 0].clone(), x[0].clone()
        wide, other = torch.broadcast_tensors(y[:, :1], x + 0)
        wide[:, 2].fill_(7)
        other.zero_()
        rows, columns = torch.meshgrid(z, flat, indexing="xy")
        rows[0].mul_(2)
        columns[1, 0] = 5
        torch.atleast_1d(z, y)[1][0].sub_(1)
        torch.atleast_2d(z, y)[0].mul_(3)
        deep, _ = torch.atleast_3d(y, z)
        deep[0, 1] = -2
        torch.unsafe_chunk(y, 2, 1)[1][2].fill_(11)
        torch.unsafe_split(y, 3, 0)[1].add_(4)
        torch.unsafe_split_with_sizes(y, [1, 5], 1)[1][0, 4].fill_(12)
        torch.einsum("ij->ji", y)[5].fill_(13)
        torch.einsum("ii->i", y[:, :4]).mul_(-1)
        torch.einsum("ij->i", y).zero_()
        torch.cartesian_prod(z)[1:2].add_(0.5)
        torch.cartesian_prod(z, flat).zero_()
        torch.conj_physical(z)[0:1].add_(9)
        y.sum_to_size(4, 6)[3, 3:].sub_(20)
        y.sum_to_size(4, 1).zero_()
        torch.ops.aten._unsafe_view(y, [24])[5:6].fill_(14)
        one, two = torch.ops.aten.unflatten_dense_tensors(flat, [z[:2], x[0, :4]])
        one.add_(100)
        two[1:].zero_()
        torch.ops.aten.flatten_dense_tensors([flat])[0:1].fill_(-1)
        return y, z, flat, wide, rows, columns, deep, one, two


class Shapes(nn.Module):
    def forward(self, x):
        y = x.clone().unsqueeze(0)
        y.squeeze_(0)
        y.t_()
        y[0] = 1
        y.unsqueeze_(-1)
        y.transpose_(0, 1)
        return y


class Parts(nn.Module):
    def forward(self, x):
        y = x.clone()
        left, right = y.chunk(2, 1)
        left.add_(1)
        right.copy_(left)
        y.split(2, 0)[1].mul_(0.5)
        y.unbind(0)[3].fill_(4)
        y.movedim(0, -1)[1] = 5
        y.diagonal(1).neg_()
        y.fill_diagonal_(7)
        return y, left


class Conversions(nn.Module):
    def forward(self, x, index):
        counts = index.clone()
        counts.mul_(2)
        counts[:2] = x[0, :2].long()
        y = x.clone()
        y.add_(counts[:, None])
        y //= 2
        z = torch.zeros(6, dtype=torch.int32)
        z.copy_(y[0])
        counts &= 3
        counts <<= 1
        return counts, y, z


class Dynamic(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(9, 6))

    def forward(self, x):
        n = x.shape[0]
        y = x.clone()
        y[1:-1] = 0
        y[-1].add_(2)
        y[:, 0] = n
        self.cache[:n] = y
        return y, n, self.cache[: n + 1] * 2


class Bounds(nn.Module):
    """Parts whose places depend on the size."""

    def forward(self, x):
        n, m = x.shape
        y = x.clone()
        y[: n // 2] = 7
        y[n // 2 :, m // 2 :] *= 2
        y[:, m - 2 : m] = x[:, :2]
        y.view(-1)[2:5].neg_()
        y[1:-1].t()[1:3].exp_()
        top, bottom = y.split((n + 1) // 2)
        top.add_(1)
        bottom.mul_(top[:1])
        y.chunk(3, 1)[1].sub_(bottom[:1, 0])
        y.diagonal(1).add_(n)
        y.movedim(0, -1)[1] = 5
        padded = torch.zeros(n + 2, m)
        padded[1 : n + 1] = y
        padded[n - 1 :] += 1
        return y, padded


class Windows(nn.Module):
    """As many windows as there is room for, repeated elements, and numbers in pairs."""

    def forward(self, x):
        y = x.clone()
        y.unfold(1, 2, 2)[:, 0].mul_(3)
        y[:, :1].expand(x.shape[0], x.shape[1])[:, 2].fill_(7)
        pairs = torch.view_as_complex(x.reshape(x.shape[0], -1, 2).clone())
        pairs.mul_(2j)
        pairs.real[1:].add_(3)
        return y, torch.view_as_real(pairs)


class Selected(nn.Module):
    """What is written to is found in data."""

    def __init__(self):
        super().__init__()
        self.register_buffer("keys", torch.zeros(9, 6))

    def forward(self, x, at):
        y = x.clone()
        mask = x > 0
        chosen = y[mask]
        chosen.mul_(2)
        chosen[:1] = 9
        y[mask] = chosen
        places = mask.nonzero()
        y[places[:, 0], places[:, 1]] += 1
        counted = torch.zeros(places.shape[0], 3)
        counted[:, 1] = chosen
        counted.view(-1)[::2] += 1
        start = at.item()
        torch._check(start >= 0)
        torch._check(start + x.shape[0] <= 9)
        self.keys[start : start + x.shape[0]] = x
        self.keys.narrow(0, start, x.shape[0]).mul_(2)
        self.keys.index_put_((at + torch.arange(x.shape[0]), torch.tensor(0)), x[:, 0], accumulate=True)
        return y, counted, self.keys[: start + x.shape[0]].sum(0)


def programs():
    """Name, model, inputs, inputs of another size, and which inputs have dynamic sizes."""
    x, y = torch.arange(24, dtype=torch.float32).reshape(4, 6) * 0.5 - 3, torch.arange(24.0).reshape(4, 6) / 8
    index = torch.tensor([2, 0, 1, 2])
    larger = torch.arange(40, dtype=torch.float32).reshape(5, 8).sin() * 3
    return [
        ("views_of_views", ViewsOfViews(), (x,), None, None),
        ("indexed", Indexed(), (x, index), None, None),
        ("buffers", Buffers(), (x,), None, None),
        ("inputs", Inputs(), (x, y), None, None),
        ("unchanged", Unchanged(), (x,), None, None),
        ("passed", Passed(), (x,), None, None),
        ("statistics", Statistics(), (torch.arange(96.0).reshape(2, 3, 4, 4).sin(),), None, None),
        ("out", Out(), (x,), None, None),
        ("each", Each(), (x, y), None, None),
        ("aliases", Aliases(), (x,), None, None),
        ("unmarked", Unmarked(), (x,), None, None),
        ("shapes", Shapes(), (x,), None, None),
        ("parts", Parts(), (x,), None, None),
        ("conversions", Conversions(), (x, index), None, None),
        ("dynamic", Dynamic(), (x,), (torch.cat([x, y[:3]]),), ({0: torch.export.Dim("rows", min=4, max=8)},)),
        ("bounds", Bounds(), (x,), (larger,), ({0: Dim.AUTO, 1: Dim.AUTO},)),
        ("windows", Windows(), (x,), (larger,), ({0: Dim.AUTO, 1: Dim.AUTO},)),
        ("selected", Selected(), (x, torch.tensor(3)), (larger[:, :6], torch.tensor(1)), ({0: Dim.AUTO}, None)),
    ]
