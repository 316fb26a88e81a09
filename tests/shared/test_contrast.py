"""Every pair of colours that is read or carries meaning keeps WCAG's distance, in both themes."""

import math
import re

import pytest

from tests.servers import PROJECT

pytestmark = pytest.mark.unit

CSS = (PROJECT / "static/shared/css/tokens.css").read_text()
TONES = ("neutral", "blue", "amber", "green", "red", "violet")
GROUNDS = ("canvas", "panel", "raised", "accent-tint")
TEXT = 4.5
MARK = 3.0

TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent") for ground in GROUNDS),
    ("accent-ink", "accent"),
    # The bubble of a sync mark is the page turned over.
    ("canvas", "ink"),
    *((f"{tone}-ink", ground) for tone in TONES for ground in ("canvas", "panel", f"{tone}-tint")),
    *((ink, f"{tone}-tint") for tone in TONES for ink in ("ink", "ink-soft")),
]
MARK_PAIRS = [
    *((line, ground) for line in ("focus", "line-strong") for ground in ("canvas", "panel")),
    *((f"{tone}-line", ground) for tone in TONES for ground in ("panel", "raised", f"{tone}-tint")),
]


def block(selector: str) -> dict[str, tuple[float, float, float]]:
    """The colours that the rule of `selector` sets: lightness, chroma, hue in degrees."""
    start = CSS.index(f"{selector} {{")
    rule = CSS[start : CSS.index("}", start)]
    colour = re.compile(r"--([\w-]+): oklch\(([\d.]+) ([\d.]+)(?: ([\d.]+))?\);")
    return {
        name: (float(lightness), float(chroma), float(hue or 0))
        for name, lightness, chroma, hue in colour.findall(rule)
    }


LIGHT = block(":root")
DARK = block(':root[data-theme="dark"]')


def luminance(colour: tuple[float, float, float]) -> float:
    """Relative luminance of an OKLCH colour: by OKLab and linear sRGB, clipped to the gamut.

    Source: CSS Color 4, sample code of section 19; WCAG 2.2, "relative luminance"
    """
    lightness, chroma, hue = colour
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    red, green, blue = (min(1.0, max(0.0, value)) for value in linear)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_ratio_knows_black_and_white() -> None:
    assert ratio((0, 0, 0), (1, 0, 0)) == pytest.approx(21, abs=0.01)
    # #767676 on white is the textbook's 4.54.
    assert ratio((0.5657, 0, 0), (1, 0, 0)) == pytest.approx(4.54, abs=0.03)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("pairs", "least"), [(TEXT_PAIRS, TEXT), (MARK_PAIRS, MARK)], ids=["text", "marks"]
)
def test_pairs_are_told_apart(
    theme: dict[str, tuple[float, float, float]], pairs: list[tuple[str, str]], least: float
) -> None:
    near = {
        f"{front} on {ground}": round(found, 2)
        for front, ground in pairs
        if (found := ratio(theme[front], theme[ground])) < least
    }
    assert near == {}


def test_dark_is_the_same_by_choice_and_by_system() -> None:
    assert block(':root[data-theme="system"]') == DARK
    assert LIGHT.keys() - DARK.keys() == set()
