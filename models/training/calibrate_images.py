"""Fits the image stages' calibrations, the image blend and its thresholds; prints the tables and the TOML.

    truthlens eval --data .../image/index.csv --folder train --stage frequency --rows frequency-train.jsonl
    truthlens eval --data .../image/index.csv --folder dev --distort jpeg50,half --rows dev.jsonl
    python calibrate_images.py --train frequency-train.jsonl --dev dev.jsonl --toml fitted-images.toml

The frequency stage is fitted on the training images. The classifier has seen those, so its calibration, the blend and the
thresholds are fitted on the dev images, each source and label alike, distorted ones too. The thresholds keep the limit on the
scores of the numbers as shipped and on those of fits without the image's source. These fits of one or two numbers
keep the order of the scores, so the ranking is shown of the numbers as shipped; calibration error and verdicts leave the
row's source out. Metadata is not fitted: the files carry none. Its numbers are judgements, and stand here.
"""

import argparse
from pathlib import Path

import numpy as np

from calibrate import (
    calibration_error, fit, labels_of, log_loss, logit, out_of_sample, predict, sigmoid, stage_toml, stricter,
)
from pictures import weights
from texts import ranking, read_jsonl

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
# Files that say nothing should not hold the others back. Spectra are weak alone, and were only seen of images that went
# through one JPEG encoder: twice the weight would gain .001 AUROC here and risk more elsewhere.
METADATA_WEIGHT, FREQUENCY_WEIGHT = 0.1, 0.1
MAX_FPR, MAX_AI_BELOW = 0.01, 0.10
PROVEN = 0.99
# A proof is certain. A camera with an exposure is worth odds of 5 to 1 for a person, since EXIF is easily copied; an
# untrusted signature of a capture 3 to 1; a declared AI edit, or a broken manifest that declares AI, 4 to 1 for AI.
METADATA = """[stages.metadata.calibration]
features = ["proven", "camera", "exposure", "captured", "ai_edited", "tampered_ai"]
mean = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
scale = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
linear = [20.0, -1.0, -0.6, -1.0, 1.4, 1.4]
bias = 0.0"""
NEUTRAL = 0.5


def weights_of(rows):
    """Sample weights of mean 1, in the proportions in which training draws."""
    return weights(rows) * len(rows)


def matrix(rows, stage, features):
    """Raw features [n, features]."""
    return np.array([[row[stage][f] for f in features] for row in rows], dtype=float)


def without_own_source(rows, x, strength):
    """Probabilities [n], each from a fit without the row's source."""
    sources = np.array([row["source"] for row in rows])
    return out_of_sample(x, labels_of(rows), weights_of(rows), sources, strength, False)


def print_table(title, rows, scores, held_out):
    """Ranking overall, per source against the other label, and per distortion; calibration error of `held_out`."""
    scores = np.asarray(scores)
    ai, clean = labels_of(rows) == 1, np.array([row["distortion"] == "none" for row in rows])
    ece = calibration_error(held_out, labels_of(rows), weights_of(rows))
    print(f"\n{title}: ECE {ece:.3f}")
    print(f"{'':28}{'images':>8}{'AUROC':>8}{'TPR@1%':>8}{'TPR@5%':>8}")

    def line(name, chosen_real, chosen_ai, n):
        found = ranking(scores[chosen_real], scores[chosen_ai])
        print(f"{name:28}{n:8}{found['auroc']:8.3f}{found['tpr_at_1']:8.3f}{found['tpr_at_5']:8.3f}")

    line("all", clean & ~ai, clean & ai, int(clean.sum()))
    for source in sorted({row["source"] for row in rows}):
        own = np.array([row["source"] == source for row in rows])
        is_ai = ai[own][0]
        line(source, clean & ~ai & (own | is_ai), clean & ai & (own | (not is_ai)), int((own & clean).sum()))
    for distortion in sorted({row["distortion"] for row in rows} - {"none"}):
        own = np.array([row["distortion"] == distortion for row in rows])
        line(f"distorted {distortion}", own & ~ai, own & ai, int(own.sum()))


def thresholds_of(rows, confidence):
    """(ai_generated, human): the least confidence that keeps the false-positive limit on undistorted images, and the
    greatest of 0.30-0.50 below which at most MAX_AI_BELOW of the AI images fall."""
    clean, ai = np.array([row["distortion"] == "none" for row in rows]), labels_of(rows) == 1
    real = confidence[clean & ~ai]
    candidates = np.arange(0.5, 1.0, 0.005)
    accusing = next((t for t in candidates if np.mean(real >= t) <= MAX_FPR), candidates[-1])
    below = [t for t in np.arange(0.5, 0.295, -0.01) if np.mean(confidence[clean & ai] < t) <= MAX_AI_BELOW]
    return round(float(accusing), 3), round(float(below[0] if below else 0.3), 2)


def main():
    """Fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="rows of the frequency stage on the training images")
    parser.add_argument("--dev", required=True, help="rows of every stage on the dev images")
    parser.add_argument("--toml", required=True)
    args = parser.parse_args()
    train, dev = read_jsonl(args.train), [row for row in read_jsonl(args.dev) if "classifier" in row]

    spectral = sorted(train[0]["frequency"])
    x, y, weight = matrix(train, "frequency", spectral), labels_of(train), weights_of(train)
    losses = {c: log_loss(without_own_source(train, x, c), y, weight) for c in STRENGTHS}
    frequency = fit(x, y, weight, min(losses, key=losses.get), False)
    spectrum = predict(frequency, matrix(dev, "frequency", spectral))
    print_table(f"frequency, strength {min(losses, key=losses.get)}", dev, spectrum, spectrum)

    logits = matrix(dev, "classifier", ["logit"])
    classifier = fit(logits, labels_of(dev), weights_of(dev), 1e3, False)
    probability = predict(classifier, logits)
    print_table("classifier", dev, probability, without_own_source(dev, logits, 1e3))

    rest = 1 - METADATA_WEIGHT - FREQUENCY_WEIGHT
    mean = logit(METADATA_WEIGHT * NEUTRAL + FREQUENCY_WEIGHT * spectrum + rest * probability)[:, None]
    confidence = without_own_source(dev, mean, 1e3)
    center, scale, slopes, bias, _ = fit(mean, labels_of(dev), weights_of(dev), 1e3, False)
    slope, intercept = slopes[0] / scale[0], bias - slopes[0] * center[0] / scale[0]
    shipped = sigmoid(slope * mean[:, 0] + intercept)
    print_table("blend", dev, shipped, confidence)
    accusing, human = stricter(thresholds_of(dev, shipped), thresholds_of(dev, confidence))
    for name, scores in (("as shipped", shipped), ("source left out", confidence)):
        rates = ", ".join(
            f"{s} {np.mean([c >= accusing for r, c in zip(dev, scores) if r['source'] == s and r['distortion'] == 'none']):.3f}"
            for s in sorted({row["source"] for row in dev})
        )
        print(f"\nshare called ai_generated at {accusing}, {name}: {rates}")
    parts = [
        METADATA,
        stage_toml("frequency", spectral, frequency),
        stage_toml("classifier", ["logit"], classifier),
        "[image]\n"
        f"proven = {PROVEN}\n\n[image.blend]\nweights = {{ metadata = {METADATA_WEIGHT}, frequency = {FREQUENCY_WEIGHT}, "
        f"classifier = {round(rest, 3)} }}\n\n"
        f"[image.blend.calibration]\nslope = {slope:.6g}\nintercept = {intercept:.6g}\n\n"
        f"[image.thresholds]\nai_generated = {accusing}\nhuman = {human}",
    ]
    toml = "\n\n".join(parts) + "\n"
    Path(args.toml).write_text(toml, encoding="utf-8")
    print("\n" + toml)


if __name__ == "__main__":
    main()
