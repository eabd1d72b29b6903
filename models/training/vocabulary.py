"""Trims a BERT vocabulary to the scripts that an English product meets, and fixes tokenizer.json."""

import copy
import json
import unicodedata

import torch

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KEPT_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")


def keep_token(token):
    """True for special tokens and for tokens whose letters are Latin, Greek or Cyrillic."""
    if token in SPECIAL:
        return True
    if token.startswith("[unused"):
        return False
    letters = [c for c in token if c.isalpha()]
    return all(unicodedata.name(c, "").startswith(KEPT_SCRIPTS) for c in letters)


def trim_tokenizer(spec):
    """Returns (tokenizer.json as a dict with contiguous ids and no truncation or padding,
    the old id of each new id)."""
    spec = copy.deepcopy(spec)
    old = spec["model"]["vocab"]
    kept = [token for token in sorted(old, key=old.get) if keep_token(token)]
    new = {token: i for i, token in enumerate(kept)}
    spec["model"]["vocab"] = new
    spec["truncation"] = spec["padding"] = None
    for added in spec["added_tokens"]:
        added["id"] = new[added["content"]]
    for name, special in spec["post_processor"]["special_tokens"].items():
        special["ids"] = [new[name]]
    return spec, [old[token] for token in kept]


def trim_embeddings(model, old_ids):
    """Keeps the word embeddings of `old_ids`, in that order ([kept, hidden] f32)."""
    embeddings = model.bert.embeddings
    rows = embeddings.word_embeddings.weight.data[torch.tensor(old_ids)]
    embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=0)
    model.config.vocab_size = len(old_ids)


def save_tokenizer(spec, path):
    """Writes tokenizer.json without spaces."""
    with open(path, "w", encoding="utf-8") as out:
        json.dump(spec, out, ensure_ascii=False, separators=(",", ":"))
