"""Content to scan."""

import struct
import zlib

AI_TEXT = (
    "The proliferation of artificial intelligence has engendered a profound paradigm shift across numerous sectors, "
    "fundamentally transforming how organizations approach complex challenges. By leveraging sophisticated algorithms "
    "and vast datasets, these systems enable unprecedented levels of efficiency, accuracy, and innovation. Moreover, "
    "the seamless integration of machine learning into everyday workflows fosters collaboration and empowers "
    "individuals to focus on higher-value tasks. Ultimately, embracing this transformative technology is essential for "
    "navigating the evolving landscape of the modern digital economy."
)


def png(side=256):
    """A picture of a gradient that says, as AUTOMATIC1111 does, what it was made with."""
    rows = b"".join(b"\0" + bytes(v for x in range(side) for v in (x & 255, y & 255, x * y & 255)) for y in range(side))
    parameters = b"parameters\0a gradient\nNegative prompt: noise\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"tEXt", parameters), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
