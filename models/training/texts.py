"""Labelled texts: reading the data, cleaning text, writing what was measured, ranking metrics."""

import json
import re
import unicodedata
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
# Human rows that an AI-only source is compared with, where it has none of its own.
RECENT_SOURCES = {"own-2026", "debate-2026", "persuasion-2026", "eqbench", "alpaca_eval", "dated-human"}
HUMAN_TWIN = {"outfox_attack": "outfox"}


def normalise(text):
    """What the engine does before an encoder sees a text: NFKC, no zero-width characters,
    straight quotes, every run of white space one space. (Homoglyphs: the data has none.)"""
    text = ZERO_WIDTH.sub("", unicodedata.normalize("NFKC", text)).translate(QUOTES)
    return " ".join(text.split())


def read_jsonl(path):
    """The rows of a JSONL file."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def load_texts(data, *names):
    """Rows of `data`/NAME.jsonl with the text normalised and the file's name added as `split`."""
    rows = []
    for name in names:
        for row in read_jsonl(Path(data) / f"{name}.jsonl"):
            rows.append({**row, "text": normalise(row["text"]), "split": name})
    return rows


def write_rows(path, rows, stage, features, append=False):
    """JSONL for calibrate.py: one row per text with the raw features of the stage, {name: number}."""
    with open(path, "a" if append else "w", encoding="utf-8") as out:
        for row, measured in zip(rows, features):
            kept = {k: row.get(k) for k in ("id", "source", "generator", "label", "genre", "style", "split")}
            out.write(json.dumps({**kept, "words": len(row["text"].split()), stage: measured}) + "\n")


def auroc(human, ai):
    """Probability that an AI score lies above a human one; NaN where a side is empty."""
    if len(human) == 0 or len(ai) == 0:
        return float("nan")
    return float(roc_auc_score([0] * len(human) + [1] * len(ai), np.concatenate([human, ai])))


def tpr_at_fpr(human, ai, fpr):
    """Share of AI scores above the threshold that at most `fpr` of the human scores exceed."""
    if len(human) == 0 or len(ai) == 0:
        return float("nan")
    threshold = np.sort(human)[::-1][int(fpr * len(human))]
    return float(np.mean(np.asarray(ai) > threshold))


def human_scores_for(source, rows, scores):
    """Scores of the human rows that the AI rows of `source` are compared with: the source's own,
    its twin's, or the dated humans for recent sources."""
    twin = "dated-human" if source in RECENT_SOURCES else HUMAN_TWIN.get(source, source)
    return np.array([s for r, s in zip(rows, scores) if r["label"] == "human" and r["source"] == twin])


def ranking(human, ai):
    """AUROC and TPR at 1 % and 5 % FPR, with the counts."""
    return {
        "humans": len(human),
        "ai": len(ai),
        "auroc": round(auroc(human, ai), 4),
        "tpr_at_1": round(tpr_at_fpr(human, ai, 0.01), 4),
        "tpr_at_5": round(tpr_at_fpr(human, ai, 0.05), 4),
    }


def report(rows, scores):
    """Ranking metrics: all, old and recent apart, per source, and per style of own-2026.
    `scores` (one per row) is higher for AI."""
    scores = np.asarray(scores, dtype=float)
    ai = np.array([r["label"] == "ai" for r in rows])
    recent = np.array([r["source"] in RECENT_SOURCES for r in rows])
    out = {
        "all": ranking(scores[~ai], scores[ai]),
        "old": ranking(scores[~ai & ~recent], scores[ai & ~recent]),
        "recent": ranking(scores[~ai & recent], scores[ai & recent]),
        "by_source": {},
        "own_2026_by_style": {},
    }
    for source in sorted({r["source"] for r in rows if r["label"] == "ai"}):
        of_source = np.array([r["source"] == source for r in rows])
        out["by_source"][source] = ranking(human_scores_for(source, rows, scores), scores[ai & of_source])
    humans = human_scores_for("own-2026", rows, scores)
    for style in sorted({r["style"] for r in rows if r["source"] == "own-2026"}):
        of_style = np.array([r["source"] == "own-2026" and r.get("style") == style for r in rows])
        out["own_2026_by_style"][style] = ranking(humans, scores[of_style])
    return out
