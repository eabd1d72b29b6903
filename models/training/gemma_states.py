"""Mean hidden states of each text under Gemma 3 270M, for the probe of the text stages.

    python gemma_states.py --texts everyday.jsonl recent_dev.jsonl … --gguf FILE --out DIR

<bos> and the first `--max-tokens` tokens of a text go through the first blocks only. Writes OUT/states-*.npz: `keys`
(file:id), `tokens`, and f16 [texts, layers, hidden]: `mean` over the tokens without <bos> of the raw residual stream after each
of LAYERS, `prefix` the same over the first PREFIX tokens (a short text for nothing, since the mask is causal), `std` the
deviation over tokens after each of SPREAD_LAYERS. With `--crops SEED` it is a noisy crop instead (keys end in `#SEED`): what is
misspelt, has lost its punctuation or begins in mid-sentence. Texts already there are skipped, so a run can be stopped and
started again, and stopped for good when there is enough: `--cap` rows of each source, language and label come first.
"""

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from augment import CASED_NOISE, augment, crop
from gemma import load_model, load_tokenizer
from lm_features import batches_of
from texts import load_texts

LAYERS, SPREAD_LAYERS = (3, 4, 5, 6, 7, 8, 9, 10), (6, 8, 10)
PREFIX, SHORTEST = 64, 24
TEXTS_PER_BLOCK, TOKENS_PER_BATCH = 256, 1536


def key_of(row):
    """What a text's states are kept under."""
    return f"{row['split']}:{row['id']}"


def plan(paths, cap, seed=0):
    """The rows in order of worth: `cap` of each source, language, genre of the dated humans, and label first, then as many again."""
    rng = random.Random(seed)
    groups = defaultdict(list)
    for path in map(Path, paths):
        for row in load_texts(path.parent, path.stem):
            genre = row.get("genre") if row["source"] in ("dated-human", "own-2026") else None
            groups[row["split"], row["source"], row.get("lang"), row["label"], genre].append(row)
    ordered = []
    for _, group in sorted(groups.items(), key=str):
        rng.shuffle(group)
        ordered += [(i // cap, rng.random(), row) for i, row in enumerate(group)]
    return [row for _, _, row in sorted(ordered, key=lambda each: each[:2])]


def cropped(rows, seed):
    """A noisy crop of each row of 24 to 110 tokens."""
    rng = random.Random(seed)
    crops = [augment(crop(r["text"], rng.randint(SHORTEST, 110), rng), rng, CASED_NOISE) for r in rows]
    return [{**row, "text": text, "id": f"{row['id']}#{seed}"} for row, text in zip(rows, crops)]


@torch.no_grad()
def states_of(model, batch):
    """Per token-id list {"mean", "prefix", "std"}: [layers, hidden]; padded on the right (the mask is causal)."""
    longest = max(map(len, batch))
    ids = torch.tensor([b + [0] * (longest - len(b)) for b in batch])
    hidden = model(ids, output_hidden_states=True, use_cache=False).hidden_states
    out = []
    for i, tokens in enumerate(batch):
        states = {k: hidden[k][i, 1 : len(tokens)].float() for k in LAYERS}
        out.append({
            "mean": torch.stack([states[k].mean(0) for k in LAYERS]),
            "prefix": torch.stack([states[k][:PREFIX].mean(0) for k in LAYERS]),
            "std": torch.stack([states[k].std(0) for k in SPREAD_LAYERS]),
        })
    return out


def write_block(out, rows, states):
    """Writes one block, whole or not at all."""
    path = out / f"states-{time.time_ns()}.npz"
    arrays = {k: torch.stack([s[k] for s in states]).half().numpy() for k in ("mean", "prefix", "std")}
    with open(path.with_suffix(".tmp"), "wb") as file:
        np.savez(file, keys=np.array([key_of(r) for r in rows]), tokens=np.array([len(r["tokens"]) - 1 for r in rows]), **arrays)
    path.with_suffix(".tmp").replace(path)


def main():
    """Reads the planned texts block by block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", nargs="+", required=True)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--max-tokens", type=int, default=144)
    parser.add_argument("--cap", type=int, default=24)
    parser.add_argument("--limit", type=int, default=1_000_000)
    parser.add_argument("--crops", type=int, metavar="SEED")
    args = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    done = {str(key) for path in out.glob("states-*.npz") for key in np.load(path)["keys"]}
    rows = plan(args.texts, args.cap)[: args.limit]
    rows = rows if args.crops is None else cropped(rows, args.crops)
    rows = [r for r in rows if key_of(r) not in done]
    encoded = load_tokenizer(args.gguf)([r["text"] for r in rows], truncation=True, max_length=args.max_tokens + 1)["input_ids"]
    rows = [{**r, "tokens": ids} for r, ids in zip(rows, encoded) if len(ids) > SHORTEST]
    model = load_model(args.gguf, max(LAYERS), torch.bfloat16)
    began = time.time()
    for start in range(0, len(rows), TEXTS_PER_BLOCK):
        batches = list(batches_of(rows[start : start + TEXTS_PER_BLOCK], TOKENS_PER_BATCH))
        states = [s for batch in batches for s in states_of(model, [r["tokens"] for r in batch])]
        write_block(out, [r for batch in batches for r in batch], states)
        pace = (start + TEXTS_PER_BLOCK) / (time.time() - began)
        print(f"{start + TEXTS_PER_BLOCK}/{len(rows)} {pace:.1f} texts/s ETA {(len(rows) - start) / pace / 60:.0f} min",
              flush=True)


if __name__ == "__main__":
    main()
