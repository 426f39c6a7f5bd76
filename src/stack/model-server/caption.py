"""Captions of screenshots made by rule from recognised text and colours.

No understanding: they name the page's heading, light or dark, and the coloured areas with the text on them.
"""

import colorsys

import numpy as np

# Mean brightness, 0 to 255, below which a page is dark.
DARK = 96
# Share of the picture's width, or height, that one colour fills in a banner, or in a panel; buttons fill less.
BANNER_SHARE = 0.25
# Lines of one area lie closer than this to each other, in pixels.
LINE_GAP = 40
# How far beside a line of text the colour behind it is taken, in pixels: outside the letters, inside a button's edge.
BESIDE = 3
# Sum of the differences of red, green and blue up to which two colours are one: what smoothing and compression leave.
SAME_COLOUR = 12
# A caption is a sentence or two; the whole text is read elsewhere.
LONGEST_TEXT = 300
# Upper end of each hue, in degrees.
HUES = [
    (15, "red"),
    (45, "orange"),
    (70, "yellow"),
    (165, "green"),
    (200, "cyan"),
    (260, "blue"),
    (330, "purple"),
    (361, "red"),
]


def describe(pixels: np.ndarray, lines: list[dict]) -> str:
    """The heading, light or dark, and each coloured banner, panel or button with the text on it."""
    shade = "dark" if pixels.mean() < DARK else "light"
    heading = max(lines, key=lambda each: each["box"]["height"], default=None)
    headed = f', headed "{heading["text"]}"' if heading else ", without text"
    areas = [describe_area(area, pixels.shape[0]) for area in coloured_areas(pixels, lines)]
    return "; ".join([f"Screenshot of a page on a {shade} background{headed}", *areas]) + "."


def coloured_areas(pixels: np.ndarray, lines: list[dict]) -> list[dict]:
    """Lines that stand on a saturated colour; those of one colour that follow each other are one area."""
    areas: list[dict] = []
    for each in sorted(lines, key=lambda found: found["box"]["y"]):
        found = area_of(pixels, each)
        if found is None:
            continue
        before = next((area for area in areas if continues(area, found)), None)
        if before is None:
            areas.append(found)
        else:
            before["texts"] += found["texts"]
            before["bottom"] = found["bottom"]
            before["wide"] = max(before["wide"], found["wide"])
            before["tall"] = max(before["tall"], found["tall"])
    return areas


def continues(area: dict, found: dict) -> bool:
    """Whether a line goes on with an area: the same colour, below it without a large gap, and not beside it."""
    below = -LINE_GAP < found["top"] - area["bottom"] < LINE_GAP
    return below and area["colour"] == found["colour"] and abs(area["left"] - found["left"]) < LINE_GAP


def area_of(pixels: np.ndarray, line: dict) -> dict | None:
    """The colour just beside a line of text, and how far it reaches there; none if it is a shade of grey."""
    height, width, _ = pixels.shape
    box = line["box"]
    row = int(np.clip(box["y"] - BESIDE, 0, height - 1))
    column = int(np.clip(box["x"] - BESIDE, 0, width - 1))
    colour = pixels[row, column]
    hue, lightness, saturation = colorsys.rgb_to_hls(*(colour / 255.0))
    if not 0.15 < lightness < 0.97 or saturation < 0.35:
        return None
    return {
        "colour": next(name for limit, name in HUES if hue * 360 < limit),
        "texts": [line["text"]],
        "left": box["x"],
        "top": box["y"],
        "bottom": box["y"] + box["height"],
        "wide": share(pixels[row], colour),
        "tall": share(pixels[:, column], colour),
    }


def share(strip: np.ndarray, colour: np.ndarray) -> float:
    return float((np.abs(strip.astype(int) - colour.astype(int)).sum(axis=1) < SAME_COLOUR).mean())


def describe_area(area: dict, height: int) -> str:
    kind = "banner" if area["wide"] > BANNER_SHARE else "panel" if area["tall"] > BANNER_SHARE else "button"
    where = ["at the top", "in the middle", "at the bottom"][min(2, int(area["top"] * 3 / height))]
    text = " ".join(area["texts"])[:LONGEST_TEXT]
    return f'a {area["colour"]} {kind} {where} reading "{text}"'
