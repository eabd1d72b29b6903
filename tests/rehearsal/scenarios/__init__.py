"""What is rehearsed. A scenario takes the emulator, the stack and the API, and says what it saw, or raises."""

import dataclasses
import typing

from . import batch, given_up, image, moderation, s3_drop, text, upload, webhook


@dataclasses.dataclass
class Scenario:
    run: typing.Callable
    # Besides api and inference.
    needs: frozenset = frozenset()


SCENARIOS = {
    "text": Scenario(text.run),
    "image": Scenario(image.run),
    "upload": Scenario(upload.run),
    "batch": Scenario(batch.run),
    "given_up": Scenario(given_up.run, frozenset({"finalize"})),
    "s3_drop": Scenario(s3_drop.run, frozenset({"intake", "publish"})),
    "moderation": Scenario(moderation.run, frozenset({"intake", "publish"})),
    "webhook": Scenario(webhook.run, frozenset({"publish"})),
}
