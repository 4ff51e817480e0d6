"""HTML of the tab that trains: the data, the progress, live curves, the live map, the result. Pure functions."""

import html
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from siamese.config import UNSEEN_SPLITS, one_line
from siamese.demo.charts import section, ticks
from siamese.demo.elements import picture

if TYPE_CHECKING:
    from siamese.training.events import Finished
    from siamese.training.progress import Watch

WIDTH, HEIGHT = 480, 220  # of a curve, in its own units
LEFT, RIGHT, TOP, BASE = 48, 470, 14, 184  # of the part that it is drawn in
MOST_POINTS = 240  # of a curve
SIDE, RIM = 400, 26  # of the map, and what stays free around it
LONGEST_ON_MAP = 8  # characters of a class's name; of a longer one, a number stands on the map
SHOWN_CLASSES, SHOWN_OF_CLASS, SHOWN_FILES = 24, 4, 100  # of the data check
SHOWN_PAIRS = 6  # of each kind, hardest first


def data_check(
    classes: Mapping[str, np.ndarray],
    left_out: Sequence[tuple[str | Path, str]] = (),
    remarks: Sequence[str] = (),
    folder: Path | None = None,
    seen: str = "",
) -> str:
    """What there is to train on: classes with their counts and first images, files left out by name, and remarks.

    `classes` are the canonical images, uint8 (N, H, W) or (N, H, W, 3), by the name of their class. `folder`, where the
    files lie, is cut off every path. `seen` says how the network will see them.
    """
    if not classes:
        return '<p class="rates">No data yet.</p>'

    def text(words: str, longest: int = 300) -> str:
        return html.escape(one_line(words.replace(f"{folder}/", "") if folder else words, longest))

    sizes = [len(images) for images in classes.values()]
    each = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
    cards = "".join(
        f"<li><span>{''.join(picture(image, '') for image in images[:SHOWN_OF_CLASS])}</span>"
        f"<b>{text(name or 'without a name', 60)}</b> <small>{_count(len(images), 'image')}</small></li>"
        for name, images in list(classes.items())[:SHOWN_CLASSES]
    )
    more = len(classes) - SHOWN_CLASSES
    cards += f"<li><small>and {more:,} more classes</small></li>" if more > 0 else ""
    notes = "".join(f"<li>{text(remark)}</li>" for remark in remarks)
    files = "".join(f"<li><b>{text(str(file), 120)}</b>: {text(reason)}</li>" for file, reason in left_out[:SHOWN_FILES])
    unnamed = len(left_out) - SHOWN_FILES
    files += f"<li>and {unnamed:,} more</li>" if unnamed > 0 else ""
    verb = "was" if len(left_out) == 1 else "were"
    return (
        f'<p class="rates"><b>{_count(len(classes), "class", "classes")}</b> with {each} images each, '
        f"{_count(sum(sizes), 'image')} in all{f'; {text(seen)}' if seen else ''}.</p>"
        f'<ul class="classes">{cards}</ul>'
        + (f'<ul class="remarks">{notes}</ul>' if notes else "")
        + (
            f'<details class="left-out"{" open" if len(left_out) <= 5 else ""}><summary>'
            f"{_count(len(left_out), 'file')} {verb} left out</summary><ul>{files}</ul></details>"
            if files
            else ""
        )
    )


def progress(watch: "Watch", message: str = "", problem: bool = False) -> str:
    """A bar and a line: how far the training is and how long it will take, or a message in place of that line."""
    share = watch.step / watch.steps if watch.steps else 0.0
    line = message or _state(watch)
    spoken = f"{share:.0%}, {line}" if watch.steps else line
    return (
        f'<div class="progress{" problem" if problem else ""}" data-step="{watch.step}">'
        f'<div class="track" role="progressbar" aria-label="Training" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}" aria-valuetext="{html.escape(spoken)}">'
        f'<div style="--share: {share:.4f}"></div></div>'
        f"<p{' role=alert' if problem else ''}>{html.escape(line)}</p></div>"
    )


def curves(watch: "Watch") -> str:
    """The loss of each step and the validation accuracy of each epoch so far, as two drawings over the whole training."""
    losses, steps = watch.losses(), max(watch.steps, 1)
    first = watch.step - len(losses)
    smoothed = _smooth(losses, max(1, len(losses) // 20))
    kept = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), MOST_POINTS)).astype(int)) if losses else []
    points = [((first + i + 1) / steps, smoothed[i]) for i in kept]
    finite = [value for _, value in points if np.isfinite(value)]
    loss = _curve(
        "Loss", [point for point in points if np.isfinite(point[1])], 0.0, max(finite, default=1.0) or 1.0,
        f"{finite[-1]:.3f}" if finite else "", "training", "",
    )  # fmt: skip
    epochs = watch.started.epochs if watch.started else 1
    history = [(record.epoch / epochs, record.balanced_accuracy) for record in watch.history]
    lowest = min([90.0, *(10 * np.floor(value / 10) for _, value in history)])
    best = history[watch.best_epoch - watch.history[0].epoch] if watch.best_epoch else None
    latest = f"{history[-1][1]:.2f}%" if history else ""
    marks = "".join(f'<circle class="dot" cx="{_x(x)}" cy="{_y(y, lowest, 100)}" r="3.5"></circle>' for x, y in history)
    if best:
        marks += f'<circle class="best" cx="{_x(best[0])}" cy="{_y(best[1], lowest, 100)}" r="8"></circle>'
    note = f"epoch {watch.best_epoch} is the best so far, {best[1]:.2f}%: its weights are kept" if best else ""
    accuracy = _curve("Validation accuracy", history, lowest, 100.0, latest, "of pairs, percent", marks, note)
    return f'<div class="curves-live">{loss}{accuracy}</div>'


def embedding_map(watch: "Watch") -> str:
    """Where the network puts some validation images, by class; each dot comes from where it was the epoch before."""
    if watch.maps is None:
        empty = "Map of validation images, empty before the first epoch has ended"
        return f'<svg class="map live" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{empty}"></svg>{_map_note(0, 0)}'
    before, now = (_place(flat) for flat in watch.maps)
    labels = np.zeros(len(now), np.int64) if watch.labels is None else watch.labels
    classes = np.unique(labels)
    dots, words, keys = "", "", ""
    for number, label in enumerate(classes):
        kind = "many" if watch.labels is None else f"class-{number}"
        for (x, y), (old_x, old_y) in zip(now[labels == label], before[labels == label], strict=True):
            start = f"--dx:{old_x - x:.0f}px;--dy:{old_y - y:.0f}px"
            dots += f'<path class="{kind}" d="M{x:.0f} {y:.0f}h0" style="{start}"></path>'
        if watch.labels is not None:
            name = one_line(watch.names[label] if watch.names else str(label), 40)
            sign = name if len(name) <= LONGEST_ON_MAP else f"{number + 1}:"
            x, y = np.median(now[labels == label], axis=0)
            words += f'<text x="{x:.0f}" y="{y + 6:.0f}">{html.escape(sign.strip(":"))}</text>'
            full = name if sign == name else f"{sign} {name}"
            keys += f'<span class="key class-{number}">{html.escape(full)}</span>'
    label = f"Map of {len(now):,} validation images after epoch {watch.history[-1].epoch}"
    return (
        f'<svg class="map live" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{label}">{dots}{words}</svg>'
        + (f'<div class="keys">{keys}</div>' if keys else "")
        + _map_note(len(now), watch.history[-1].epoch)
    )


def report(finished: "Finished") -> str:
    """What was measured on the test images: accuracy, EER, threshold, the spread of distances, and the hardest pairs."""
    config, test = finished.config, finished.test
    metrics, training, threshold = config.metrics, config.training, config.calibration.threshold
    begun = f"{len(config.history):,} of " * (training.finished_at_step > 0)
    facts = {
        "Pairs judged correctly": f"{metrics.balanced_accuracy:.2f}%",
        "95% interval": f"{metrics.balanced_accuracy_low:.2f} to {metrics.balanced_accuracy_high:.2f}%",
        "Equal error rate": f"{metrics.equal_error_rate:.2f}%",
        "Threshold": f"{threshold:.3f}",
        "Measured on": f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs",
        "Different pairs called same": f"{metrics.false_accept_rate:.2f}%",
        "Same pairs called different": f"{metrics.false_reject_rate:.2f}%",
        "Training": f"{_duration(training.seconds)}, {begun}{training.epochs:,} epoch{'s' * (training.epochs > 1)}, "
        f"epoch {training.best_epoch} kept",
    }
    listed = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in facts.items())
    of_classes = "of classes " * (config.data.split in UNSEEN_SPLITS)
    every = "all labelled pairs" if config.data.split == "pairs" else "all pairs"
    spread = section(config.distances, threshold, None).replace('id="stripes"', 'id="stripes-of-report"')  # an id of its own
    pairs = "".join(
        f"<h3>{title}</h3>{_pairs(finished, is_same)}"
        for title, is_same in (("Different, but nearest together", False), ("Same, but farthest apart", True))
    )
    return (
        f'<div class="report"><h2>The result</h2><dl class="facts">{listed}</dl>'
        f'<p class="rates">Measured on {every} of {_count(len(test.images), "image")} {of_classes}that the training never '
        f"saw; same and different pairs weigh half each.</p>{spread}"
        f"<h2>The hardest pairs</h2>{pairs}</div>"
    )


def _pairs(finished: "Finished", is_same: bool) -> str:
    test, threshold = finished.test, finished.config.calibration.threshold
    cards = ""
    for a, b, distance in test.hardest(finished.embeddings, is_same, SHOWN_PAIRS):
        is_right = (distance <= threshold) == is_same
        names = [_class_of(test, index) for index in (a, b)]
        what = " and ".join(dict.fromkeys(name for name in names if name)) or ("same" if is_same else "different")
        pictures = "".join(picture(test.images[index], _class_of(test, index) or "an image") for index in (a, b))
        cards += (
            f"<li><span>{pictures}</span><b>{html.escape(what)}</b> <small>distance {distance:.3f}, "
            f"{'rightly' if is_right else 'wrongly'} called {'same' if distance <= threshold else 'different'}</small></li>"
        )
    return f'<ul class="hardest">{cards}</ul>'


def _class_of(test, index: int) -> str:
    if not hasattr(test, "labels"):  # pairs
        return ""
    label = int(test.labels[index])
    return one_line(test.names[label], 40) if test.names else str(label)


def _state(watch: "Watch") -> str:
    if watch.finished:
        return f"Trained in {_duration(watch.seconds)}, and measured on the test images."
    if watch.fitted:
        return f"Trained in {_duration(watch.seconds)}; measuring on the test images."
    if not watch.started:
        return "Nothing is being trained."
    line = f"Step {watch.step:,} of {watch.steps:,}, epoch {watch.epoch:,} of {watch.started.epochs:,}"
    left = watch.seconds_left()
    return line if left is None else f"{line}; about {_duration(left)} left"


def _duration(seconds: float) -> str:
    """In words, no finer than one can wait."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _x(share: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * share, 1)


def _y(value: float, low: float, high: float) -> float:
    return round(BASE - (BASE - TOP) * (value - low) / (high - low), 1)


def _curve(
    title: str,
    points: list[tuple[float, float]],
    low: float,
    high: float,
    latest: str,
    unit: str,
    marks: str,
    note: str = "",
) -> str:
    """A line through `points`, (share of the training, value), with ticks on the left, the latest value as a heading."""
    line = "L".join(f"{_x(share)} {_y(value, low, high)}" for share, value in points)
    grid = "".join(
        f'<path class="grid" d="M{LEFT} {_y(low + tick, low, high)}H{RIGHT}"></path>'
        f'<text x="{LEFT - 6}" y="{_y(low + tick, low, high) + 4}" text-anchor="end">{low + tick:g}</text>'
        for tick in ticks(high - low)
    )
    label = f"{title} so far: {latest or 'nothing yet'}{f'; {note}' if note else ''}"
    return (
        f"<figure><figcaption><h3>{title}</h3> <span>{unit}</span> <b>{latest or '&ndash;'}</b></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{grid}'
        + (f'<path class="line" d="M{line}"></path>' if points else "")
        + f'{marks}<path class="axis" d="M{LEFT} {BASE}H{RIGHT}"></path>'
        f'<text x="{LEFT}" y="{BASE + 22}">start</text><text x="{RIGHT}" y="{BASE + 22}" text-anchor="end">end</text></svg>'
        f'<p class="rates">{note or "&nbsp;"}</p></figure>'
    )


def _smooth(values: Sequence[float], window: int) -> list[float]:
    """The mean of each value and up to `window` - 1 before it."""
    sums = [0.0, *itertools.accumulate(values)]
    return [(sums[i + 1] - sums[max(0, i + 1 - window)]) / min(window, i + 1) for i in range(len(values))]


def _place(flat: np.ndarray) -> np.ndarray:
    """Coordinates (N, 2) on the drawing, one scale for both, the middle in the middle."""
    return SIDE / 2 + (SIDE / 2 - RIM) * flat / max(float(np.abs(flat).max()), 1e-9)


def _map_note(count: int, epoch: int) -> str:
    what = f"{count:,} validation images after epoch {epoch}" if count else "Validation images, once an epoch has ended"
    return (
        f'<p class="rates">{what}, in the two directions in which they differ most. Training pulls the classes apart; none '
        "of these images is trained on.</p>"
    )
