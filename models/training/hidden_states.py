"""Mean hidden states of each text under SmolLM2-135M-Instruct, for the probe of the stage `binoculars`.

    python hidden_states.py --data DIR --gguf FILE --out DIR

The first `--max-tokens` tokens of a text (no special tokens) go through the first blocks only: no head, so a text costs a
third of what `lm_features.py` asks. With `--crops SEED` it is a noisy crop of 24 to 190 tokens of each training text instead
(keys end in `#SEED`): a probe must judge segments too, and what was misspelt. Writes OUT/states-*.npz: `keys` (split:id),
`layer_L` (f16 [texts, 576]: the mean over tokens, the first left out, of the normed state after block L), `log_tokens`. Texts
already there are skipped, so a run can be stopped and started again, and stopped for good when there is enough: the order is
even over splits, sources and labels.
"""

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from augment import CASED_NOISE, augment, crop
from lm_features import batches_of
from smollm import load_model, load_tokenizer
from texts import load_texts

LAYERS = (16, 19, 22)
TEXTS_PER_BLOCK = 256
# Rows of the 2023 training sets that are taken of each source and label; of the other splits, all.
OLD_ROWS = 700
SHORTEST, LONGEST = 24, 190


def plan(data, seed=0):
    """The rows to read, sources taking turns within a split."""
    rng = random.Random(seed)
    groups = defaultdict(list)
    for row in load_texts(data, "recent_dev", "dev", "recent_train", "train"):
        groups[row["split"], row["source"], row["label"]].append(row)
    ordered = []
    for (split, _, _), group in sorted(groups.items()):
        rng.shuffle(group)
        kept = group[:OLD_ROWS] if split == "train" else group
        ordered += [((i + rng.random()) / len(kept), row) for i, row in enumerate(kept)]
    return [row for _, row in sorted(ordered, key=lambda each: each[0])]


def key_of(row):
    """What a text's states are kept under."""
    return f"{row['split']}:{row['id']}"


def cropped(rows, seed):
    """A noisy crop of each training row."""
    rng = random.Random(seed)
    training = [row for row in rows if row["split"] in ("train", "recent_train")]
    crops = [augment(crop(r["text"], rng.randint(SHORTEST, LONGEST), rng), rng, CASED_NOISE) for r in training]
    return [{**row, "text": text, "id": f"{row['id']}#{seed}"} for row, text in zip(training, crops)]


def read_keys(out):
    """What was written to the folder already."""
    return {str(key) for path in sorted(Path(out).glob("states-*.npz")) for key in np.load(path)["keys"]}


def read_states(out):
    """({layer: {key: state}}, {key: log_tokens}) of everything that was written to the folder."""
    states, lengths = {layer: {} for layer in LAYERS}, {}
    for path in sorted(Path(out).glob("states-*.npz")):
        block = np.load(path)
        keys = [str(key) for key in block["keys"]]
        lengths.update(zip(keys, block["log_tokens"].tolist()))
        for layer in LAYERS:
            states[layer].update(zip(keys, block[f"layer_{layer}"].astype(np.float32)))
    return states, lengths


@torch.no_grad()
def mean_states(model, batch):
    """Per token-id list {layer: mean of the normed states}; padded on the right (the mask is causal). The first token's
    state, which sees nothing but itself and is unlike all others, does not count."""
    longest = -(-max(map(len, batch)) // 16) * 16
    ids = torch.tensor([b + [0] * (longest - len(b)) for b in batch])
    result = model.model(ids, output_hidden_states=True)
    normed = {layer: model.model.norm(result.hidden_states[layer]) for layer in LAYERS}
    return [{layer: normed[layer][i, 1 : len(tokens)].float().mean(0) for layer in LAYERS} for i, tokens in enumerate(batch)]


def write_block(out, number, rows, states):
    """Writes one block, whole or not at all."""
    path = out / f"states-{number:05}.npz"
    with open(path.with_suffix(".tmp"), "wb") as file:
        np.savez(
            file,
            keys=np.array([key_of(r) for r in rows]),
            log_tokens=np.log([len(r["tokens"]) for r in rows]).astype(np.float32),
            **{f"layer_{layer}": np.stack([s[layer].half().numpy() for s in states]) for layer in LAYERS},
        )
    path.with_suffix(".tmp").replace(path)


def main():
    """Reads the planned texts block by block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--crops", type=int, metavar="SEED")
    args = parser.parse_args()
    torch.set_num_threads(1)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    done = read_keys(out)
    rows = plan(args.data) if args.crops is None else cropped(plan(args.data), args.crops)
    rows = [r for r in rows if key_of(r) not in done]
    encoded = load_tokenizer(args.gguf).encode_batch([r["text"] for r in rows], add_special_tokens=False)
    rows = [{**r, "tokens": e.ids[: args.max_tokens]} for r, e in zip(rows, encoded) if len(e.ids) >= 8]
    model = load_model(args.gguf, torch.bfloat16)
    # One block more than is read: the last state that transformers returns is normed already.
    model.model.layers = model.model.layers[: max(LAYERS) + 1]
    began, number = time.time(), len(list(out.glob("states-*.npz")))
    for start in range(0, len(rows), TEXTS_PER_BLOCK):
        batches = list(batches_of(rows[start : start + TEXTS_PER_BLOCK]))
        states = [s for batch in batches for s in mean_states(model, [r["tokens"] for r in batch])]
        write_block(out, number, [r for batch in batches for r in batch], states)
        number += 1
        pace = (start + TEXTS_PER_BLOCK) / (time.time() - began)
        print(f"{start + TEXTS_PER_BLOCK}/{len(rows)} {pace:.1f} texts/s ETA {(len(rows) - start) / pace / 60:.0f} min",
              flush=True)


if __name__ == "__main__":
    main()
