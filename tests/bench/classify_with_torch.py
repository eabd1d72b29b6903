"""Looks at views as the compact pack's classifier does, with Hugging Face's CLIP on PyTorch in f32: the peer of `make bench`.

    python classify_with_torch.py THREADS VIEWS SIDE

Reads one line from standard input before each round, runs the first eleven layers of ViT-B/16 (random weights) on a batch of
VIEWS views, and prints the seconds taken.
"""

import sys
import time

import torch
from transformers import CLIPVisionConfig, CLIPVisionModel

LAYERS = 11


@torch.inference_mode()
def main():
    """Warms up, then answers rounds."""
    threads, views, side = map(int, sys.argv[1:])
    torch.set_num_threads(threads)
    config = CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=LAYERS, num_attention_heads=12, patch_size=16, image_size=side
    )
    model = CLIPVisionModel(config).eval()
    bytes_ = torch.randint(0, 256, (views, side, side, 3), dtype=torch.uint8)

    def look():
        pixels = (bytes_.permute(0, 3, 1, 2).float() - 127) / 64
        return model(pixels, output_hidden_states=True)

    for _ in range(3):
        look()
    for _ in sys.stdin:
        start = time.perf_counter()
        look()
        print(time.perf_counter() - start, flush=True)


main()
