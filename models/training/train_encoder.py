"""Fine-tunes MiniLM-L6 into the compact pack's human/AI encoder, on a CPU.

    python train_encoder.py --data DIR --base DIR --out DIR --steps 2000

`--data` holds train.jsonl, recent_train.jsonl, dev.jsonl, recent_dev.jsonl; `--base` holds
config.json, model.safetensors and tokenizer.json of all-MiniLM-L6-v2. An export (Hugging Face
BertForSequenceClassification, f16, trimmed vocabulary) is written to `--out` every
`--save-every` steps: the running mean of the weights, usable at any moment. `--init DIR` goes on from
such an export (with a low `--rate`: a cool-down). A run that was stopped goes on where it last saved, exactly,
when it is started again with the same arguments: `--checkpoint FILE` says where that is kept.
"""

import argparse
import json
import math
import random
import time
from collections import defaultdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

from augment import augment, crop
from texts import load_texts, report, write_rows
from evaluate_encoder import content_ids, frame, score
from vocabulary import save_tokenizer, trim_embeddings, trim_tokenizer

# Share of a batch drawn from each pool. Each label has half; about half is what is written today.
MIX = {
    ("human", "dated-human"): 0.17,
    ("human", "detectrl"): 0.16,
    ("human", "outfox"): 0.10,
    ("human", "seqxgpt_doc"): 0.07,
    ("ai", "own-2026"): 0.16,
    ("ai", "alpaca_eval"): 0.045,
    ("ai", "eqbench"): 0.045,
    ("ai", "debate-2026"): 0.025,
    ("ai", "persuasion-2026"): 0.025,
    ("ai", "detectrl"): 0.08,
    ("ai", "outfox"): 0.07,
    ("ai", "seqxgpt_doc"): 0.05,
}
SHORTEST, LONGEST = 32, 190
TOKENS_PER_STEP = 3072
SMOOTHING = 0.05
SPLICE = 0.08
EMA_DECAY = 0.99
LABELS = {"human": 0, "ai": 1}


def build_model(base, seed):
    """MiniLM with a fresh two-label head and a trimmed vocabulary; returns (model, tokenizer.json dict)."""
    torch.manual_seed(seed)
    config = BertConfig.from_pretrained(
        base, num_labels=2, id2label={0: "human", 1: "ai"}, label2id=LABELS, problem_type="single_label_classification"
    )
    model = BertForSequenceClassification(config)
    state = {k: v for k, v in load_file(Path(base) / "model.safetensors").items() if "position_ids" not in k}
    model.bert.load_state_dict(state)
    spec, old_ids = trim_tokenizer(json.loads((Path(base) / "tokenizer.json").read_text()))
    trim_embeddings(model, old_ids)
    return model, spec


def pools_of(rows):
    """(label, source) -> {style: rows}; one style where the source knows none."""
    pools = defaultdict(lambda: defaultdict(list))
    for row in rows:
        style = row.get("style") if row["source"] == "own-2026" else None
        pools[row["label"], row["source"]][style].append(row["text"])
    return pools


def draw_text(pool, rng):
    """A text of the pool; its styles weigh the square root of their size."""
    styles = list(pool)
    style = rng.choices(styles, [math.sqrt(len(pool[s])) for s in styles])[0]
    return rng.choice(pool[style])


def draw_example(pool, tokens, rng):
    """A noisy crop of about `tokens` tokens; now and then two half crops of one pool spliced."""
    if rng.random() < SPLICE:
        halves = [crop(draw_text(pool, rng), tokens // 2, rng) for _ in range(2)]
        return augment(" ".join(halves), rng)
    return augment(crop(draw_text(pool, rng), tokens, rng), rng)


def draw_batch(pools, rng):
    """(texts, labels) of one crop length, about TOKENS_PER_STEP tokens, pools in the shares of MIX."""
    tokens = rng.randint(SHORTEST, LONGEST)
    size = min(64, max(16, TOKENS_PER_STEP // tokens))
    offset = rng.random()
    keys, edge, total = [], 0.0, 0.0
    for key, share in MIX.items():
        total += share
        while edge + offset < total * size:
            keys.append(key)
            edge += 1
    return [draw_example(pools[k], tokens, rng) for k in keys], torch.tensor([LABELS[k[0]] for k in keys])


def parameter_groups(model, rate):
    """AdamW groups: the rate decays by 0.9 per layer downwards, the head learns three times as fast;
    no weight decay on biases and norms."""
    layers = model.config.num_hidden_layers
    groups = defaultdict(list)
    for name, parameter in model.named_parameters():
        depth = layers + 1
        if "encoder.layer." in name:
            depth = int(name.split("encoder.layer.")[1].split(".")[0]) + 1
        elif "embeddings" in name:
            depth = 0
        head = name.startswith("classifier") or "pooler" in name
        scale = 3.0 if head else 0.9 ** (layers - depth)
        groups[scale, 0.01 if parameter.ndim > 1 else 0.0].append(parameter)
    return [{"params": p, "lr": rate * s, "weight_decay": d} for (s, d), p in groups.items()]


def schedule(step, steps, warmup=100, horizon=2400, cool_down=600):
    """Linear warm-up, a cosine that would end at `horizon`, and a straight line down to 2 % of the rate over the last
    `cool_down` steps: where to stop can be decided while it runs."""
    if step < warmup:
        return (step + 1) / warmup
    at = min(step, steps - cool_down)
    cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (at - warmup) / (horizon - warmup)))
    return cosine + (0.02 - cosine) * (step - at) / cool_down


class RunningMean:
    """Exponential moving average of the weights (f32), the decay growing with the steps taken."""

    def __init__(self, model):
        self.live = list(model.parameters())
        self.mean = [p.detach().clone() for p in self.live]
        self.steps = 0

    @torch.no_grad()
    def update(self):
        """Moves the mean towards the live weights."""
        self.steps += 1
        decay = min(EMA_DECAY, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.mean, self.live, 1 - decay)

    @torch.no_grad()
    def swap(self):
        """Exchanges live weights and mean; call twice to come back."""
        for live, mean in zip(self.live, self.mean):
            held = live.clone()
            live.copy_(mean)
            mean.copy_(held)


def export(model, spec, out):
    """Writes config.json, model.safetensors (f16) and tokenizer.json."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().half().contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    save_file(weights, out / "model.safetensors.tmp", metadata={"format": "pt"})
    (out / "model.safetensors.tmp").chmod(0o644)
    (out / "model.safetensors.tmp").replace(out / "model.safetensors")
    config = {**model.config.to_dict(), "architectures": ["BertForSequenceClassification"], "dtype": "float16"}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    save_tokenizer(spec, out / "tokenizer.json")


def fixed_subset(rows, most):
    """At most `most` rows of each (source, label), always the same."""
    rng = random.Random(0)
    groups = defaultdict(list)
    for row in rows:
        groups[row["source"], row["label"]].append(row)
    return [row for key in sorted(groups) for row in rng.sample(groups[key], min(most, len(groups[key])))]


def evaluate(model, tokenizer, rows):
    """The report of common.report on the rows."""
    return report(rows, [f["logit"] for f in score(model, tokenizer, [r["text"] for r in rows])])


def save_checkpoint(path, step, loss, rng, model, mean, optimizer, scheduler):
    """Everything that the next step depends on."""
    state = {
        "step": step, "loss": loss, "rng": rng.getstate(), "torch_rng": torch.get_rng_state(),
        "model": model.state_dict(), "mean": mean.mean, "mean_steps": mean.steps,
        "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
    }
    torch.save(state, f"{path}.tmp")
    Path(f"{path}.tmp").replace(path)


def load_checkpoint(path, rng, model, mean, optimizer, scheduler):
    """Puts everything back; returns (steps done, running loss)."""
    state = torch.load(path, weights_only=False)
    model.load_state_dict(state["model"])
    mean.mean, mean.steps = state["mean"], state["mean_steps"]
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    rng.setstate(state["rng"])
    torch.set_rng_state(state["torch_rng"])
    return state["step"], state["loss"]


def one_line(metrics):
    """AUROC all/old/recent and per source, for the log."""
    heads = " ".join(f"{k} {metrics[k]['auroc']:.3f}/{metrics[k]['tpr_at_5']:.2f}" for k in ("all", "old", "recent"))
    return heads + " | " + " ".join(f"{s} {m['auroc']:.2f}" for s, m in metrics["by_source"].items())


def pad(ids, mask):
    """To a multiple of 16 tokens: the kernels kept for every shape ever seen would fill the memory."""
    more = -ids.shape[1] % 16
    return (torch.nn.functional.pad(each, (0, more)) for each in (ids, mask))


def train_step(model, optimizer, tokenizer, batch):
    """One forward, backward and update; returns the loss."""
    texts, labels = batch
    ids, mask = pad(*frame([i[: LONGEST + 10] for i in content_ids(tokenizer, texts)], tokenizer))
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=ids, attention_mask=mask).logits
    loss = torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=SMOOTHING)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


def train(args):
    """The whole run; returns (model holding the running mean, tokenizer)."""
    rng = random.Random(args.seed)
    model, spec = build_model(args.base, args.seed)
    if args.init:
        model.load_state_dict({k: v.float() for k, v in load_file(Path(args.init) / "model.safetensors").items()})
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    pools = pools_of(load_texts(args.data, "train", "recent_train"))
    subset = fixed_subset(load_texts(args.data, "dev", "recent_dev"), args.eval_rows)
    optimizer = torch.optim.AdamW(parameter_groups(model, args.rate), betas=(0.9, 0.98), fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step, args.steps))
    mean, done, loss = RunningMean(model), 0, 0.7
    if args.checkpoint and Path(args.checkpoint).exists():
        done, loss = load_checkpoint(args.checkpoint, rng, model, mean, optimizer, scheduler)
        print(f"goes on after step {done}", flush=True)
    began = time.time()
    for step in range(done + 1, args.steps + 1):
        loss = 0.97 * loss + 0.03 * train_step(model, optimizer, tokenizer, draw_batch(pools, rng))
        scheduler.step()
        mean.update()
        if step % 20 == 0:
            pace = (time.time() - began) / (step - done)
            print(f"step {step}/{args.steps} loss {loss:.4f} {pace:.2f} s/step "
                  f"ETA {pace * (args.steps - step) / 60:.0f} min", flush=True)
        if step % args.save_every == 0 and step < args.steps:
            if args.checkpoint:
                save_checkpoint(args.checkpoint, step, loss, rng, model, mean, optimizer, scheduler)
            mean.swap()
            export(model, spec, args.out)
            print(f"eval {step}: {one_line(evaluate(model, tokenizer, subset))}", flush=True)
            mean.swap()
    mean.swap()
    export(model, spec, args.out)
    return model, tokenizer


def main():
    """Trains, exports, scores all of dev + recent_dev."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rows", required=True, help="JSONL of dev + recent_dev scores for calibrate.py")
    parser.add_argument("--init", help="export to go on from")
    parser.add_argument("--checkpoint", help="file to go on from when the run was stopped; written at every save")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=1.2e-4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--save-every", type=int, default=200)
    parser.add_argument("--eval-rows", type=int, default=24, help="rows per source and label in the periodic check")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = train(args)
    rows = load_texts(args.data, "dev", "recent_dev")
    features = score(model, tokenizer, [r["text"] for r in rows])
    write_rows(args.rows, rows, "roberta", features)
    print(json.dumps(report(rows, [f["logit"] for f in features]), indent=1))


if __name__ == "__main__":
    main()
