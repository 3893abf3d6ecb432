"""torchvision's operators on boxes for op_rows.py, where torchvision is not installed.

Importing defines them, by the formulas of torchvision's documentation, one element at a time. They are slow and only
there to have results of another making than the kernels that they are compared with.
"""

import math

import numpy
import torch

LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
REGIONS = "Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width"


def define(schema):
    def register(function):
        LIBRARY.define(schema)
        LIBRARY.impl(schema.split("(")[0], function, "CPU")
        return function

    return register


@define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
def nms(dets, scores, iou_threshold):
    left = torch.argsort(scores, stable=True, descending=True).tolist()
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        corner = torch.maximum(dets[best, :2], dets[left, :2])
        sides = (torch.minimum(dets[best, 2:], dets[left, 2:]) - corner).clamp(min=0)
        both = sides.prod(1)
        areas = (dets[:, 2:] - dets[:, :2]).prod(1)
        covered = both / (areas[best] + areas[left] - both) > iou_threshold
        left = [i for i, c in zip(left, covered.tolist()) if not c]
    return torch.tensor(kept, dtype=torch.int64)


def sample(plane, y, x):
    """roi_align's bilinear interpolation, which clamps what is less than one element outside."""
    h, w = plane.shape
    if not (-1 <= y <= h and -1 <= x <= w):
        return 0.0
    total = 0.0
    y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
    for i in (math.floor(y), math.floor(y) + 1):
        for k in (math.floor(x), math.floor(x) + 1):
            weight = max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - k))
            if weight > 0:
                total += weight * plane[i, k]
    return total


def aligned(images, roi, scale, height, width, ratio, offset, least):
    """The samples' mean for every channel and bin of one region."""
    x1, y1, x2, y2 = (float(v) * scale - offset for v in roi[1:])
    h, w = max(y2 - y1, least), max(x2 - x1, least)
    rows = ratio if ratio > 0 else math.ceil(h / height)
    columns = ratio if ratio > 0 else math.ceil(w / width)
    planes = images[int(roi[0])]
    out = numpy.zeros((len(planes), height, width))
    for c, i, j in numpy.ndindex(out.shape):
        for a, b in numpy.ndindex(rows, columns):
            y = y1 + (i + (a + 0.5) / rows) * h / height
            x = x1 + (j + (b + 0.5) / columns) * w / width
            out[c, i, j] += sample(planes[c], y, x) / (rows * columns)
    return out


@define(f"roi_align({REGIONS}, int sampling_ratio, bool aligned) -> Tensor")
def roi_align(images, rois, scale, height, width, ratio, align):
    offset, least = (0.5, -math.inf) if align else (0.0, 1.0)
    planes = images.double().numpy()
    out = [aligned(planes, roi, scale, height, width, ratio, offset, least) for roi in rois.double().tolist()]
    return torch.from_numpy(numpy.stack(out)).to(images.dtype)


def own_channels(count, channels, height, width):
    shape = (count, channels // (height * width), height, width)
    order = torch.arange(channels, dtype=torch.int32).reshape(shape[1:])
    return order.expand(shape).contiguous()


@define(f"ps_roi_align({REGIONS}, int sampling_ratio) -> (Tensor, Tensor)")
def ps_roi_align(images, rois, scale, height, width, ratio):
    every = roi_align(images, rois, scale, height, width, ratio, True)
    mapping = own_channels(len(rois), images.shape[1], height, width)
    out = torch.zeros(mapping.shape, dtype=images.dtype)
    for k, c, i, j in numpy.ndindex(*mapping.shape):
        out[k, c, i, j] = every[k, mapping[k, c, i, j], i, j]
    return out, mapping


def nearest(x):
    """Halves go away from zero."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def bin_of(low, high, i, count, extra, last):
    start, length = low, max(high - low + extra, 1)
    step = numpy.float32(length) / numpy.float32(count)
    begin = math.floor(numpy.float32(i) * step) + start
    end = math.ceil(numpy.float32(i + 1) * step) + start
    return min(max(begin, 0), last), min(max(end, 0), last)


@define(f"roi_pool({REGIONS}) -> (Tensor, Tensor)")
def roi_pool(images, rois, scale, height, width):
    shape = (len(rois), images.shape[1], height, width)
    out, places = torch.zeros(shape, dtype=images.dtype), torch.full(shape, -1, dtype=torch.int32)
    h, w = images.shape[2:]
    for k, c, i, j in numpy.ndindex(*shape):
        x1, y1, x2, y2 = (nearest(float(v) * scale) for v in rois[k, 1:])
        top, bottom = bin_of(y1, y2, i, height, 1, h)
        left, right = bin_of(x1, x2, j, width, 1, w)
        part = images[int(rois[k, 0]), c, top:bottom, left:right]
        if part.numel() > 0:
            at = int(part.argmax())
            out[k, c, i, j] = part.max()
            places[k, c, i, j] = (top + at // part.shape[1]) * w + left + at % part.shape[1]
    return out, places


@define(f"ps_roi_pool({REGIONS}) -> (Tensor, Tensor)")
def ps_roi_pool(images, rois, scale, height, width):
    mapping = own_channels(len(rois), images.shape[1], height, width)
    out = torch.zeros(mapping.shape, dtype=images.dtype)
    h, w = images.shape[2:]
    for k, c, i, j in numpy.ndindex(*mapping.shape):
        x1, y1, x2, y2 = (nearest(float(v) * scale) for v in rois[k, 1:])
        top, bottom = bin_of(y1, y2, i, height, 0, h - 1)
        left, right = bin_of(x1, x2, j, width, 0, w - 1)
        part = images[int(rois[k, 0]), mapping[k, c, i, j], top:bottom, left:right]
        if part.numel() > 0:
            out[k, c, i, j] = part.double().mean()
    return out, mapping


@define(
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, SymInt stride_h, SymInt stride_w,"
    " SymInt pad_h, SymInt pad_w, SymInt dilation_h, SymInt dilation_w, SymInt groups, SymInt offset_groups,"
    " bool use_mask) -> Tensor"
)
def deform_conv2d(images, weight, offset, mask, bias, sh, sw, ph, pw, dh, dw, groups, offset_groups, use_mask):
    n, channels = images.shape[:2]
    kh, kw = weight.shape[2:]
    oh, ow = offset.shape[2:]
    # A border of zeros on each side makes the interpolation at the edge plain.
    padded = torch.nn.functional.pad(images.double(), (2, 2, 2, 2)).numpy()
    moves = offset.double().reshape(n, offset_groups, kh, kw, 2, oh, ow).numpy()
    shares = mask.double().reshape(n, offset_groups, kh, kw, oh, ow).numpy() if use_mask else None
    taken = numpy.zeros((n, channels, kh, kw, oh, ow))
    for i, c, a, b, y, x in numpy.ndindex(*taken.shape):
        g = c * offset_groups // channels
        row = y * sh - ph + a * dh + moves[i, g, a, b, 0, y, x]
        column = x * sw - pw + b * dw + moves[i, g, a, b, 1, y, x]
        if -1 < row < images.shape[2] and -1 < column < images.shape[3]:
            taken[i, c, a, b, y, x] = sample(padded[i, c], row + 2, column + 2)
            if use_mask:
                taken[i, c, a, b, y, x] *= shares[i, g, a, b, y, x]
    columns = torch.from_numpy(taken).reshape(n, groups, channels // groups * kh * kw, oh * ow)
    filters = weight.double().reshape(groups, weight.shape[0] // groups, -1)
    out = torch.matmul(filters, columns).reshape(n, weight.shape[0], oh, ow) + bias.double()[:, None, None]
    return out.to(images.dtype)
