"""The power spectrum of an image and its radial mean, with numpy and scipy: the peer of `make bench`.

    python spectrum_with_scipy.py SIDE

Reads one line from standard input before each round and prints the seconds taken: luminance, Hann window, real-input 2-D
transform, log power, azimuthal mean in 64 bins. The stage measures more than that (peaks, a line through the spectrum,
noise), so the comparison favours scipy.
"""

import sys
import time

import numpy as np
from scipy import fft, signal

BINS = 64


def main():
    """Warms up, then answers rounds."""
    side = int(sys.argv[1])
    rgb = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    window = signal.windows.hann(side, sym=False)
    radius = np.hypot(fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :])
    index = np.minimum((radius * 2 * BINS).astype(int), BINS)
    counts = np.bincount(index.ravel(), minlength=BINS + 1)

    def spectrum():
        luminance = rgb.astype(np.float32) @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
        luminance = (luminance - luminance.mean()) * window[:, None] * window[None, :]
        power = np.log(np.abs(fft.rfft2(luminance)) ** 2 + 1e-9)
        return np.bincount(index.ravel(), power.ravel(), minlength=BINS + 1) / np.maximum(counts, 1)

    spectrum()
    for _ in sys.stdin:
        start = time.perf_counter()
        spectrum()
        print(time.perf_counter() - start, flush=True)


main()
