"""Trains the linear probe of CLIP's tower, and what goes with it: the map and the families of generators.

    python train_image_probe.py --set index.csv:states wild/index.csv:wild-states --out ../compact/classifier/probe --rows probe.jsonl

Each set is an index (`path`, `class`, `source`, `family`) and the folder that `image_states.py` wrote for it. Every figure that is
printed, and every row that is written for `calibrate_images.py`, is out of sample: the picture's whole source was left out of
the fit. The shipped weights are those of all pictures.
"""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

# Layers are counted from 1. The last four that run rank best; see README.md.
LAYERS, MAP_LAYER = (8, 9, 10, 11), 7
STRENGTH, FOLDS = 0.005, 10
SHARES = {"ai": 0.5, "real": 0.27, "graphic": 0.23}
# The one family that is told apart on sources left out; of Midjourney, DALL-E, Stable Diffusion, SDXL and StyleGAN half or
# more of what was named was wrong, so they are one family without a name. (What the index calls it, what people are told.)
FAMILY, NAME = "gpt-image", "GPT image"
SURE = 0.85
# A patch says less than the mean over all of them: on the patches of 60 whole pictures, half of them generated, a logistic
# regression makes that of its log-odds.
MAP_SCALE = 0.123


def read(sets):
    """Rows with `first` [layers, width] and `patches` [width] of the map's layer."""
    rows = []
    for part in sets:
        index, folder = part.split(":")
        known = {row["path"]: row for row in csv.DictReader(open(index, encoding="utf-8"))}
        for file in sorted(Path(folder).glob("*.npz")):
            found = np.load(file)
            first, patches = found["first"], found["patches"]
            for i, (path, view) in enumerate(zip(found["path"], found["view"])):
                if path in known:
                    row = known[path]
                    rows.append({
                        "id": path, "class": row["class"], "source": row["source"].lower(), "family": row.get("family", ""),
                        "view": str(view), "set": index, "first": first[i], "patches": patches[i, MAP_LAYER - 1],
                    })
    return rows


def weights(rows):
    """Of mean 1: classes by their shares, and a source by the root of its size."""
    sizes = Counter((row["class"], row["source"]) for row in rows)
    odds = np.array([sizes[row["class"], row["source"]] ** -0.5 for row in rows])
    classes = np.array([row["class"] for row in rows])
    for name, share in SHARES.items():
        odds[classes == name] *= share / max(odds[classes == name].sum(), 1e-9)
    return odds / odds.mean()


def fit(x, y, weight, strength=STRENGTH):
    """(weights [features], bias) of a logistic regression, of features as they are."""
    mean, scale = x.mean(0), x.std(0) + 1e-4
    model = LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit((x - mean) / scale, y, sample_weight=weight)
    linear = model.coef_[0] / scale
    return linear, model.intercept_[0] - linear @ mean


def folds(rows):
    """The fold of each row: whole sources, the largest first to the emptiest fold."""
    load, chosen = np.zeros(FOLDS), {}
    sizes = Counter(row["source"] for row in rows)
    for source in sorted(sizes, key=lambda s: (-sizes[s], s)):
        chosen[source] = load.argmin()
        load[chosen[source]] += sizes[source]
    return np.array([chosen[row["source"]] for row in rows])


def out_of_sample(x, y, weight, fold, strength=STRENGTH):
    """Logits [rows], each from a fit without the row's source."""
    found = np.zeros(len(x))
    for k in np.unique(fold):
        linear, bias = fit(x[fold != k], y[fold != k], weight[fold != k], strength)
        found[fold == k] = x[fold == k] @ linear + bias
    return found


def print_ranking(rows, logit):
    """AI against photographs and against pictures that people made, as they are and after a chain, by set and together."""
    sets = sorted({row["set"] for row in rows})
    for view, chosen in [(view, names) for view in ("clean", "chain") for names in [sets, *([name] for name in sets)]]:
        of = {c: logit[[r["class"] == c and r["view"] == view and r["set"] in chosen for r in rows]] for c in SHARES}
        if not all(len(scores) for scores in of.values()):
            continue
        threshold = max(np.quantile(of["real"], 0.99), np.quantile(of["graphic"], 0.98))
        auroc = {
            c: roc_auc_score(np.r_[np.ones(len(of["ai"])), np.zeros(len(of[c]))], np.r_[of["ai"], of[c]])
            for c in ("real", "graphic")
        }
        print(
            f"{view}, {'all' if len(chosen) > 1 else chosen[0]}: {len(of['ai'])} AI, {len(of['real'])} photographs {auroc['real']:.3f}, {len(of['graphic'])} graphics "
            f"{auroc['graphic']:.3f}; at 1 % of photographs and 2 % of graphics accused {np.mean(of['ai'] >= threshold):.2f} found"
        )
    found = {}
    for row, value in zip(rows, logit):
        if row["view"] == "clean":
            found.setdefault((row["class"], row["source"]), []).append(value)
    for (name, source), values in sorted(found.items(), key=lambda item: (item[0][0], np.median(item[1]))):
        print(f"  {name:8}{source:60}{len(values):5}{np.median(values):8.2f}{np.quantile(values, .9):8.2f}")


def family(rows, fold):
    """Weights and bias of the family's log-odds among generated pictures, with how often it is named and rightly so."""
    own = [i for i, row in enumerate(rows) if row["class"] == "ai" and row["family"] not in ("", "unknown")]
    x, y = np.stack([rows[i]["first"] for i in own]), np.array([rows[i]["family"] == FAMILY for i in own])
    sizes = Counter(rows[i]["source"] for i in own)
    weight = np.array([sizes[rows[i]["source"]] ** -0.5 for i in own])
    for label in (False, True):
        weight[y == label] *= 0.5 / weight[y == label].sum()
    weight /= weight.mean()
    named = out_of_sample(x, y, weight, fold[own]) >= np.log(SURE / (1 - SURE))
    print(f"{NAME}: named in {named.sum()} of {len(own)} views, rightly {y[named].mean():.3f}; of its own {named[y].mean():.2f} named")
    return fit(x, y, weight)


def main():
    """Fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", nargs="+", required=True, help="INDEX.csv:STATES")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    args = parser.parse_args()
    rows = read(args.set)
    for row in rows:
        row["first"] = np.concatenate([row["first"][layer - 1] for layer in LAYERS]).astype(np.float32)
    x, y = np.stack([row["first"] for row in rows]), np.array([row["class"] == "ai" for row in rows])
    weight, fold = weights(rows), folds(rows)
    logit = out_of_sample(x, y, weight, fold)
    print_ranking(rows, logit)
    ai, kind = fit(x, y, weight), family(rows, fold)
    patches = np.stack([row["patches"] for row in rows]).astype(np.float32)
    print("the map's mean:")
    print_ranking(rows, out_of_sample(patches, y, weight, fold))
    where = [MAP_SCALE * part for part in fit(patches, y, weight)]
    # All other families together have log-odds of zero.
    outputs = np.stack([ai[0], kind[0], np.zeros_like(kind[0])]), np.array([ai[1], kind[1], 0.0])
    tensors = {
        "output.weight": outputs[0], "output.bias": outputs[1], "map.weight": where[0][None], "map.bias": np.array([where[1]]),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.tensor(value, dtype=torch.float32) for name, value in tensors.items()}, args.out / "model.safetensors")
    config = {"families": {"names": [NAME, ""], "sure": SURE}, "map_layer": MAP_LAYER}
    (args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    with open(args.rows, "w", encoding="utf-8") as file:
        for row, value in zip(rows, logit):
            label = "ai" if row["class"] == "ai" else "human"
            kept = {"id": row["id"], "source": row["source"], "class": row["class"], "label": label, "view": row["view"]}
            file.write(json.dumps({**kept, "classifier": {"logit": float(value)}}) + "\n")


if __name__ == "__main__":
    main()
