"""HTML of what explains a verdict: a map of embeddings, and which parts drive the distance. Pure functions."""

import html
from collections.abc import Iterable

import numpy as np
from PIL import Image

from siamese.config import one_line
from siamese.demo.compare.view import ORDINALS
from siamese.demo.elements import picture
from siamese.model_folder.reference import Reference

SIZE, RIM = 400, 24  # of the map, in its own units, and what stays free of test images on each side
MARK = 14  # radius of the mark of an image
LONGEST, LINE = 16, 17  # characters of the name of a class, and what a line of text takes of the height
MOST_COLOURS = 10  # classes that are told apart; more share one colour
SHOWN = 196  # px: side of an image with its drivers
APART, ALIKE = (230, 120, 0), (40, 110, 255)  # orange and blue: told apart whatever one's colour vision


class Map:
    """The reference of a model on the plane in which it spreads most; drawn once, with two images placed on it each time."""

    def __init__(self, reference: Reference | None) -> None:
        self.reference, self._background = reference, ""
        if reference is None:
            return
        flat = reference.project(reference.embeddings)  # (N, 2)
        self._low, self._high = flat.min(axis=0), flat.max(axis=0)
        places, labels = self._place(flat), reference.labels
        classes = np.unique(labels)
        is_coloured = 1 < len(classes) <= MOST_COLOURS
        for number, label in enumerate(classes if is_coloured else [None]):
            own = places if label is None else places[labels == label]
            dots = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in own)  # a line of no length with round ends: a dot, in few bytes
            self._background += f'<path class="{"many" if label is None else f"class-{number}"}" d="{dots}"></path>'
        if is_coloured:
            self._background += self._named((label, np.median(places[labels == label], axis=0)) for label in classes)

    def _named(self, middles: Iterable[tuple[int, np.ndarray]]) -> str:
        """The classes by their names, or their numbers where they have none, each at its place (2,) or under another."""
        names, lines, shown = self.reference.names, [], ""
        kind, letter = ("", 11) if names is None else (' class="named"', 8)  # px, about
        for label, (x, y) in sorted(middles, key=lambda each: each[1][1]):
            text = str(label) if names is None else one_line(names[label], LONGEST)
            half = letter * len(text) / 2
            x = float(np.clip(x, half + 4, SIZE - half - 4))
            while any(abs(x - x2) < half + half2 and abs(y - y2) < LINE for x2, y2, half2 in lines):
                y += 1
            lines.append((x, y, half))
            shown += f'<text{kind} x="{x:.0f}" y="{y:.0f}">{html.escape(text)}</text>'
        return shown

    def _place(self, flat: np.ndarray) -> np.ndarray:
        """Coordinates (N, 2) on the drawing; what lies beyond the reference is put on its rim."""
        shares = (flat - self._low) / np.maximum(self._high - self._low, 1e-9)
        return np.clip(RIM + (SIZE - 2 * RIM) * shares, 12, SIZE - 12)

    def draw(self, embeddings: list[np.ndarray | None]) -> str:
        """The map with those of the two images that there are."""
        if self.reference is None:
            return '<p class="rates">This model came without its test embeddings, so there is no map of them.</p>'
        given = [(number, embedding) for number, embedding in enumerate(embeddings, 1) if embedding is not None]
        marks, label = "", f"Map of {len(self.reference.embeddings):,} test images"
        if given:
            places = self._place(self.reference.project(np.stack([embedding for _, embedding in given])))
            if len(given) == 2:
                places = _apart(places)
                (x1, y1), (x2, y2) = places
                marks += f'<path class="between" d="M{x1:.0f} {y1:.0f}L{x2:.0f} {y2:.0f}"></path>'
            for (number, _), (x, y) in zip(given, places, strict=True):
                marks += f'<g class="mark" transform="translate({x:.0f} {y:.0f})"><circle r="{MARK}"></circle>'
                marks += f'<text dy=".36em">{("1st", "2nd")[number - 1]}</text></g>'
            label += " with " + " and ".join(f"the {ORDINALS[number - 1]} image" for number, _ in given)
        dim = self.reference.embeddings.shape[1]
        return (
            f'<svg class="map" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{label}">{self._background}{marks}</svg>'
            f'<p class="rates">Each dot is a test image, 1st and 2nd are yours. The network gives {dim} numbers for an '
            "image; this shows the two directions in which the test images differ most: what is near here may be far apart "
            "in the others.</p>"
        )


def _apart(places: np.ndarray) -> np.ndarray:
    """Two places on the map (2, 2), moved away from each other until both marks can be read."""
    between = places[1] - places[0]
    distance = float(np.linalg.norm(between))
    if distance >= 2 * MARK:
        return places
    direction = between / distance if distance > 1e-9 else np.array([1.0, 0.0])
    middle = np.clip(places.mean(axis=0), 2 * MARK, SIZE - 2 * MARK)  # so that both stay on the map
    return np.stack([middle - MARK * direction, middle + MARK * direction])


def drivers(images: list[np.ndarray | None], effects: tuple[np.ndarray, np.ndarray] | None) -> str:
    """Both images as the network sees them, under what drives their distance; empty frames where there is none."""
    shown = [None, None] if effects is None else [overlay(*pair, effects) for pair in zip(images, effects, strict=True)]
    figures = "".join(
        f"<figure>{picture(image, f'What drives the distance in the {ordinal} image')}"
        f"<figcaption>{ordinal.capitalize()}</figcaption></figure>"
        for ordinal, image in zip(ORDINALS, shown, strict=True)
    )
    return (
        f'<div class="drivers">{figures}</div><div class="legend"><span class="alike-key">makes them alike</span>'
        '<span class="apart-key">sets them apart</span></div>'
        '<p class="rates">Each part of an image is hidden in turn. Orange: without it the two would be nearer. Blue: '
        "without it they would be farther apart.</p>"
    )


def overlay(image: np.ndarray, effect: np.ndarray, effects: tuple[np.ndarray, np.ndarray], side: int = SHOWN) -> np.ndarray:
    """An image, uint8 (H, W) or (H, W, 3), tinted by `effect` (G, G) on the scale of both: uint8 (side, side, 3)."""
    strongest = max(float(np.abs(each).max()) for each in effects) or 1.0
    grey = Image.fromarray(image).convert("RGB").resize((side, side), Image.Resampling.NEAREST)
    strength = Image.fromarray(effect / strongest).resize((side, side), Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(strength), -1, 1)[..., None]
    tint = np.where(values > 0, np.array(APART), np.array(ALIKE))
    share = 0.75 * np.abs(values)
    return (np.asarray(grey) * (1 - share) + tint * share).astype(np.uint8)
