"""Fits the image stages' calibrations, the image blend and its thresholds; prints the tables and the TOML.

    python train_image_probe.py … --rows probe.jsonl
    truthlens eval --data index.csv --stage frequency --rows frequency.jsonl
    python calibrate_images.py --probe probe.jsonl --frequency frequency.jsonl --toml fitted-images.toml

Rows are joined by id. The probe's log-odds are out of sample already: each comes from a probe that never saw the picture's source.
The frequency stage, the blend and the thresholds are fitted here, once on everything, as shipped, and once without each row's
source; tables and thresholds are of the latter. Classes and sources weigh as they did for the probe. Metadata is not fitted;
its numbers are judgements, and stand here.
"""

import argparse
from pathlib import Path

import numpy as np

from calibrate import calibration_error, fit, labels_of, logit, out_of_sample, predict, sigmoid, stage_toml
from texts import auroc, read_jsonl
from train_image_probe import weights

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
# Files that say nothing should not hold the others back.
METADATA_WEIGHT, FREQUENCY_WEIGHTS = 0.1, (0.0, 0.05, 0.1, 0.2)
MAX_PHOTOGRAPHS, MAX_GRAPHICS, MAX_AI_BELOW = 0.01, 0.02, 0.10
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


def joined(probe, frequency):
    """Rows of the probe on pictures as they are, with the frequency stage's measurements beside."""
    spectra = {row["id"]: row["frequency"] for row in read_jsonl(frequency) if "frequency" in row}
    rows = [row for row in read_jsonl(probe) if row["view"] == "clean" and row["id"] in spectra]
    return [{**row, "frequency": spectra[row["id"]]} for row in rows]


def matrix(rows, stage, features):
    """Raw features [n, features]."""
    return np.array([[row[stage][f] for f in features] for row in rows], dtype=float)


class Classes:
    """Which rows are what."""

    def __init__(self, rows):
        self.of = {name: np.array([row["class"] == name for row in rows]) for name in ("ai", "real", "graphic")}

    def ranking(self, scores):
        """AUROC of AI against photographs and against graphics."""
        return tuple(auroc(scores[self.of[name]], scores[self.of["ai"]]) for name in ("real", "graphic"))

    def shares(self, scores, threshold):
        """The share of each class at or above a threshold."""
        return {name: float(np.mean(scores[own] >= threshold)) for name, own in self.of.items()}

    def thresholds(self, scores):
        """(ai_generated, human): the least that keeps the limits on false positives, and the greatest of .30-.50 below which
        at most MAX_AI_BELOW of the AI pictures fall."""

        def kept(threshold):
            found = self.shares(scores, threshold)
            return found["real"] <= MAX_PHOTOGRAPHS and found["graphic"] <= MAX_GRAPHICS

        accusing = next((t for t in np.arange(0.5, 1.0, 0.005) if kept(t)), 0.995)
        below = [t for t in np.arange(0.5, 0.295, -0.01) if np.mean(scores[self.of["ai"]] < t) <= MAX_AI_BELOW]
        return round(float(accusing), 3), round(float(below[0] if below else 0.3), 2)


def main():
    """Fits, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--probe", required=True, help="rows that train_image_probe.py wrote")
    parser.add_argument("--frequency", required=True, help="rows of the frequency stage on the same pictures")
    parser.add_argument("--toml", required=True)
    args = parser.parse_args()
    rows = joined(args.probe, args.frequency)
    classes, y, weight = Classes(rows), labels_of(rows), weights(rows)
    sources = np.array([row["source"] for row in rows])

    def left_out(x, strength):
        return out_of_sample(x, y, weight, sources, strength, False)

    spectral = sorted(rows[0]["frequency"])
    x = matrix(rows, "frequency", spectral)
    spectra = {strength: left_out(x, strength) for strength in STRENGTHS}
    strength = max(spectra, key=lambda s: sum(classes.ranking(spectra[s])))
    frequency, spectrum = fit(x, y, weight, strength, False), spectra[strength]
    print("frequency alone, against photographs and graphics: %.3f, %.3f" % classes.ranking(spectrum))

    logits = matrix(rows, "classifier", ["logit"])
    classifier, probability = fit(logits, y, weight, 1e3, False), left_out(logits, 1e3)
    print("classifier alone: %.3f, %.3f" % classes.ranking(probability))

    def mean(share, spectrum, probability):
        rest = 1 - METADATA_WEIGHT - share
        return logit(METADATA_WEIGHT * NEUTRAL + share * spectrum + rest * probability)[:, None]

    blends = {share: left_out(mean(share, spectrum, probability), 1e3) for share in FREQUENCY_WEIGHTS}
    for share, scores in blends.items():
        accusing, _ = classes.thresholds(scores)
        found = classes.shares(scores, accusing)["ai"]
        print(f"frequency at {share}: %.3f, %.3f; {found:.3f} of AI found" % classes.ranking(scores))
    # A stage that is not weighed would not run, and its documented score would be missing.
    share = max(FREQUENCY_WEIGHTS[1:], key=lambda s: sum(classes.ranking(blends[s])))
    confidence = blends[share]
    x = mean(share, predict(frequency, x), predict(classifier, logits))
    center, scale, slopes, bias, _ = fit(x, y, weight, 1e3, False)
    slope, intercept = slopes[0] / scale[0], bias - slopes[0] * center[0] / scale[0]
    shipped = sigmoid(slope * x[:, 0] + intercept)
    pairs = [classes.thresholds(scores) for scores in (shipped, confidence)]
    accusing, human = max(t for t, _ in pairs), min(h for _, h in pairs)
    print(f"ECE {calibration_error(confidence, y, weight):.3f}; ai_generated from {accusing}, human below {human}")
    for name, scores in (("as shipped", shipped), ("source left out", confidence)):
        shares, below = classes.shares(scores, accusing), classes.shares(scores, human)
        print(name, {c: f"{shares[c]:.3f} ai_generated, {1 - below[c]:.3f} human" for c in shares})
    for source in sorted(set(sources)):
        own = sources == source
        print(f"  {source:60}{own.sum():5}{np.mean(confidence[own] >= accusing):7.2f}{np.median(confidence[own]):7.2f}")
    parts = [
        METADATA,
        stage_toml("frequency", spectral, frequency),
        stage_toml("classifier", ["logit"], classifier),
        "[image]\n"
        f"proven = {PROVEN}\n\n[image.blend]\nweights = {{ metadata = {METADATA_WEIGHT}, frequency = {share}, "
        f"classifier = {round(1 - METADATA_WEIGHT - share, 3)} }}\n\n"
        f"[image.blend.calibration]\nslope = {slope:.6g}\nintercept = {intercept:.6g}\n\n"
        f"[image.thresholds]\nai_generated = {accusing}\nhuman = {human}",
    ]
    toml = "\n\n".join(parts) + "\n"
    Path(args.toml).write_text(toml, encoding="utf-8")
    print("\n" + toml)


if __name__ == "__main__":
    main()
