"""PyTorch's tokens per second for what benches/lm.rs does: full logits of the performer and the layer-22 observer in
f32, then log-softmax and the same sums.

    python lm.py PATH/TO/SmolLM2-135M-Instruct.Q4_1.gguf [windows]
"""

import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[3] / "models" / "training"))
from smollm import load_model  # noqa: E402

WINDOW = 256


@torch.no_grad()
def score(model, ids):
    """Mean of each per-token score of the batch [windows, WINDOW]."""
    out = model(ids, output_hidden_states=True)
    log_p = torch.log_softmax(out.logits[:, :-1], -1)
    observer = model.lm_head(model.model.norm(out.hidden_states[22]))[:, :-1]
    p = log_p.exp()
    actual = log_p.gather(-1, ids[:, 1:, None])
    entropy = -(p * log_p).sum(-1)
    variance = (p * log_p**2).sum(-1) - entropy**2
    rank = (log_p > actual).sum(-1) + 1
    cross = -(torch.softmax(observer, -1) * log_p).sum(-1)
    return [x.float().mean().item() for x in (-actual[0], entropy, variance, rank, cross)]


def main():
    """Prints the best of five."""
    windows = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    model = load_model(sys.argv[1], torch.float32)
    ids = torch.tensor([(i * 7919 + 13) % 49152 for i in range(windows * WINDOW)]).reshape(windows, WINDOW)
    score(model, ids)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        nll = score(model, ids)[0]
        best = min(best, time.perf_counter() - began)
        print(f"{ids.numel() / best:.1f} tokens/s (log-perplexity {nll:.4f})", flush=True)


if __name__ == "__main__":
    main()
