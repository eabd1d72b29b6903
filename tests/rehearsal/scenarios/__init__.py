"""What is rehearsed. A scenario takes the emulator, the stack and the API, and says what it saw, or raises."""

from . import image, text, upload

SCENARIOS = {"text": text.run, "image": image.run, "upload": upload.run}
