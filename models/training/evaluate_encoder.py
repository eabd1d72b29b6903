"""Scores texts with an exported encoder as the engine does, and reports ranking metrics.

    python evaluate_encoder.py --data DIR --model models/compact/encoder --rows rows.jsonl

A text is cut into consecutive windows of at most 254 content tokens, each framed by [CLS] and
[SEP]; its score is the mean over windows of logit(ai) - logit(human).
"""

import argparse
import json
import math
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from texts import load_texts, report, write_rows

WINDOW = 254
TOKENS_PER_BATCH = 4096


def windows_of(ids):
    """Consecutive windows of at most WINDOW of the content-token ids (one empty window for none)."""
    return [ids[i : i + WINDOW] for i in range(0, len(ids), WINDOW)] or [[]]


def content_ids(tokenizer, texts):
    """Token ids of each text without special tokens."""
    return [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def frame(windows, tokenizer):
    """Pads framed windows into (input ids, attention mask), both [batch, longest] int64."""
    cls, sep, pad = (tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]", "[PAD]"))
    longest = max(map(len, windows)) + 2
    ids = torch.full((len(windows), longest), pad)
    for i, window in enumerate(windows):
        ids[i, : len(window) + 2] = torch.tensor([cls, *window, sep])
    lengths = torch.tensor([len(w) + 2 for w in windows])
    return ids, (torch.arange(longest)[None, :] < lengths[:, None]).long()


def batches_by_length(windows):
    """Index lists, windows of like length together, about TOKENS_PER_BATCH tokens each."""
    batch = []
    for i in sorted(range(len(windows)), key=lambda i: len(windows[i])):
        if batch and (len(batch) + 1) * (len(windows[i]) + 2) > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


@torch.no_grad()
def score(model, tokenizer, texts):
    """Per text {"logit": mean over windows of logit(ai) - logit(human), "log_tokens": ln(content tokens)}."""
    model.eval()
    ids = content_ids(tokenizer, texts)
    owner, windows = zip(*((i, w) for i, text in enumerate(ids) for w in windows_of(text)))
    margins = torch.zeros(len(windows))
    for batch in batches_by_length(windows):
        inputs, mask = frame([windows[i] for i in batch], tokenizer)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(input_ids=inputs, attention_mask=mask).logits
        margins[batch] = (logits[:, 1] - logits[:, 0]).float()
    sums, counts = torch.zeros(len(texts)), torch.zeros(len(texts))
    sums.index_add_(0, torch.tensor(owner), margins)
    counts.index_add_(0, torch.tensor(owner), torch.ones(len(windows)))
    means = (sums / counts).tolist()
    return [{"logit": m, "log_tokens": math.log(max(1, len(t)))} for m, t in zip(means, ids)]


def main():
    """Scores the splits, writes the rows, prints the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--splits", default="dev,recent_dev")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(Path(args.model) / "tokenizer.json"))
    model = BertForSequenceClassification.from_pretrained(args.model, dtype=torch.float32)
    rows = load_texts(args.data, *args.splits.split(","))
    features = score(model, tokenizer, [r["text"] for r in rows])
    write_rows(args.rows, rows, "roberta", features)
    print(json.dumps(report(rows, [f["logit"] for f in features]), indent=1))


if __name__ == "__main__":
    main()
