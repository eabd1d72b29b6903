"""Fits the probe that reads Gemma 3's hidden states, and judges it on sources that it has not seen.

    python train_text_probe.py --data DIR --more gathered.jsonl --states DIR --out ../compact/text_probe

A ridge regression of the label on the standardised mean states after LAYERS (clipped at 5 deviations), with an offset for each
language, so that what tells languages apart cannot pass for what tells authors apart. A text counts whole and by its first tokens
alone. Label and language weigh alike, sources within them by the root of their size, the recent sets RECENT times as much. Every
score that is printed comes from a fit without the row's source (one of FOLDS groups of whole sources); `recent_dev` is never
fitted on. Writes OUT/model.safetensors in the form that crates/engine/src/probe.rs loads (two units, since a ReLU passes one sign)
and OUT/scores.jsonl.
"""

import argparse
import json
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from gemma_states import LAYERS as STORED, key_of
from texts import auroc, load_texts, tpr_at_fpr

LAYERS, STRENGTH, PREFIX_WEIGHT, RECENT, FOLDS = (4, 6, 8), 3000.0, 0.6, 10.0, 5
CLIP, OFFSET_SCALE = 5.0, 30.0
SPLITS = ("everyday", "recent_dev", "recent_train", "dev", "train")
ALWAYS, NEVER = -1, FOLDS
# Sources that are one upstream under several names.
ROOTS = {
    "iu-chatgpt-news": "iu-chatgpt", "alpaca_eval-genres": "alpaca_eval", "eqbench-longform": "eqbench",
    "eqbench-longform-2": "eqbench", "outfox_attack": "outfox", "thumbor-code-comments": "project-docs",
    "pillow-commits": "project-docs", "sharp-commits": "project-docs", "man-pages-commits": "linux-man-pages",
    "manpages-commits-2": "linux-man-pages", "react-docs-2": "react-docs", "python-peps-2": "python-peps",
    "peps-commits": "python-peps", "logickor-2": "logickor", "wildbench-2": "wildbench", "shisa-mt-bench-2": "shisa-mt-bench",
    "github-policies": "github-site-policy", "jangwook-book": "jangwook-blog",
}


def root_of(row):
    """What is left out together."""
    return "claude-commits" if row["source"].startswith("claude-") else ROOTS.get(row["source"], row["source"])


def gather(args):
    """(rows with their language, mean states [n, layers * hidden] of the whole and of the prefix)."""
    by_key = {key_of(row): row for row in load_texts(args.data, *SPLITS)}
    for path in args.more:
        by_key.update((key_of(row), row) for row in load_texts(path.parent, path.stem))
    chosen = [STORED.index(layer) for layer in LAYERS]
    rows, whole, prefix = [], [], []
    for path in sorted(Path(args.states).glob("states-*.npz")):
        block = np.load(path)
        kept = [i for i, key in enumerate(block["keys"]) if str(key) in by_key]
        rows += [{"lang": "en", **by_key[str(block["keys"][i])]} for i in kept]
        for name, into in (("mean", whole), ("prefix", prefix)):
            into.append(block[name][kept][:, chosen].reshape(len(kept), -1).astype(np.float32))
    return rows, np.concatenate(whole), np.concatenate(prefix)


def folds_of(rows):
    """A fold for each row: whole sources, dealt so that every fold has about as many rows of each label."""
    counts = Counter((root_of(r), r["label"]) for r in rows)
    filled, fold = [Counter() for _ in range(FOLDS)], {}
    for label in ("ai", "human"):
        roots = {root for root, other in counts if other == label and root not in fold}
        for root in sorted(roots, key=lambda root: (-counts[root, label], zlib.crc32(root.encode()))):
            fold[root] = min(range(FOLDS), key=lambda k: (filled[k][label], sum(filled[k].values())))
            filled[fold[root]].update({each: counts[root, each] for each in ("ai", "human")})
    fixed = {"recent_dev": NEVER, "recent_train": ALWAYS, "train": ALWAYS}
    return np.array([fixed.get(r["split"], fold[root_of(r)]) for r in rows])


def weights_of(rows):
    """Weights of mean 1."""
    counts = Counter((r["label"], r["source"], r["lang"]) for r in rows)
    weights = np.array([counts[r["label"], r["source"], r["lang"]] ** -0.5 for r in rows])
    totals, languages = defaultdict(float), defaultdict(float)
    for row, weight in zip(rows, weights):
        totals[row["label"], row["lang"]] += weight
        languages[row["lang"]] += weight
    weights *= [languages[r["lang"]] ** 0.7 / totals[r["label"], r["lang"]] for r in rows]
    weights *= [RECENT if r["split"] == "recent_train" else 1.0 for r in rows]
    return (weights / weights.mean()).astype(np.float32)


def moments(x, prefix, y, weights):
    """Gram matrix and right-hand side of one fold."""
    w = weights[:, None]
    return (x * w).T @ x + PREFIX_WEIGHT * (prefix * w).T @ prefix, (x * w).T @ y + PREFIX_WEIGHT * (prefix * w).T @ y


def solve(parts):
    """Coefficients from the moments of some folds."""
    gram, right = (sum(part[i] for part in parts) for i in (0, 1))
    return np.linalg.solve(gram + STRENGTH * np.eye(len(gram), dtype=gram.dtype), right)


def export(coefficients, mean, scale, out):
    """Writes the probe; the clipping is left out, since it acts on few texts."""
    project = torch.from_numpy(coefficients / scale)
    project = torch.stack([project, -project])
    bias = -project @ torch.from_numpy(mean)
    tensors = {
        "project.weight": project, "project.bias": bias,
        "output.weight": torch.tensor([[1.0, -1.0]]), "output.bias": torch.zeros(1),
    }
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.float().contiguous() for k, v in tensors.items()}, out / "model.safetensors", metadata={"format": "pt"})


def table(title, rows, scores, threshold):
    """One line: how well AI texts rank above human ones, and who is accused at the threshold."""
    ai = np.array([r["label"] == "ai" for r in rows])
    human, by_ai = scores[~ai], scores[ai]
    rate = lambda s: f"{np.mean(s >= threshold):8.3f}" if len(s) else f"{'-':>8}"
    ranks = f"{auroc(human, by_ai):8.3f}{tpr_at_fpr(human, by_ai, 0.01):8.3f}{tpr_at_fpr(human, by_ai, 0.05):8.3f}"
    print(f"{title:34}{len(human):6}{len(by_ai):6}{ranks}{rate(human)}{rate(by_ai)}")


def print_tables(title, rows, scores):
    """By language, and by genre and language; thresholds of 1 % false positives, of English and of the others pooled."""
    print(f"\n{title}\n{'':34}{'human':>6}{'ai':>6}{'AUROC':>8}{'TPR@1%':>8}{'TPR@5%':>8}{'accused':>8}{'found':>8}")
    human = np.array([r["label"] == "human" for r in rows])
    english = np.array([r["lang"] == "en" for r in rows])
    recent = np.array([r["split"] == "recent_dev" for r in rows])
    limit = {e: np.sort(scores[human & (english == e)])[::-1][int(0.01 * (human & (english == e)).sum())] + 1e-6 for e in (True, False)}
    print("thresholds", {"en" if e else "others": round(float(t), 4) for e, t in limit.items()})
    part = lambda mask: ([r for r, m in zip(rows, mask) if m], scores[mask])
    table("recent_dev", *part(recent), limit[True])
    table("dev (models up to 2023)", *part(np.array([r["split"] == "dev" for r in rows])), limit[True])
    everyday = np.array([r["split"] not in ("recent_dev", "dev") for r in rows])
    table("everyday, English", *part(everyday & english), limit[True])
    table("everyday, others", *part(everyday & ~english), limit[False])
    for of in ("lang", "genre"):
        for name in sorted({r[of] for r, e in zip(rows, everyday) if e}, key=str):
            for e in (True, False):
                mask = everyday & (english == e) & np.array([r.get(of) == name for r in rows])
                if mask.sum() >= 20:
                    table(f"{of} {name}" + ("" if e or of == "lang" else " (not en)"), *part(mask), limit[e])


def main():
    """Judges, fits on everything but recent_dev, exports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--more", nargs="*", type=Path, default=[])
    parser.add_argument("--states", required=True)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    rows, whole, prefix = gather(args)
    print(Counter(r["split"] for r in rows), flush=True)
    languages = sorted({r["lang"] for r in rows})
    mean, scale = whole.mean(0), whole.std(0) + 1e-6
    offsets = OFFSET_SCALE * (np.array([[r["lang"]] for r in rows]) == np.array([languages])).astype(np.float32)
    design = lambda x: np.concatenate([np.clip((x - mean) / scale, -CLIP, CLIP), offsets], 1)
    x, prefix = design(whole), design(prefix)
    y = np.array([1.0 if r["label"] == "ai" else -1.0 for r in rows], dtype=np.float32)
    weights, folds = weights_of(rows), folds_of(rows)
    # Without recent_dev, whose fold is NEVER.
    parts = {k: moments(x[folds == k], prefix[folds == k], y[folds == k], weights[folds == k]) for k in range(-1, FOLDS)}
    scores, short = np.zeros(len(rows)), np.zeros(len(rows))
    for k in [*range(FOLDS), NEVER]:
        coefficients, held = solve([part for j, part in parts.items() if j != k]), folds == k
        scores[held], short[held] = x[held] @ coefficients, prefix[held] @ coefficients
    final, width = solve(list(parts.values())), whole.shape[1]
    export(final[:width], mean, scale, args.out)
    print("offsets", {l: round(float(OFFSET_SCALE * c), 4) for l, c in zip(languages, final[width:])})
    judged = folds != ALWAYS
    kept = [r for r, j in zip(rows, judged) if j]
    print_tables("whole (112 to 144 tokens)", kept, scores[judged])
    print_tables("first 64 tokens", kept, short[judged])
    with open(args.out / "scores.jsonl", "w", encoding="utf-8") as lines:
        for row, score, first in zip(kept, scores[judged], short[judged]):
            known = {k: row.get(k) for k in ("id", "split", "source", "label", "lang", "genre", "style")}
            lines.write(json.dumps({**known, "score": round(float(score), 4), "short": round(float(first), 4)}) + "\n")


if __name__ == "__main__":
    main()
