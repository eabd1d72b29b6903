"""Pictures: reading them, and what may happen to one on its way.

Every treatment is drawn alike for every class, so that none of them tells the label.
"""

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Image.MAX_IMAGE_PIXELS = 120_000_000
FILTERS = [Image.BILINEAR, Image.BICUBIC, Image.LANCZOS, Image.BOX]
LEAST_SIDE, MOST_SIDE = 150, 2600


def load(path):
    """RGB, turned as its EXIF says, laid on white where it is transparent; of an animation the first frame."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def whole(picture, side):
    """What the engine sees: the central square of the whole shorter side, scaled; [side, side, 3] bytes."""
    width, height = picture.size
    square = min(picture.size)
    left, top = (width - square) // 2, (height - square) // 2
    return np.asarray(picture.resize((side, side), Image.BICUBIC, box=(left, top, left + square, top + square)))


def through(picture, format_, **options):
    """Once through a codec."""
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return Image.open(buffer).convert("RGB")


def chain(picture, rng):
    """What posting, saving again, editing or a screenshot may leave: a crop at times, then one or two times new size, blur
    or sharpening, colours, noise, a frame, a codec."""
    if rng.random() < 0.35:
        share = rng.uniform(0.6, 1)
        size = [max(64, round(n * rng.uniform(share, 1))) for n in picture.size]
        left, top = (rng.randint(0, max(0, n - kept)) for n, kept in zip(picture.size, size))
        picture = picture.crop((left, top, left + size[0], top + size[1]))
    for _ in range(1 if rng.random() < 0.7 else 2):
        picture = compressed(framed(edited(resized(picture, rng), rng), rng), rng)
    return picture


def resized(picture, rng):
    """Mostly smaller, at times a little larger."""
    if rng.random() >= 0.75:
        return picture
    longer = max(picture.size)
    least, most = min(380, longer), min(longer * 1.25, MOST_SIDE)
    scale = float(np.exp(rng.uniform(np.log(least), np.log(max(most, least + 1))))) / longer
    scale = max(scale, LEAST_SIDE / min(picture.size))
    return picture.resize([max(32, round(n * scale)) for n in picture.size], rng.choice(FILTERS))


def edited(picture, rng):
    """Blur or sharpening, colours, grey, noise: each now and then."""
    draw = rng.random()
    if draw < 0.08:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3)))
    elif draw < 0.16:
        picture = picture.filter(ImageFilter.UnsharpMask(rng.uniform(0.5, 2), rng.randint(40, 140)))
    if rng.random() < 0.2:
        for quality in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = quality(picture).enhance(rng.uniform(0.8, 1.25))
    if rng.random() < 0.04:
        picture = picture.convert("L").convert("RGB")
    if rng.random() < 0.06:
        pixels = np.asarray(picture).astype(np.float32)
        noise = np.random.default_rng(rng.randint(0, 1 << 30)).normal(0, rng.uniform(1, 6), pixels.shape)
        picture = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    return picture


def framed(picture, rng):
    """A screenshot shows something around the picture."""
    if rng.random() >= 0.05:
        return picture
    size = [round(n * rng.uniform(1.02, 1.25)) for n in picture.size]
    screen = Image.new("RGB", size, rng.choice(["white", "black", "#f0f2f5", "#18191a"]))
    screen.paste(picture, ((size[0] - picture.width) // 2, rng.randint(0, size[1] - picture.height)))
    return screen


def compressed(picture, rng):
    """JPEG, WebP, a palette, or nothing."""
    draw = rng.random()
    if draw < 0.6:
        return through(picture, "JPEG", quality=rng.randint(40, 95), subsampling=rng.choice([0, 1, 2, 2]))
    if draw < 0.75:
        return through(picture, "WEBP", quality=rng.randint(40, 95), method=2)
    if draw < 0.79:
        return picture.quantize(rng.choice([64, 128, 256]), method=Image.Quantize.FASTOCTREE).convert("RGB")
    return picture
