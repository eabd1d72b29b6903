"""Classifies views as the compact pack's classifier does, with PyTorch in f32: the peer of `make bench`.

    python classify_with_torch.py THREADS VIEWS SIDE

Reads one line from standard input before each round, runs EfficientNet-Lite0 (random weights, channels last) on a batch
of VIEWS views, and prints the seconds taken.
"""

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "models/training"))
from efficientnet import EfficientNetLite  # noqa: E402


@torch.inference_mode()
def main():
    """Warms up, then answers rounds."""
    threads, views, side = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    model = EfficientNetLite().eval().to(memory_format=torch.channels_last)
    bytes_ = torch.randint(0, 256, (views, side, side, 3), dtype=torch.uint8)

    def classify():
        pixels = (bytes_.permute(0, 3, 1, 2).float() - 127) / 128
        return model(pixels.contiguous(memory_format=torch.channels_last))

    for _ in range(3):
        classify()
    for _ in sys.stdin:
        start = time.perf_counter()
        classify()
        print(time.perf_counter() - start, flush=True)


main()
