"""Makes tests/parity/golden: small random checkpoints, and what HF transformers says of them.

    python make_golden.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --gemma gemma-3-270m-q4_k_m.gguf

Each checkpoint is a folder with config.json, model.safetensors (f32) and golden.json: input ids and the
outputs that crates/engine must reproduce; for vision models, the pixels of several views. Weights are drawn wide, so that no part of a network could be left
out unnoticed. `smollm.json` holds the same for the real model of the compact pack, `gemma3_270m.json` for Gemma 3 270M; their
weights are not copied. Needs torch, transformers, safetensors, onnx and gguf.
"""

import argparse
import base64
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    FalconConfig,
    FalconForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaForSequenceClassification,
    ViTConfig,
    ViTForImageClassification,
)

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
sys.path.insert(0, str(HERE.parent.parent / "models" / "training"))
from smollm import load_model, load_tokenizer  # noqa: E402

VOCAB = 97
LENGTHS = (23, 2, 11)
ENCODER = dict(
    vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
    max_position_embeddings=40, type_vocab_size=2, num_labels=2, pad_token_id=1,
)
LLAMA = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=64,
)
FALCON = dict(
    vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, multi_query=True,
    parallel_attn=True, new_decoder_architecture=False, alibi=False, bias=False, rope_theta=10000.0,
)
# Heads wider than hidden / heads, scores scaled by another width than theirs, a window shorter than most sequences.
GEMMA3 = dict(
    vocab_size=VOCAB, hidden_size=32, intermediate_size=40, num_hidden_layers=4, num_attention_heads=4,
    num_key_value_heads=2, head_dim=12, query_pre_attn_scalar=20, sliding_window=5, max_position_embeddings=64,
    layer_types=["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"],
    attn_implementation="eager",
)
VISION = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, image_size=24, patch_size=8,
)
VIEWS = 3
TEXTS = {
    "prose": "The committee met on 14 March 2026 to consider the proposal. Nobody had read it, which did not keep "
    "anyone from speaking. By noon they had agreed on lunch.",
    "list": "Here are 3 key benefits:\n\n1. **Efficiency** \u2014 it saves time.\n2. **Clarity** \u2014 it's easy to follow.\n"
    "\n3. **Scale**: 10,000+ users can't be wrong!\n",
    "unicode": "Na\u00efve caf\u00e9 \u201cquotes\u201d, \u00a312.50, \u0645\u0631\u062d\u0628\u0627, \u65e5\u672c\u8a9e, \U0001f600\U0001f44d\U0001f3fd\tand\u00a0some  double   spaces; \u0663 and \u00bd are numbers.",
}
LANGUAGES = {
    "english": TEXTS["prose"],
    "german": "Am Montag blieb der Zug zwischen zwei Dörfern stehen, und niemand wusste, warum; die Heizung lief weiter.",
    "russian": "Мы долго спорили, кому идти за хлебом, а потом пошли все вместе — и магазин оказался закрыт.",
    "japanese": "駅前の本屋が閉まると聞いて、久しぶりに行ってみた。棚はもう半分ほど空いていた。",
    "arabic": "سألني جاري عن الطقس، ثم تحدث ساعة كاملة عن حديقته وعن القطط التي تزورها كل مساء.",
    "layout": "| a | b |\n|---|---|\n\n\n\tfor i in x:\n        y  =  i <b>not</b> \u2581 \U0001f44d\U0001f3fd",
}


@torch.no_grad()
def widen(model, seed):
    """Draws every parameter anew: matrices wide enough that attention is not flat, norms around 1."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        norm = any(part in name.lower() for part in ("norm", "layrnorm", "ln_f", "_bn"))
        centre = 1.0 if norm and name.endswith("weight") else 0.0
        parameter.copy_(centre + noise * (0.25 if parameter.dim() > 1 else 0.2))
    return model.eval()


def sequences(seed):
    """Token ids of several lengths, without the padding id."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, VOCAB, (n,), generator=generator).tolist() for n in LENGTHS]


def save(model, name, golden):
    """Writes a checkpoint and its golden outputs."""
    model.save_pretrained(GOLDEN / name)
    (GOLDEN / name / "generation_config.json").unlink(missing_ok=True)
    (GOLDEN / name / "golden.json").write_text(json.dumps(golden) + "\n")


def letters():
    """A WordPiece tokenizer whose pieces are single letters, framed as BERT's."""
    pieces = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", *".,!?"]
    pieces += [mark + chr(c) for mark in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    frame = [("[CLS]", 0), ("[SEP]", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    tokenizer.enable_truncation(8)  # as published tokenizers do; the engine must not heed it
    return tokenizer


@torch.no_grad()
def classifier(model, name, seed):
    """Logits of each sequence by itself, and of a text."""
    model, ids, tokenizer = widen(model, seed), sequences(seed), letters()
    logits = lambda s: model(torch.tensor([s])).logits[0].tolist()
    golden = {"ids": ids, "logits": [logits(s) for s in ids], "text": "What is written, and by whom?"}
    (GOLDEN / name).mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(GOLDEN / name / "tokenizer.json"))
    tokenizer.no_truncation()
    golden["text_logits"] = logits(tokenizer.encode(golden["text"]).ids)
    save(model, name, golden)


@torch.no_grad()
def images(model, name, seed, size, mean, std, normalisation="preprocessor_config.json"):
    """Writes the golden outputs of `model`, which gives logits [views, labels], on views of random blocks and noise."""
    folder, generator = GOLDEN / name, torch.Generator().manual_seed(seed)
    blocks = torch.nn.functional.interpolate(torch.rand((VIEWS, 3, 4, 4), generator=generator), size=(size, size))
    noise = torch.rand((VIEWS, 3, size, size), generator=generator)
    views = ((0.7 * blocks + 0.3 * noise) * 255).byte()
    mean, std = torch.tensor(mean), torch.tensor(std)
    x = (views / 255 - mean[:, None, None]) / std[:, None, None]
    rgb = base64.b64encode(views.permute(0, 2, 3, 1).contiguous().numpy().tobytes()).decode()
    golden = {"pixels": {"size": size, "rgb": rgb}, "logits": model(x).tolist()}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    path = folder / normalisation
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config | {"image_mean": mean.tolist(), "image_std": std.tolist()}, indent=2) + "\n")


def vit(name, seed):
    """A sharded checkpoint."""
    config = ViTConfig(**VISION, id2label={0: "artificial", 1: "human"}, label2id={"artificial": 0, "human": 1})
    model = widen(ViTForImageClassification(config), seed)
    model.save_pretrained(GOLDEN / name, max_shard_size="32KB")
    images(lambda x: model(x).logits, name, seed, VISION["image_size"], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5])


def clip(name, seed):
    """A CLIP tower, and UnivFD's linear head beside it."""
    model = widen(CLIPVisionModelWithProjection(CLIPVisionConfig(**VISION, projection_dim=16)), seed)
    model.save_pretrained(GOLDEN / name)
    head = widen(torch.nn.Linear(16, 1), seed)
    save_file({"fc.weight": head.weight, "fc.bias": head.bias}, GOLDEN / name / "head.safetensors")
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    images(lambda x: head(model(x).image_embeds), name, seed, VISION["image_size"], mean, std)


def quantised(model):
    """An ONNX graph as ONNX Runtime's quantiser leaves one, and `model` with the weights that it then has: linear layers of
    the encoder in int8 with a scale for each output channel, all else f32."""
    nodes, tensors = [], []
    for name, parameter in model.named_parameters():
        name, weight = f"vision_model.{name.removeprefix('vision_model.')}", parameter.detach().numpy()
        if ".layers." in name and weight.ndim == 2:
            scale = np.abs(weight).max(1) / 127
            levels = np.round(weight / scale[:, None]).astype(np.int8)
            parameter.data = torch.from_numpy(levels * scale[:, None])
            base = f"onnx::MatMul_{len(nodes)}"
            tensors += [
                numpy_helper.from_array(levels.T.copy(), f"{base}_quantized"), numpy_helper.from_array(scale, f"{base}_scale"),
                numpy_helper.from_array(np.zeros(len(scale), np.int8), f"{base}_zero_point"),
            ]
            node = "/" + re.sub(r"(?<!layers)\.(?!\d)|(?<=\d)\.", "/", name.removesuffix(".weight")) + "/MatMul_quant"
            nodes.append(onnx.helper.make_node("MatMulInteger", ["x", f"{base}_quantized"], [node], name=node))
        else:
            tensors.append(numpy_helper.from_array(weight, name))
    return onnx.helper.make_model(onnx.helper.make_graph(nodes, "tower", [], [], tensors))


@torch.no_grad()
def clip_probe(name, seed):
    """A CLIP tower in a quantised ONNX file, and a linear probe of its class tokens after layers 1 and 3; the map is of 2."""
    tower = widen(CLIPVisionModel(CLIPVisionConfig(**VISION | {"num_hidden_layers": 3})), seed)
    folder, hidden = GOLDEN / name, VISION["hidden_size"]
    (folder / "probe").mkdir(parents=True, exist_ok=True)
    tower.config.save_pretrained(folder)
    onnx.save(quantised(tower), folder / "tower.onnx")
    output, where = (widen(torch.nn.Linear(n, k), seed) for n, k in ((2 * hidden, 3), (hidden, 1)))
    heads = {f"{part}.{k}": v for part, head in (("output", output), ("map", where)) for k, v in head.state_dict().items()}
    save_file(heads, folder / "probe" / "model.safetensors")
    config = {"families": {"names": ["one", ""], "sure": 0.0}, "map_layer": 2}
    (folder / "probe" / "config.json").write_text(json.dumps(config) + "\n")

    def look(x):
        states = tower(x, output_hidden_states=True).hidden_states
        outputs = output(torch.cat([states[1][:, 0], states[3][:, 0]], 1))
        return torch.cat([outputs, where(states[2][:, 1:])[..., 0]], 1)

    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    images(look, name, seed, VISION["image_size"], mean, std, "config.json")


@torch.no_grad()
def states(model, sequence, layers):
    """Logits [n, vocabulary] after each layer of `layers` and at the end, through the final norm and head."""
    body = model.model if hasattr(model, "model") else model.transformer
    norm = body.norm if hasattr(body, "norm") else body.ln_f
    out = body(torch.tensor([sequence]), output_hidden_states=True)
    tapped = [model.lm_head(norm(out.hidden_states[k]))[0] for k in layers]
    return tapped, model.lm_head(out.last_hidden_state)[0]


def token_scores(performer, observers, sequence):
    """Per-token scores in nats, in f64, from logits [n, vocabulary]. See TokenScores in crates/engine."""
    log_p = torch.log_softmax(performer[:-1].double(), -1)
    p, actual = log_p.exp(), log_p.gather(1, torch.tensor(sequence[1:])[:, None])
    mean = (p * log_p).sum(-1)
    cross = [-(torch.softmax(o[:-1].double(), -1) * log_p).sum(-1) for o in observers]
    return {
        "nll": (-actual[:, 0]).tolist(),
        "entropy": (-mean).tolist(),
        "variance": ((p * log_p**2).sum(-1) - mean**2).tolist(),
        "rank": ((log_p > actual).sum(-1) + 1).tolist(),
        "cross": [c.tolist() for c in cross],
    }


def causal(model, name, seed, layers, observer=None):
    """Token scores under the early exits at `layers` and, when given, under a second model."""
    model, ids = widen(model, seed), sequences(seed)
    golden = {"ids": ids, "layers": layers, "early_exit": [], "second_model": []}
    for sequence in ids:
        tapped, final = states(model, sequence, layers)
        golden["early_exit"].append(token_scores(final, tapped, sequence))
        if observer is not None:
            golden["second_model"].append(token_scores(final, [states(observer, sequence, [])[1]], sequence))
    save(model, name, golden)
    return model


def save_probe(name, seed, layers, hidden, units=5):
    """Writes a random probe of `layers` and, for each sequence's states beside one another, its logits over all tokens but
    the first and over those from the fourth on, where there are any. See crates/engine/src/probe.rs."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=generator)
    project, bias, output, offset = draw(units, hidden[0].shape[-1]) * 0.2, draw(units), draw(1, units), draw(1)
    judge = lambda part: float(output[0] @ torch.relu(part.mean(0) @ project.T + bias) + offset[0])
    logits = [[judge(x[start:]) for start in (1, 3) if start < len(x)] for x in hidden]
    (GOLDEN / f"{name}_probe").mkdir(exist_ok=True)
    tensors = {"project.weight": project, "project.bias": bias, "output.weight": output, "output.bias": offset}
    save_file(tensors, GOLDEN / f"{name}_probe" / "model.safetensors")
    (GOLDEN / f"{name}_probe" / "golden.json").write_text(json.dumps({"layers": layers, "logits": logits}) + "\n")


@torch.no_grad()
def probe(model, name, seed, layers):
    """A random probe of the model's normalised states after `layers`."""
    beside_one_another, last = [], model.config.num_hidden_layers
    for sequence in json.loads((GOLDEN / name / "golden.json").read_text())["ids"]:
        hidden = model.model(torch.tensor([sequence]), output_hidden_states=True)
        after = {**dict(enumerate(model.model.norm(h)[0] for h in hidden.hidden_states)), "last": hidden.last_hidden_state[0]}
        beside_one_another.append(torch.cat([after["last" if layer == last else layer] for layer in layers], -1))
    save_probe(name, seed, layers, beside_one_another)


@torch.no_grad()
def residual_stream(model, sequence, layers):
    """What leaves each of `layers` (1-based), [n, hidden] each: not normalised, the last layer's neither."""
    kept = {}
    for i, layer in enumerate(model.model.layers, 1):
        layer.register_forward_hook(lambda _module, _inputs, out, i=i: kept.update({i: out[0]}))
    model.model(torch.tensor([sequence]))
    return [kept[layer] for layer in layers]


def gemma3(name, seed, layers):
    """The residual stream after `layers`, and a probe of it."""
    model, ids = widen(Gemma3ForCausalLM(Gemma3TextConfig(**GEMMA3)), seed), sequences(seed)
    states = [residual_stream(model, sequence, layers) for sequence in ids]
    golden = {"ids": ids, "layers": layers, "states": [[state.flatten().tolist() for state in of] for of in states]}
    save(model, name, golden)
    save_probe(name, seed, layers, [torch.cat(of, -1) for of in states])


def smollm(path):
    """Tokens and mean scores of real texts under the compact pack's language model, in f32."""
    model, tokenizer = load_model(path, torch.float32), load_tokenizer(path)
    golden = []
    for name, text in TEXTS.items():
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tapped, final = states(model, ids, [22, 27])
        scores = token_scores(final, tapped, ids)
        mean = lambda values: sum(values) / len(values)
        golden.append({
            "name": name, "text": text, "ids": ids, "log_perplexity": mean(scores["nll"]),
            "cross_perplexity_22": mean(scores["cross"][0]), "cross_perplexity_27": mean(scores["cross"][1]),
            "entropy": mean(scores["entropy"]),
        })
    (GOLDEN / "smollm.json").write_text(json.dumps(golden, indent=1) + "\n")


@torch.no_grad()
def gemma3_270m(path, layers=(5, 10), components=16):
    """Tokens of real texts, and the first components of the residual stream's mean over all tokens but `<bos>`, in f32."""
    folder, name = str(Path(path).parent), Path(path).name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = Gemma3ForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32).eval()
    golden = []
    for name, text in LANGUAGES.items():
        ids = tokenizer.encode(text)
        means = [state[1:].mean(0)[:components].tolist() for state in residual_stream(model, ids, layers)]
        golden.append({"name": name, "text": text, "ids": ids, "layers": layers, "means": means})
    (GOLDEN / "gemma3_270m.json").write_text(json.dumps(golden, indent=1) + "\n")


def main():
    """Writes everything anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--gemma", required=True)
    args = parser.parse_args()
    classifier(BertForSequenceClassification(BertConfig(**ENCODER, hidden_act="gelu")), "bert", 1)
    classifier(BertForSequenceClassification(BertConfig(**ENCODER, hidden_act="relu")), "bert_relu", 2)
    classifier(RobertaForSequenceClassification(RobertaConfig(**ENCODER)), "roberta", 3)
    tied = LlamaForCausalLM(LlamaConfig(**LLAMA, num_hidden_layers=2, tie_word_embeddings=True))
    tied = causal(tied, "llama_tied", 4, [1])
    untied = LlamaForCausalLM(LlamaConfig(**LLAMA, num_hidden_layers=3, tie_word_embeddings=False))
    untied = causal(untied, "llama", 5, [1, 2], observer=tied)
    probe(untied, "llama", 12, [2, 3])
    first = causal(FalconForCausalLM(FalconConfig(**FALCON)), "falcon", 6, [1])
    causal(FalconForCausalLM(FalconConfig(**FALCON)), "falcon_instruct", 7, [1], observer=first)
    gemma3("gemma3", 13, [1, 2, 4])
    vit("vit", 8)
    clip("clip", 9)
    clip_probe("clip_probe", 10)
    smollm(args.gguf)
    gemma3_270m(args.gemma)


if __name__ == "__main__":
    main()
