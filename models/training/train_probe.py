"""Trains the probe of the stage `binoculars` on the hidden states that `hidden_states.py` wrote.

    python train_probe.py --data DIR --states DIR --out ../compact/probe --rows probe.jsonl

The probe is a mean of small networks, logit = output . relu(project . x + bias) + offset, each from another seed; x is the
mean state of a text after the layers of hidden_states.LAYERS, side by side. It learns from train and recent_train (whole
texts and noisy crops), never from dev: rows of dev and recent_dev are only scored, into `--rows` for calibrate.py.
Writes OUT/model.safetensors (f16; the standardisation is folded into the projection).
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from calibrate import labels_of, weights_of
from hidden_states import LAYERS, key_of, read_states
from texts import load_texts, report, write_rows

MEMBERS, UNITS = 4, 128
EPOCHS, BATCH, RATE, DECAY, DROPOUT, SMOOTHING = 24, 256, 1e-3, 0.05, 0.6, 0.05


def gather(data, states, lengths, *splits):
    """(rows, their states [n, layers * hidden]) of the splits, crops as rows of their own."""
    by_key = {key_of(row): row for row in load_texts(data, *splits)}
    rows, keys = [], []
    for key in sorted(lengths):
        if (row := by_key.get(key.split("#")[0])) is not None:
            rows.append(row)
            keys.append(key)
    return rows, np.concatenate([np.stack([states[layer][key] for key in keys]) for layer in LAYERS], 1)


class Member(torch.nn.Module):
    """One network of the ensemble."""

    def __init__(self, width):
        super().__init__()
        self.project = torch.nn.Linear(width, UNITS)
        self.output = torch.nn.Linear(UNITS, 1)

    def forward(self, x):
        """Standardised states [n, width] to logits [n]."""
        x = torch.nn.functional.dropout(x, DROPOUT, self.training)
        hidden = torch.nn.functional.dropout(torch.relu(self.project(x)), DROPOUT, self.training)
        return self.output(hidden)[:, 0]


def train_member(x, y, weights, seed):
    """A network trained on batches drawn by the rows' weights."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    member = Member(x.shape[1])
    optimizer = torch.optim.AdamW(member.parameters(), lr=RATE, weight_decay=DECAY)
    steps = EPOCHS * len(x) // BATCH
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps)
    target = y * (1 - 2 * SMOOTHING) + SMOOTHING
    for _ in range(steps):
        drawn = torch.multinomial(weights, BATCH, replacement=True, generator=generator)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(member(x[drawn]), target[drawn])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"member {seed}: loss {loss.item():.3f}", flush=True)
    return member.eval()


@torch.no_grad()
def fold(members, mean, scale):
    """The members side by side as one network on raw states: {name: tensor}."""
    project = torch.cat([m.project.weight for m in members]) / scale
    bias = torch.cat([m.project.bias for m in members]) - project @ mean
    output = torch.cat([m.output.weight for m in members], 1) / len(members)
    offset = torch.stack([m.output.bias for m in members]).mean(0)
    tensors = {"project.weight": project, "project.bias": bias, "output.weight": output, "output.bias": offset}
    return {name: tensor.half().contiguous() for name, tensor in tensors.items()}


def judge(tensors, x):
    """Logits [n] of raw states, as the engine computes them from the exported tensors."""
    t = {name: tensor.float() for name, tensor in tensors.items()}
    hidden = torch.relu(torch.from_numpy(x) @ t["project.weight"].T + t["project.bias"])
    return (hidden @ t["output.weight"][0] + t["output.bias"][0]).numpy()


def train(rows, x):
    """The folded ensemble."""
    x, y = torch.from_numpy(x), torch.from_numpy(labels_of(rows)).float()
    mean, scale = x.mean(0), x.std(0).clamp_min(1e-4)
    standard = ((x - mean) / scale).clamp(-6, 6)
    weights = torch.from_numpy(weights_of(rows))
    return fold([train_member(standard, y, weights, seed) for seed in range(MEMBERS)], mean, scale)


def main():
    """Trains, exports, scores dev."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--states", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--rows", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    states, lengths = read_states(args.states)
    rows, x = gather(args.data, states, lengths, "train", "recent_train")
    print(f"{len(rows)} texts and crops", flush=True)
    tensors = train(rows, x)
    args.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, args.out / "model.safetensors", metadata={"format": "pt"})
    rows, x = gather(args.data, states, lengths, "dev", "recent_dev")
    logits = judge(tensors, x)
    write_rows(args.rows, rows, "binoculars", [{"probe": round(float(value), 5)} for value in logits])
    print(json.dumps(report(rows, logits), indent=1))


if __name__ == "__main__":
    main()
