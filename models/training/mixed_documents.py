"""How a running server judges documents of which one half is human and the other generated.

    python mixed_documents.py --data DIR --url http://127.0.0.1:8080 --key tl_live_... [--documents 40] [--texts recent_dev]

Halves are 160 words of texts of dev and recent_dev (or of one of them), the generated one first in every other document;
beside them whole texts of people. Prints the verdicts, in how many documents the segments of the generated half score higher, and for the
rule of `[text.mixture]` (a text called human is `mixed` when segments of at least that score make up at least that share) how
many documents and how many human texts each choice would move. The choice is written into assemble_pack.py.
"""

import argparse
import json
import random
import urllib.request
from collections import Counter

from texts import load_texts

WORDS = 160


def first_words(text, count):
    """The first words of a text."""
    return " ".join(text.split()[:count])


def documents(rows, count, rng):
    """(text, border, human first) of spliced documents, then (text, None, True) of human texts twice as long."""
    long = [row for row in rows if len(row["text"].split()) >= WORDS]
    human, ai = ([row for row in long if row["label"] == label] for label in ("human", "ai"))
    out = []
    for i in range(count):
        halves = [first_words(rng.choice(pool)["text"], WORDS) for pool in (human, ai)]
        ordered = halves if i % 2 else halves[::-1]
        out.append(("\n\n".join(ordered), len(ordered[0]), bool(i % 2)))
    return out + [(first_words(rng.choice(human)["text"], 2 * WORDS), None, True) for _ in range(count)]


def detect(url, key, text):
    """The API's answer."""
    body = json.dumps({"modality": "text", "input_type": "raw_text", "content": text}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/detect", body, headers)) as answer:
        return json.load(answer)


def points_right(segments, border, human_first):
    """Whether the generated half's segments score higher on average; None where a half has no segment."""
    halves = {True: [], False: []}
    for segment in segments:
        halves[((segment["start"] + segment["end"]) / 2 < border) == human_first].append(segment["score"])
    means = {human: sum(scores) / len(scores) for human, scores in halves.items() if scores}
    return means[True] < means[False] if len(means) == 2 else None


def generated_share(segments, score):
    """The share of characters in segments of at least that score; 0 for a text of one segment."""
    total = sum(s["end"] - s["start"] for s in segments)
    generated = sum(s["end"] - s["start"] for s in segments if s["score"] >= score)
    return generated / total if len(segments) > 1 else 0.0


def main():
    """Asks, counts, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--documents", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--texts", nargs="+", default=["dev", "recent_dev"])
    args = parser.parse_args()
    chosen = documents(load_texts(args.data, *args.texts), args.documents, random.Random(args.seed))
    answers = []
    for done, (text, border, human_first) in enumerate(chosen, 1):
        answers.append((border, human_first, detect(args.url, args.key, text)))
        print(f"\r{done}/{len(chosen)}", end="", flush=True)
    spliced = [a for a in answers if a[0] is not None]
    human = [a for a in answers if a[0] is None]
    right = [points_right(answer["segments"], border, first) for border, first, answer in spliced]
    print(f"\nhalf and half: {dict(Counter(a['verdict'] for *_, a in spliced))}; the generated half scores higher in "
          f"{right.count(True)} of {len(right) - right.count(None)}")
    print(f"human: {dict(Counter(a['verdict'] for *_, a in human))}")
    print("score, share: documents and human texts called human that would be mixed")
    for score in (0.7, 0.8, 0.9, 0.95):
        for share in (0.2, 0.25, 0.3, 0.4):
            moved = [sum(a["verdict"] == "human" and generated_share(a["segments"], score) >= share for *_, a in group)
                     for group in (spliced, human)]
            print(f"{score:4} {share:4}: {moved[0]:3} {moved[1]:3}")


if __name__ == "__main__":
    main()
