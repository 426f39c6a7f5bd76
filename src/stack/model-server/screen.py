"""Text recognition of screenshots, and captions made by rule from text and colours.

RapidOCR finds the lines, also on coloured buttons that Tesseract overlooks; Tesseract reads them, with the spaces between
words that RapidOCR drops.

A caption here is no understanding: it names the page, its brightness and its coloured areas with the text on them.
"""

import colorsys
import gzip
import hashlib
import io
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from rapidocr_onnxruntime import RapidOCR
from tesserocr import PSM, PyTessBaseAPI

MODEL = "local-screen-reader"
# Text and caption of one picture are asked for side by side; the recognition is done once for both.
REMEMBERED = 16
# Tesseract reads letters of 30 pixels best; those of a screen have half.
ENLARGE = 2
MARGIN = 4
# Share of a row of pixels that one colour must fill to be part of a band.
BAND_SHARE = 0.25
HUES = [(15, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (200, "cyan"), (260, "blue"), (330, "purple"), (361, "red")]


class UnreadableImage(Exception):
    pass


class ScreenReader:
    def __init__(self, threads: int, traineddata: str):
        self._finder = RapidOCR(intra_op_num_threads=threads)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "eng.traineddata").write_bytes(gzip.decompress(Path(traineddata).read_bytes()))
            self._reader = PyTessBaseAPI(path=folder, lang="eng", psm=PSM.SINGLE_LINE)
        self._lock = threading.Lock()
        self._remembered: OrderedDict[str, tuple[np.ndarray, list[dict]]] = OrderedDict()

    def lines(self, image: bytes) -> list[dict]:
        return self._read(image)[1]

    def caption(self, image: bytes) -> str:
        return describe(*self._read(image))

    def _read(self, image: bytes) -> tuple[np.ndarray, list[dict]]:
        name = hashlib.sha256(image).hexdigest()
        with self._lock:
            if name not in self._remembered:
                self._remembered[name] = self._recognise(image)
                if len(self._remembered) > REMEMBERED:
                    self._remembered.popitem(last=False)
            return self._remembered[name]

    def _recognise(self, image: bytes) -> tuple[np.ndarray, list[dict]]:
        try:
            picture = Image.open(io.BytesIO(image)).convert("RGB")
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise UnreadableImage from error
        pixels = np.asarray(picture)
        boxes, _ = self._finder(pixels[:, :, ::-1], use_det=True, use_cls=False, use_rec=False)
        found = [self._read_line(picture, corners) for corners in ([] if boxes is None else boxes)]
        return pixels, [line for line in found if line["text"]]

    def _read_line(self, picture: Image.Image, corners: list) -> dict:
        left, right = min(x for x, _ in corners), max(x for x, _ in corners)
        top, bottom = min(y for _, y in corners), max(y for _, y in corners)
        width, height = picture.size
        place = (max(0, left - MARGIN), max(0, top - MARGIN), min(width, right + MARGIN), min(height, bottom + MARGIN))
        crop = picture.crop(tuple(int(side) for side in place))
        self._reader.SetImage(crop.resize((crop.width * ENLARGE, crop.height * ENLARGE), Image.Resampling.LANCZOS))
        return {
            "text": self._reader.GetUTF8Text().strip(),
            "confidence": self._reader.MeanTextConf() / 100,
            "box": {"x": float(left), "y": float(top), "width": float(right - left), "height": float(bottom - top)},
        }


def describe(pixels: np.ndarray, lines: list[dict]) -> str:
    """One paragraph: the heading, light or dark, and each coloured band or button with the text on it."""
    height, width, _ = pixels.shape
    heading = max(lines, key=lambda each: each["box"]["height"], default=None)
    shade = "dark" if pixels.mean() < 96 else "light"
    parts = [f"Screenshot of a page on a {shade} background"]
    if heading:
        parts[0] += f', headed "{heading["text"]}"'
    for area in coloured_areas(pixels, lines, width, height):
        parts.append(area)
    if not lines:
        parts.append("without text")
    return "; ".join(parts) + "."


def coloured_areas(pixels: np.ndarray, lines: list[dict], width: int, height: int) -> list[str]:
    """Text lines that stand on a saturated colour, joined into areas of one colour that lie above each other."""
    areas: list[dict] = []
    for each in sorted(lines, key=lambda found: found["box"]["y"]):
        colour, share = background(pixels, each["box"])
        if colour is None:
            continue
        last = areas[-1] if areas else None
        if last and last["colour"] == colour and each["box"]["y"] - last["bottom"] < 40:
            last["texts"].append(each["text"])
            last["bottom"] = each["box"]["y"] + each["box"]["height"]
            last["share"] = max(last["share"], share)
        else:
            bottom = each["box"]["y"] + each["box"]["height"]
            areas.append({"colour": colour, "share": share, "texts": [each["text"]], "top": each["box"]["y"], "bottom": bottom})
    return [describe_area(area, height) for area in areas]


def describe_area(area: dict, height: int) -> str:
    kind = "banner" if area["share"] > BAND_SHARE else "button"
    where = "at the top" if area["top"] < height / 3 else "at the bottom" if area["top"] > height * 2 / 3 else "in the middle"
    text = " ".join(area["texts"])[:300]
    return f'a {area["colour"]} {kind} {where} reading "{text}"'


def background(pixels: np.ndarray, box: dict) -> tuple[str | None, float]:
    """Name of the colour just around a line of text, and the share of the picture's width that it fills there."""
    height, width, _ = pixels.shape
    top = int(np.clip(box["y"] - 3, 0, height - 1))
    left = int(np.clip(box["x"] - 3, 0, width - 1))
    colour = pixels[top, left]
    hue, lightness, saturation = colorsys.rgb_to_hls(*(colour / 255.0))
    if not 0.15 < lightness < 0.97 or saturation < 0.35:
        return None, 0
    row = np.abs(pixels[top].astype(int) - colour.astype(int)).sum(axis=1) < 12
    return next(name for limit, name in HUES if hue * 360 < limit), float(row.mean())
