"""Crops and label-symmetric noise: what happens to a human text happens to an AI text as often."""

import re

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
DASH = re.compile(r"\s*[\u2014\u2013]\s*")
TOKENS_PER_WORD = 1.3


def crop(text, tokens, rng):
    """About `tokens` tokens of the text, cut at word boundaries; a third of the crops begin at its start."""
    words = text.split()
    size = max(8, int(tokens / TOKENS_PER_WORD))
    if len(words) <= size:
        return text
    start = 0 if rng.random() < 0.35 else rng.randrange(len(words) - size + 1)
    return " ".join(words[start : start + size])


def typo(word, rng):
    """The word with two letters swapped, one dropped or one doubled."""
    if len(word) < 4:
        return word
    i = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    return word[:i] + word[i + 1 :] if kind == 1 else word[:i] + word[i] + word[i:]


def add_typos(text, rng):
    """Misspells about one word in forty."""
    return " ".join(typo(w, rng) if rng.random() < 0.025 else w for w in text.split())


def drop_punctuation(text, rng):
    """Drops about a quarter of the commas, apostrophes and full stops."""
    return "".join(c for c in text if c not in ",.'" or rng.random() > 0.25)


def replace_dashes(text, rng):
    """Replaces long dashes by one other mark, as an editor or a paste would."""
    mark = rng.choice([", ", " - ", "-", "; ", "-- "])
    return DASH.sub(mark, text)


def shuffle_sentences(text, rng):
    """The sentences in another order."""
    sentences = SENTENCE_END.split(text)
    rng.shuffle(sentences)
    return " ".join(sentences)


def swap_case(text, rng):
    """Swaps the case of the first letter of one word in twenty."""
    return " ".join(w[0].swapcase() + w[1:] if rng.random() < 0.05 else w for w in text.split())


def lower_case(text, _):
    """No capital letters."""
    return text.lower()


NOISE = [(0.10, add_typos), (0.08, drop_punctuation), (0.35, replace_dashes), (0.08, shuffle_sentences)]


# For a model that sees case.
CASED_NOISE = [*NOISE, (0.10, swap_case), (0.03, lower_case)]


def augment(text, rng, kinds=NOISE):
    """Applies each kind of noise with its own small probability."""
    for probability, noise in kinds:
        if rng.random() < probability:
            text = noise(text, rng)
    return " ".join(text.split())
