"""Text recognition of screenshots.

RapidOCR finds the lines, also on coloured buttons that Tesseract overlooks; Tesseract reads them, with the spaces
between words that RapidOCR drops.
"""

import gzip
import hashlib
import io
import struct
import tempfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image
from rapidocr_onnxruntime import RapidOCR
from tesserocr import PSM, PyTessBaseAPI

import caption

MODEL = "local-screen-reader"
# Text and caption of one picture are asked for side by side: the recognition is done once for both.
REMEMBERED = 16
# Tesseract reads letters of 30 pixels best; those of a screen have half.
ENLARGE = 2
# Tesseract wants some background around the letters.
MARGIN = 4
# RapidOCR by default enlarges pictures until the shorter side has 736 pixels: a strip of 1280 x 50 takes half a minute, one
# of 1280 x 1 all memory, and enlarged lines fall apart into words. Screens are shrunk to this longer side at most instead.
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

    def __init__(self, threads: int, traineddata: str):
        self._finder = RapidOCR(intra_op_num_threads=threads, det_limit_type="max", det_limit_side_len=LONGEST_SIDE)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "eng.traineddata").write_bytes(gzip.decompress(Path(traineddata).read_bytes()))
            self._reader = PyTessBaseAPI(path=folder, lang="eng", psm=PSM.SINGLE_LINE)
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
        boxes, _ = self._finder(canvas[:, :, ::-1], use_det=True, use_cls=False, use_rec=False)
        found = [self._read_line(picture, corners) for corners in ([] if boxes is None else boxes)]
        return [line for line in found if line["text"]]

    def _read_line(self, picture: Image.Image, corners: list) -> dict:
        width, height = picture.size
        left, right = (float(np.clip(end(x for x, _ in corners), 0, width)) for end in (min, max))
        top, bottom = (float(np.clip(end(y for _, y in corners), 0, height)) for end in (min, max))
        place = (max(0, left - MARGIN), max(0, top - MARGIN), min(width, right + MARGIN), min(height, bottom + MARGIN))
        crop = picture.crop(tuple(int(side) for side in place))
        self._reader.SetImage(crop.resize((crop.width * ENLARGE, crop.height * ENLARGE), Image.Resampling.LANCZOS))
        return {
            "text": self._reader.GetUTF8Text().strip(),
            "confidence": self._reader.MeanTextConf() / 100,
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
