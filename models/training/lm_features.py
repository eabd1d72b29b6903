"""Language-model features of each text under SmolLM2-135M-Instruct, for the stage `binoculars`.

    python lm_features.py --data DIR --gguf FILE --out DIR

The first `--max-tokens` tokens of a text (no special tokens) are read; tokens 1..n-1 are scored,
each given those before it. The performer is the model; an observer is the hidden state after
block 22 (or 27) of 30 through the same final norm and LM head. All logarithms are natural.
Writes OUT/features.jsonl ({"binoculars": {...}} per text). Texts already there are skipped.
"""

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from texts import load_texts, read_jsonl, write_rows
from smollm import load_model, load_tokenizer

OBSERVERS = (22, 27)
POSITIONS_PER_CHUNK = 128
TEXTS_PER_BLOCK = 48
TOKENS_PER_BATCH = 2048


def plan(data, seed=0):
    """The rows in order of worth: all of recent_dev; the dated humans and a sample of the other groups of
    recent_train and dev; the rest of dev; samples of train; the rest of recent_train."""
    rng = random.Random(seed)
    groups = defaultdict(list)
    for row in load_texts(data, "recent_dev", "recent_train", "dev", "train"):
        groups[row["split"], row["source"], row["label"]].append(row)
    for group in groups.values():
        rng.shuffle(group)
    few = {("recent_train", "dated-human"): 1000, ("recent_train", "own-2026"): 150}
    waves = [
        {"recent_dev": 1000},
        {"recent_train": 25, "dev": 40},
        {"recent_train": 150, "dev": 1000},
        {"train": 100},
        {"recent_train": 1000},
    ]
    ordered, seen = [], set()
    for caps in waves:
        wave = [
            row
            for (split, source, _), group in sorted(groups.items())
            if split in caps
            for row in group[: max(caps[split], few.get((split, source), 0))]
            if row["id"] not in seen
        ]
        seen.update(row["id"] for row in wave)
        rng.shuffle(wave)
        ordered += wave
    return ordered


def position_scores(performer, observers, targets, head):
    """Sums over the vocabulary, position by position, in chunks.

    performer [n, hidden], observers {layer: [n, hidden]} (normed hidden states), targets [n] token ids,
    head [vocab, hidden]. Returns {name: [n] f32}: nll, rank, expected (E log p), variance (Var log p),
    cross_<layer> (-sum p_observer log p)."""
    out = defaultdict(list)
    for start in range(0, len(targets), POSITIONS_PER_CHUNK):
        part = slice(start, start + POSITIONS_PER_CHUNK)
        log_p = torch.log_softmax((performer[part] @ head.T).float(), -1)
        actual = log_p.gather(1, targets[part, None])
        p = log_p.exp()
        expected = torch.linalg.vecdot(p, log_p)
        out["nll"].append(-actual[:, 0])
        out["rank"].append((log_p > actual).sum(-1).float() + 1)
        out["expected"].append(expected)
        out["variance"].append(torch.linalg.vecdot(p.mul_(log_p), log_p) - expected**2)
        for layer, hidden in observers.items():
            observed = torch.softmax((hidden[part] @ head.T).float(), -1)
            out[f"cross_{layer}"].append(-torch.linalg.vecdot(observed, log_p))
    return {name: torch.cat(parts) for name, parts in out.items()}


def features_of(scores):
    """The named features (nats) of one text from its per-position scores (numpy [n])."""
    nll, rank = scores["nll"], scores["rank"]
    centred = nll - nll.mean()
    variance = max(float((centred**2).mean()), 1e-9)
    out = {"log_perplexity": nll.mean()}
    for layer in OBSERVERS:
        out[f"cross_perplexity_{layer}"] = scores[f"cross_{layer}"].mean()
        out[f"binoculars_{layer}"] = nll.mean() / scores[f"cross_{layer}"].mean()
    out["log_rank"] = np.log(rank).mean()
    out["curvature"] = (-nll - scores["expected"]).sum() / np.sqrt(scores["variance"].sum())
    out["entropy"] = -scores["expected"].mean()
    out["surprisal_std"] = variance**0.5
    out["surprisal_skew"] = (centred**3).mean() / variance**1.5
    out["surprisal_kurtosis"] = (centred**4).mean() / variance**2 - 3
    out["surprisal_delta_std"] = np.diff(nll).std()
    out["surprisal_delta2_std"] = np.diff(nll, 2).std()
    out["surprisal_autocorr"] = (centred[1:] * centred[:-1]).mean() / variance
    out["top1_rate"] = (rank == 1).mean()
    out["rare_rate"] = (rank > 1000).mean()
    out["log_tokens"] = np.log(len(nll))
    return {name: round(float(value), 5) for name, value in out.items()}


@torch.no_grad()
def score_batch(model, batch):
    """Features of each of a list of token-id lists, padded on the right (the mask is causal)."""
    longest = max(map(len, batch))
    ids = torch.tensor([b + [0] * (longest - len(b)) for b in batch])
    result = model.model(ids, output_hidden_states=True)
    normed = {k: model.model.norm(result.hidden_states[k]) for k in OBSERVERS}
    out = []
    for i, tokens in enumerate(batch):
        n = len(tokens)
        scores = position_scores(
            result.last_hidden_state[i, : n - 1],
            {k: normed[k][i, : n - 1] for k in OBSERVERS},
            ids[i, 1:n],
            model.lm_head.weight,
        )
        out.append(features_of({k: v.numpy().astype(np.float64) for k, v in scores.items()}))
    return out


def batches_of(rows, tokens=TOKENS_PER_BATCH):
    """Rows of like length together, about so many tokens a batch."""
    batch = []
    for row in sorted(rows, key=lambda r: len(r["tokens"])):
        if batch and (len(batch) + 1) * len(row["tokens"]) > tokens:
            yield batch
            batch = []
        batch.append(row)
    yield batch


def pending(args, out):
    """The planned rows not yet written, tokenised."""
    path = out / "features.jsonl"
    done = {(r["split"], r["id"]) for r in read_jsonl(path)} if path.exists() else set()
    rows = [r for r in plan(args.data) if (r["split"], r["id"]) not in done]
    encoded = load_tokenizer(args.gguf).encode_batch([r["text"] for r in rows], add_special_tokens=False)
    rows = [{**r, "tokens": e.ids[: args.max_tokens]} for r, e in zip(rows, encoded)]
    return [r for r in rows if len(r["tokens"]) >= 8]


def main():
    """Scores the planned texts block by block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--max-tokens", type=int, default=256)
    args = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    model, rows = load_model(args.gguf, torch.bfloat16), pending(args, out)
    began, tokens = time.time(), 0
    for start in range(0, len(rows), TEXTS_PER_BLOCK):
        block = [batch for batch in batches_of(rows[start : start + TEXTS_PER_BLOCK])]
        scored = [s for batch in block for s in score_batch(model, [r["tokens"] for r in batch])]
        rows_read = [r for batch in block for r in batch]
        write_rows(out / "features.jsonl", rows_read, "binoculars", scored, append=True)
        tokens += sum(len(r["tokens"]) for batch in block for r in batch)
        pace = tokens / (time.time() - began)
        left = sum(len(r["tokens"]) for r in rows[start + TEXTS_PER_BLOCK :])
        print(f"{start + TEXTS_PER_BLOCK}/{len(rows)} {pace:.0f} tokens/s ETA {left / pace / 60:.0f} min", flush=True)


if __name__ == "__main__":
    main()
