"""Fits each stage's calibration, the blend and the thresholds; prints the tables and the TOML.

    python calibrate.py --rows heuristics.jsonl roberta.jsonl lm/features.jsonl --toml out.toml

A row is {"id", "source", "label", "style"?, "genre"?, "words", STAGE: {feature: number}}, as `truthlens eval --rows`
writes them; the files are joined by id. A stage is fitted on every row that has it, the blend on the rows of 50 words and more that have
all stages. A stage is a quadratic logistic: z = clip((x - mean) / scale, -4, 4), logit = bias + linear . z + sum over
i <= j of quadratic_ij z_i z_j. What is reported is out of sample unless it says otherwise: a row's probability comes from a fit
without its source (without its genre for dated-human and own-2026). The thresholds keep the limits on the scores of the
numbers as shipped and on those out of sample. Give no rows of a stage for texts that its model was trained on.
"""

import argparse
import itertools
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from texts import RECENT_SOURCES, auroc, ranking, read_jsonl, report, tpr_at_fpr

STAGES = ("heuristics", "roberta", "binoculars")
FEATURES = {
    "roberta": ["logit"],
    "binoculars": ["probe", "binoculars_22", "curvature", "log_perplexity"],
}
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
CLIP = 4.0
# Below this a text is never called AI-generated (scan::text::SHORT_WORDS), so it has no say in blend and thresholds.
SHORT_WORDS = 50
MAX_FPR, MAX_SOURCE_FPR, SOURCE_SIZE, MAX_AI_BELOW = 0.01, 0.03, 80, 0.10
# Sources other rows of which the encoder and the probe learned from.
KNOWN_SOURCES = {"detectrl", "outfox", "outfox_attack"}
# As crates/local/src/eval/generator.rs tells base models: `llm-paper` are papers that GPT-2 continued.
BASE_GENERATORS = {
    "davinci", "falcon-7b", "gpt-j-6B", "gpt-neox-20b", "gpt2", "gpt2-xl", "gpt3", "gpt3-175b", "gptj", "gptneo", "llama",
    "llm-paper", "opt-2.7b",
}
RESAMPLES = 1000


def join(paths):
    """(one row per id, its stages gathered from all files; the names of the stages that occur)."""
    rows = {}
    for path in paths:
        for row in read_jsonl(path):
            known = rows.setdefault(row["id"], {})
            # A stage's features may come from several files: the probe's from train_probe.py, the others from the LM.
            stages = {s: {**known.get(s, {}), **row[s]} for s in STAGES if s in row}
            known.update({**row, **stages})
    return list(rows.values()), [s for s in STAGES if any(s in row for row in rows.values())]


def group_of(row):
    """What is left out together: a source; a genre of the dated humans, the only recent human source;
    a fifth of the genres of own-2026, which stands for today's text."""
    if row["source"] == "own-2026":
        return f"own-2026/{zlib.crc32(row['genre'].encode()) % 5}"
    return f"dated-human/{row['genre']}" if row["source"] == "dated-human" else row["source"]


def is_recent(row):
    """True for text of today's models and the dated humans that stand against it."""
    return row["source"] in RECENT_SOURCES


def weights_of(rows):
    """Sample weights of mean 1: human and AI, old and recent count alike; within those a source
    counts the square root of its size."""
    counts = Counter((r["label"], r["source"]) for r in rows)
    weights = np.array([counts[r["label"], r["source"]] ** -0.5 for r in rows])
    totals = defaultdict(float)
    for row, weight in zip(rows, weights):
        totals[row["label"], is_recent(row)] += weight
    weights /= [totals[r["label"], is_recent(r)] for r in rows]
    return weights / weights.mean()


def sigmoid(x):
    """Logistic function."""
    return 1 / (1 + np.exp(-x))


def logit(p):
    """Inverse of sigmoid, kept finite."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def terms(x, mean, scale, quadratic):
    """[n, features] raw -> [n, terms]: z, then z_i z_j for i <= j in row-major order."""
    z = np.clip((x - mean) / scale, -CLIP, CLIP)
    if not quadratic:
        return z
    pairs = itertools.combinations_with_replacement(range(z.shape[1]), 2)
    return np.column_stack([z, *(z[:, i] * z[:, j] for i, j in pairs)])


def balanced(y, weights):
    """The weights with both labels alike again: a source that is left out may hold one label only."""
    return np.where(y == 1, weights / weights[y == 1].sum(), weights / weights[y == 0].sum()) * len(y) / 2


def fit(x, y, weights, strength, quadratic):
    """A stage's logistic as (mean, scale, coefficients, bias, quadratic)."""
    mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(terms(x, mean, scale, quadratic), y, sample_weight=balanced(y, weights))
    return mean, scale, model.coef_[0], float(model.intercept_[0]), quadratic


def predict(fitted, x):
    """Probabilities [n] of AI."""
    mean, scale, coefficients, bias, quadratic = fitted
    return sigmoid(terms(x, mean, scale, quadratic) @ coefficients + bias)


def out_of_sample(x, y, weights, groups, strength, quadratic):
    """Probabilities [n], each from a fit without the row's group."""
    out = np.zeros(len(y))
    for group in np.unique(groups):
        held = groups == group
        out[held] = predict(fit(x[~held], y[~held], weights[~held], strength, quadratic), x[held])
    return out


def log_loss(p, y, weights):
    """Weighted mean negative log-likelihood (nats)."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(-np.average(np.where(y == 1, np.log(p), np.log(1 - p)), weights=weights))


def calibrate_stage(rows, stage, features, quadratic):
    """(fit on all rows, out-of-sample probabilities by id) with the L2 strength of least out-of-sample log loss."""
    x = np.array([[r[stage][f] for f in features] for r in rows], dtype=float)
    y, weights = labels_of(rows), weights_of(rows)
    groups = np.array([group_of(r) for r in rows])
    tried = {c: out_of_sample(x, y, weights, groups, c, quadratic) for c in STRENGTHS}
    best = min(tried, key=lambda c: log_loss(tried[c], y, weights))
    return fit(x, y, weights, best, quadratic), {r["id"]: p for r, p in zip(rows, tried[best])}


def labels_of(rows):
    """1 for AI, 0 for human."""
    return np.array([int(r["label"] == "ai") for r in rows])


def goodness(rows, scores):
    """Mean of AUROC and TPR at 5 % FPR over old and recent text."""
    scores = np.asarray(scores)
    ai, recent = labels_of(rows) == 1, np.array([is_recent(r) for r in rows])
    parts = [ranking(scores[~ai & era], scores[ai & era]) for era in (recent, ~recent)]
    return float(np.mean([p[k] for p in parts for k in ("auroc", "tpr_at_5")]))


def fit_weights(rows, probabilities, step=0.05):
    """Blend weights (a multiple of `step` per stage, at least one, sum 1) of the greatest goodness. None is zero: a scan
    whose other stages failed must still be judged by the one that ran."""
    stages, n = list(probabilities), round(1 / step)
    best = (-1.0, None)
    for counts in itertools.product(range(1, n + 1), repeat=len(stages)):
        if sum(counts) == n:
            blended = sum(c * step * probabilities[s] for c, s in zip(counts, stages))
            best = max(best, (goodness(rows, blended), counts), key=lambda b: b[0])
    return {s: round(c * step, 4) for s, c in zip(stages, best[1])}


def fit_platt(rows, blended):
    """(slope, intercept) of confidence = sigmoid(slope * logit(blend) + intercept)."""
    model = LogisticRegression(C=1e3).fit(logit(blended)[:, None], labels_of(rows), sample_weight=weights_of(rows))
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def false_positive_rates(rows, confidence, threshold):
    """{human source of at least SOURCE_SIZE texts: share at or above the threshold}, and "all"."""
    by_source = defaultdict(list)
    for row, c in zip(rows, confidence):
        if row["label"] == "human":
            by_source[row["source"]].append(c >= threshold)
    rates = {s: float(np.mean(hits)) for s, hits in by_source.items() if len(hits) >= SOURCE_SIZE}
    return {"all": float(np.mean(list(itertools.chain(*by_source.values())))), **rates}


def fit_thresholds(rows, confidence):
    """(ai_generated, human): the least confidence that keeps the false-positive limits, and the greatest
    of 0.30-0.50 under which at most MAX_AI_BELOW of the AI texts fall."""
    for threshold in np.arange(0.5, 1.0, 0.005):
        rates = false_positive_rates(rows, confidence, threshold)
        if rates.pop("all") <= MAX_FPR and all(r <= MAX_SOURCE_FPR for r in rates.values()):
            break
    of_ai = confidence[labels_of(rows) == 1]
    below = [t for t in np.arange(0.5, 0.295, -0.01) if np.mean(of_ai < t) <= MAX_AI_BELOW]
    return round(float(threshold), 3), round(float(below[0] if below else 0.3), 2)


def stricter(*fitted):
    """The thresholds that keep the limits of all that were fitted: on the scores of the numbers as shipped and on those out of
    sample, since content that nothing was fitted on must not be accused more often than what was."""
    return max(ai for ai, _ in fitted), min(human for _, human in fitted)


def calibration_error(p, y, weights, bins=10):
    """Expected calibration error over equal-width bins, weighted."""
    index = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [
        weights[index == b].sum() * abs(np.average((p - y)[index == b], weights=weights[index == b]))
        for b in np.unique(index)
    ]
    return float(np.sum(gaps) / weights.sum())


def print_table(title, rows, p):
    """Ranking per era, source and style, and the calibration error."""
    ece = calibration_error(p, labels_of(rows), weights_of(rows))
    print(f"\n{title}: ECE {ece:.3f}, log loss {log_loss(p, labels_of(rows), weights_of(rows)):.3f}")
    print(f"{'':28}{'human':>6}{'ai':>6}{'AUROC':>8}{'TPR@1%':>8}{'TPR@5%':>8}")
    metrics = report(rows, p)
    lines = [(k, metrics[k]) for k in ("all", "old", "recent")]
    lines += list(metrics["by_source"].items())
    lines += [(f"own-2026 {k}", v) for k, v in metrics["own_2026_by_style"].items()]
    for name, m in lines:
        print(f"{name:28}{m['humans']:6}{m['ai']:6}{m['auroc']:8.3f}{m['tpr_at_1']:8.3f}{m['tpr_at_5']:8.3f}")


def kinds_of(rows):
    """{what wrote it: (mask of human rows, mask of AI rows)}. The human rows are those of the sources that hold such AI rows,
    and of sources without any."""
    ai, recent = labels_of(rows) == 1, np.array([is_recent(r) for r in rows])
    sources, known = np.array([r["source"] for r in rows]), np.array([r["source"] in KNOWN_SOURCES for r in rows])
    base = np.array([r.get("generator") in BASE_GENERATORS for r in rows])
    has_ai = np.isin(sources, sources[ai])
    kinds = {}
    for name, pool, wrote in (
        ("models of today", recent, ai),
        ("instruct models, known sources", ~recent & known, ai & ~base),
        ("instruct models, new sources", ~recent & ~known, ai & ~base),
        ("base models, new sources", ~recent & ~known, ai & base),
    ):
        twins = np.isin(sources, sources[pool & wrote]) | ~has_ai
        kinds[name] = (pool & ~ai & twins, pool & wrote)
    return kinds


def print_kinds(rows, p):
    """Ranking by what wrote the AI texts, with 95 % bootstrap intervals of AUROC and TPR at 5 %."""
    random = np.random.default_rng(0)
    print(f"\n{'':32}{'human':>6}{'ai':>6}{'AUROC':>8}{'95 %':>14}{'TPR@1%':>8}{'TPR@5%':>8}{'95 %':>14}")
    for name, (human, ai) in kinds_of(rows).items():
        m = ranking(p[human], p[ai])
        drawn = [(random.choice(p[human], human.sum()), random.choice(p[ai], ai.sum())) for _ in range(RESAMPLES)]
        low, high = np.percentile([(auroc(h, a), tpr_at_fpr(h, a, 0.05)) for h, a in drawn], [2.5, 97.5], axis=0)
        ranges = [f"{a:.3f}-{b:.3f}" for a, b in zip(low, high)]
        print(f"{name:32}{m['humans']:6}{m['ai']:6}{m['auroc']:8.3f}{ranges[0]:>14}{m['tpr_at_1']:8.3f}{m['tpr_at_5']:8.3f}{ranges[1]:>14}")


def print_verdicts(rows, confidence, thresholds):
    """False positives per human source, and shares of the AI texts called AI or human, per source and length."""
    ai_from, human_below = thresholds
    print(f"\nfalse positives at {ai_from}: " + ", ".join(
        f"{s} {r:.3f}" for s, r in false_positive_rates(rows, confidence, ai_from).items()))
    groups = defaultdict(list)
    for row, c in zip(rows, confidence):
        length = "<100" if row["words"] < 100 else "100-199" if row["words"] < 200 else ">=200"
        for name in (row["source"], "recent" if is_recent(row) else "old", f"{length} words"):
            groups[row["label"], name].append(c)
    print(f"{'':34}{'texts':>6}{'called ai':>11}{'called human':>14}")
    for (label, name), c in sorted(groups.items()):
        c = np.array(c)
        print(f"{label:6}{name:28}{len(c):6}{np.mean(c >= ai_from):11.3f}{np.mean(c < human_below):14.3f}")


def toml_numbers(values):
    """A TOML array of numbers."""
    return "[" + ", ".join(f"{float(v):.6g}" for v in values) + "]"


def stage_toml(stage, features, fitted):
    """The TOML of one stage's calibration."""
    mean, scale, coefficients, bias, _ = fitted
    names = ", ".join(f'"{f}"' for f in features)
    return "\n".join([
        f"[stages.{stage}.calibration]",
        f"features = [{names}]",
        f"mean = {toml_numbers(mean)}",
        f"scale = {toml_numbers(scale)}",
        f"linear = {toml_numbers(coefficients[: len(features)])}",
        f"quadratic = {toml_numbers(coefficients[len(features) :])}",
        f"bias = {bias:.6g}",
    ])


def blend_toml(weights, platt, thresholds):
    """The TOML of the blend and the thresholds."""
    listed = ", ".join(f"{s} = {w}" for s, w in weights.items())
    return "\n".join([
        "[text.blend]",
        f"weights = {{ {listed} }}",
        "",
        "[text.blend.calibration]",
        f"slope = {platt[0]:.6g}",
        f"intercept = {platt[1]:.6g}",
        "",
        "[text.thresholds]",
        f"ai_generated = {thresholds[0]}",
        f"human = {thresholds[1]}",
    ])


def main():
    """Joins, fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", required=True)
    parser.add_argument("--toml", required=True)
    parser.add_argument("--plain", nargs="*", default=[], help="stages without quadratic terms")
    parser.add_argument("--features", nargs="*", default=[], metavar="STAGE=a,b", help="other features of a stage")
    args = parser.parse_args()
    chosen = {**FEATURES, **{s: f.split(",") for s, f in (given.split("=") for given in args.features)}}
    joined, stages = join(args.rows)
    measured = lambda row, stage: stage in row and all(f in row[stage] for f in chosen.get(stage, []))
    rows = [row for row in joined if all(measured(row, s) for s in stages) and row["words"] >= SHORT_WORDS]
    probabilities, shipped, fragments = {}, {}, []
    for stage in stages:
        features = chosen.get(stage) or list(rows[0][stage])
        having = [row for row in joined if measured(row, stage)]
        fitted, by_id = calibrate_stage(having, stage, features, stage not in args.plain)
        probabilities[stage] = np.array([by_id[row["id"]] for row in rows])
        shipped[stage] = predict(fitted, np.array([[r[stage][f] for f in features] for r in rows], dtype=float))
        fragments.append(stage_toml(stage, features, fitted))
        print_table(f"{stage} ({', '.join(features)}), fitted on {len(having)}", rows, probabilities[stage])
    weights = fit_weights(rows, probabilities)
    blended = sum(w * probabilities[s] for s, w in weights.items())
    platt = fit_platt(rows, blended)
    confidence = sigmoid(platt[0] * logit(blended) + platt[1])
    shipped = sigmoid(platt[0] * logit(sum(w * shipped[s] for s, w in weights.items())) + platt[1])
    thresholds = stricter(fit_thresholds(rows, shipped), fit_thresholds(rows, confidence))
    print_table(f"blend {weights}", rows, confidence)
    print_kinds(rows, confidence)
    print("\nVerdicts of the numbers as shipped, which were fitted on these rows too:")
    print_verdicts(rows, shipped, thresholds)
    print("\nVerdicts out of sample:")
    print_verdicts(rows, confidence, thresholds)
    toml = "\n\n".join([*fragments, blend_toml(weights, platt, thresholds)]) + "\n"
    Path(args.toml).write_text(toml, encoding="utf-8")
    print("\n" + toml)


if __name__ == "__main__":
    main()
