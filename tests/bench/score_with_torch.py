"""Scores tokens as the binoculars stage does, with HF transformers on PyTorch in f32: the peer of `make bench`.

    python score_with_torch.py GGUF THREADS WINDOWS TOKENS

Reads one line from standard input before each round, scores WINDOWS windows of TOKENS random tokens as one batch (log-
perplexity of the performer, cross-perplexity with the observers after layers 22 and 27), and prints the seconds taken.
"""

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "models/training"))
from smollm import load_model  # noqa: E402

OBSERVERS = (22, 27)


@torch.inference_mode()
def score(model, ids):
    """[windows, tokens] ids -> log-perplexity and one cross-perplexity per observer, in nats."""
    hidden = model.model(ids, output_hidden_states=True).hidden_states
    performer = torch.log_softmax(model.lm_head(hidden[-1][:, :-1]), -1)
    nll = -performer.gather(-1, ids[:, 1:, None]).mean()
    crosses = []
    for layer in OBSERVERS:
        observer = torch.softmax(model.lm_head(model.model.norm(hidden[layer][:, :-1])), -1)
        crosses.append(-(observer * performer).sum(-1).mean())
    return nll, crosses


def main():
    gguf, threads, windows, tokens = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    model = load_model(gguf, torch.float32)
    ids = torch.randint(0, model.config.vocab_size, (windows, tokens), generator=torch.Generator().manual_seed(0))
    score(model, ids)
    for _ in sys.stdin:
        start = time.perf_counter()
        score(model, ids)
        print(time.perf_counter() - start, flush=True)


main()
