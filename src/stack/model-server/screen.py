"""Text recognition of screenshots by RapidOCR (PP-OCRv6 small)."""

import hashlib
import io
import struct
from collections import OrderedDict

import numpy as np
from PIL import Image
from rapidocr import RapidOCR

import caption

MODEL = "local-screen-reader"
# Text and caption of one picture are asked for side by side: the recognition is done once for both.
REMEMBERED = 16
# RapidOCR by default enlarges pictures until the shorter side has 736 pixels: a strip of 1280 x 50 takes half a minute,
# one of 1280 x 1 all memory, and enlarged lines fall apart into words. Screens are shrunk to this longer side at most
# instead.
LONGEST_SIDE = 2_000
# A strip is put on a canvas of its own colour that is at least as high as this share of its length.
SHORTEST_SHARE = 8
SHORTEST_SIDE = 64
# An 8K screen is 33 million; far more is a decompression bomb.
MAX_PIXELS = 50_000_000


class UnreadableImage(Exception):
    pass


class ScreenReader:
    """Not for several threads at once: its lane gives it one picture at a time."""

    def __init__(self, threads: int):
        self._engine = RapidOCR(
            params={
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "Det.limit_type": "max",
                "Det.limit_side_len": LONGEST_SIDE,
                # Lines of one batch are all padded to the longest: one at a time saves a sixth of a screen's time.
                "Rec.rec_batch_num": 1,
                "Global.log_level": "error",
            }
        )
        self._remembered: OrderedDict[str, tuple[list[dict], str]] = OrderedDict()

    def read(self, image: bytes) -> tuple[list[dict], str]:
        """Lines of text from top to bottom, boxes in pixels of the given picture, and the caption."""
        name = hashlib.sha256(image).hexdigest()
        if name not in self._remembered:
            picture = decode(image)
            pixels = np.asarray(picture)
            lines = self._lines(picture)
            self._remembered[name] = lines, caption.describe(pixels, lines)
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return self._remembered[name]

    def _lines(self, picture: Image.Image) -> list[dict]:
        canvas = np.asarray(without_strips(picture))
        found = self._engine(canvas[:, :, ::-1], use_det=True, use_cls=False, use_rec=True)
        if found.boxes is None or found.txts is None:
            return []
        lines = zip(found.txts, found.scores, found.boxes, strict=True)
        return [line_of(*line, picture.size) for line in lines if line[0].strip()]


def line_of(text: str, confidence: float, corners: np.ndarray, size: tuple[int, int]) -> dict:
    """A line with the upright box around its four corners, in pixels, cut to a picture of this size."""
    (left, top), (right, bottom) = np.clip([corners.min(axis=0), corners.max(axis=0)], 0, size).tolist()
    return {
        "text": text.strip(),
        "confidence": float(confidence),
        "box": {"x": left, "y": top, "width": right - left, "height": bottom - top},
    }


def without_strips(picture: Image.Image) -> Image.Image:
    """The picture, lengthened on the right or below with its own colour if it is a thin strip; places stay the same."""
    shortest = max(SHORTEST_SIDE, max(picture.size) // SHORTEST_SHARE)
    size = (max(picture.width, shortest), max(picture.height, shortest))
    if size == picture.size:
        return picture
    canvas = Image.new("RGB", size, picture.getpixel((picture.width - 1, picture.height - 1)))
    canvas.paste(picture)
    return canvas


def decode(image: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(image))
        if picture.width * picture.height > MAX_PIXELS:
            raise UnreadableImage
        # A see-through picture is shown on white by every viewer; without this, its background would turn black.
        flat = Image.new("RGBA", picture.size, "white")
        flat.alpha_composite(picture.convert("RGBA"))
        return flat.convert("RGB")
    # Pillow raises SyntaxError for broken chunks of a PNG, ValueError and struct.error elsewhere.
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, struct.error) as error:
        raise UnreadableImage from error
