"""Damaged films: read right or refused in one line; never a hang, never a dead parent, memory within bounds."""
import functools
import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from campaigns._damage import damage, one_line
from vidbench.core import video

CASES, LIMIT_SEC = 10_000, 90
SHORT = 50  # of them in the test command
TIMEOUT_SEC = 10.0
KINDS = {"mp4": "libx264", "mkv": "libx264", "mov": "mpeg4", "avi": "mpeg4", "webm": "libvpx-vp9", "ts": "libx264",
         "mpg": "mpeg2video", "flv": "flv"}


@functools.cache
def film(ending: str, frames: int, b_frames: int) -> bytes:
    "A small film with content that tells its frames apart."
    import io
    file = io.BytesIO()
    formats = {"mkv": "matroska", "ts": "mpegts", "mpg": "mpeg"}
    with av.open(file, "w", format=formats.get(ending, ending)) as box:
        stream = box.add_stream(KINDS[ending], rate=Fraction(12))
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        if b_frames and KINDS[ending] in ("libx264", "mpeg4", "mpeg2video"):
            stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1
        for number in range(frames):
            picture = np.full((48, 64, 3), 20 + 8 * number, np.uint8)
            box.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        box.mux(stream.encode(None))
    return file.getvalue()


def read(path: Path) -> str:
    "Probe and decode: what is wrong with how that went."
    try:
        info = video.probe(path, timeout_sec=TIMEOUT_SEC)
        length = float(info.duration_sec)
        if not np.isfinite(length) or length <= 0 or length > 1e7:
            return f"a length of {length} s is believed"
        frames = video.read_clip(path, np.linspace(0, 0.9 * min(length, 3.0), 4), size_px=(24, 32), timeout_sec=TIMEOUT_SEC)
    except video.VideoError as error:
        return one_line(str(error))
    return "" if frames.shape == (4, 24, 32, 3) and frames.dtype == np.uint8 else f"frames of shape {frames.shape}"


def case(rng: random.Random, folder: Path) -> str:
    "One damaged film."
    ending = rng.choice(list(KINDS))
    data = film(ending, rng.choice((1, 2, 24)), rng.choice((0, 2)))
    path = folder / f"film.{rng.choice(list(KINDS)) if rng.random() < 0.1 else ending}"
    path.write_bytes(damage(data, rng))
    return read(path)
