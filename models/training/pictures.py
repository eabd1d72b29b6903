"""Labelled images: reading them, and what may happen to an image on its way.

Every treatment is drawn alike for both labels, so that none of them tells the label.
"""

import csv
import io
import random
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter

FILTERS = [Image.BILINEAR, Image.BICUBIC, Image.LANCZOS, Image.BOX]


def rows(data, split):
    """Rows of `index.csv` whose files lie below `split`, with the files' bytes."""
    found = [row for row in csv.DictReader(open(data / "index.csv", encoding="utf-8")) if row["file"].startswith(split)]
    for row in found:
        row["bytes"] = Path(data / row["file"]).read_bytes()
        row["ai"] = row["label"] == "ai"
    return found


def image(row):
    """Its pixels, RGB."""
    return Image.open(io.BytesIO(row["bytes"])).convert("RGB")


def weights(chosen):
    """Odds of drawing each row: labels alike, and a source by the root of its size."""
    sizes = Counter((row["label"], row["source"]) for row in chosen)
    totals = Counter()
    for (label, _), size in sizes.items():
        totals[label] += size**0.5
    odds = np.array([sizes[row["label"], row["source"]] ** -0.5 / totals[row["label"]] for row in chosen])
    return odds / odds.sum()


def jpeg(picture, quality, subsampling=2):
    """Once through JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return Image.open(buffer).convert("RGB")


def square(picture, share=1.0, where=(0.5, 0.5)):
    """A square of a share of the shorter side; `where` is 0 to 1 from left to right and from top to bottom."""
    side = max(1, round(min(picture.size) * share))
    x, y = (round((n - side) * at) for n, at in zip(picture.size, where))
    return picture.crop((x, y, x + side, y + side))


def whole(picture, side):
    """What the engine sees: the central square of the whole shorter side, scaled."""
    return square(picture).resize((side, side), Image.BICUBIC)


def augment(picture, side):
    """A random square, scaled to `side` pixels, after random resizing, blurring, colours, noise and JPEG."""
    if random.random() < 0.6:
        scale = random.uniform(0.4, 1) if random.random() < 0.8 else random.uniform(1, 1.4)
        picture = picture.resize([max(32, round(n * scale)) for n in picture.size], random.choice(FILTERS))
    share = random.uniform(0.55, 1) if random.random() < 0.7 else 1.0
    picture = square(picture, share, (random.random(), random.random()))
    draw = random.random()
    if draw < 0.12:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.2)))
    elif draw < 0.2:
        picture = picture.filter(ImageFilter.UnsharpMask(random.uniform(0.5, 2), random.randint(50, 150)))
    if random.random() < 0.3:
        for quality in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = quality(picture).enhance(random.uniform(0.7, 1.3))
    if random.random() < 0.05:
        picture = picture.convert("L").convert("RGB")
    if random.random() < 0.12:
        noise = np.random.randn(*picture.size[::-1], 3) * random.uniform(1, 8)
        picture = Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
    if random.random() < 0.7:
        picture = jpeg(picture, random.randint(30, 95), random.choice([0, 2]))
    picture = picture.resize((side, side), random.choice(FILTERS[:3]))
    return picture.transpose(Image.FLIP_LEFT_RIGHT) if random.random() < 0.5 else picture


def pixels(pictures):
    """Normalised as the backbone was trained: [batch, 3, side, side]."""
    stacked = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    return ((stacked.permute(0, 3, 1, 2).float() - 127) / 128).contiguous(memory_format=torch.channels_last)
