"""Checks that trimming the vocabulary changes no English logit and that the export loads as documented.

    python check_export.py --base DIR --model models/compact/encoder --data DIR
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from texts import load_texts
from evaluate_encoder import content_ids, frame, windows_of
from train_encoder import build_model
from vocabulary import trim_tokenizer

MOST_BYTES = 44_500_000


def untrim(model, base):
    """A copy of the trimmed model whose word embeddings have their untrimmed rows (zeros where dropped)."""
    spec = json.loads((Path(base) / "tokenizer.json").read_text())
    _, old_ids = trim_tokenizer(spec)
    full = build_model(base, 0)[0]
    full.load_state_dict(model.state_dict())
    rows = torch.zeros(len(spec["model"]["vocab"]), model.config.hidden_size)
    rows[old_ids] = model.bert.embeddings.word_embeddings.weight.detach()
    full.bert.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(rows)
    spec["truncation"] = spec["padding"] = None
    return full.eval(), Tokenizer.from_str(json.dumps(spec))


@torch.no_grad()
def logits_of(model, tokenizer, texts):
    """f32 logits [texts, 2] of each text's first window."""
    firsts = [windows_of(ids)[0] for ids in content_ids(tokenizer, texts)]
    inputs, mask = frame(firsts, tokenizer)
    return model(input_ids=inputs, attention_mask=mask).logits


def main():
    """Prints the files' sizes and digests; fails where a check does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    folder = Path(args.model)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    texts = [r["text"] for r in load_texts(args.data, "recent_dev")][:64]
    trimmed, full = logits_of(model, tokenizer, texts), logits_of(*untrim(model, args.base), texts)
    print(f"vocabulary {model.config.vocab_size}, largest logit difference to the untrimmed model "
          f"{(trimmed - full).abs().max():.2e}")
    assert torch.allclose(trimmed, full, atol=1e-4)
    assert tokenizer.truncation is None and tokenizer.padding is None
    assert tokenizer.get_vocab_size() == model.config.vocab_size
    total = 0
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        total += path.stat().st_size
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, path.name)
    print("bytes in all:", total)
    assert total < MOST_BYTES
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert all(weights.get_tensor(k).dtype == torch.float16 for k in weights.keys())


if __name__ == "__main__":
    main()
