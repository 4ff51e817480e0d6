"""HTML of the tab that trains: what was brought, its check, the progress, curves, the map, the result. Pure functions.

All that is shown of a training comes as numbers and texts from a process that has read what strangers bring: it is escaped.
"""

import html
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from siamese.config import UNSEEN_SPLITS
from siamese.demo.charts import section, ticks
from siamese.demo.elements import note
from siamese.evaluation.bootstrap import interval_in_words
from siamese.training.snapshot import EmbeddingMap, Snapshot
from siamese.visitors.limits import TrainingLimits
from siamese.visitors.task import DataReport, HardPair, Result, Update

WIDTH, HEIGHT = 480, 220  # of a curve, in its own units
LEFT, RIGHT, TOP, BASE = 48, 470, 14, 184  # of the part that it is drawn in
SIDE, RIM = 400, 26  # of the map, and what stays free around it
LONGEST_ON_MAP = 8  # characters of a class's name; of a longer one, a number stands on the map
# Script that gives what is said at once of what takes seconds: a check begins with a process of its own.
LOOKING = f"() => {json.dumps(note('Looking at every picture.'))}"
NO_CLASS = "No class yet. Name one and add pictures to it, then do the same for another. Check all when you have both."
NOTHING = Snapshot()  # is being trained
NO_THUMBNAILS: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType({})
STATES = {
    "none": "Nothing is being trained.",
    "reading": "Reading the images and building the network.",
    "training": "Step {step:,} of {steps:,}, epoch {epoch:,} of {epochs:,}",
    "measuring": "Measuring the best epoch on images kept aside.",
    "finished": "Trained in {time}, and measured on the test images.",
}


def introduction(limits: TrainingLimits) -> str:
    """What the tab is for, and what the operator allows."""
    return (
        "<h2>Train a network of your own</h2>"
        "<p>Bring a few classes of pictures; a network learns to put those of a class together. Then it is yours to try "
        "here, and to take home.</p>"
        "<details><summary>What fits here</summary>"
        f'<p class="rates">{html.escape(limits.sentence())}</p></details>'
    )


def by_hand(
    classes: Mapping[str, int],
    message: str = "",
    problem: bool = False,
    thumbnails: Mapping[str, Sequence[tuple[str, str]]] = NO_THUMBNAILS,
) -> str:
    """The classes made by hand with the numbers of their images, and a line about what was just done.

    `thumbnails` are the names of files of each class with a JPEG in base64, or "": they, and each class, can be removed.
    """
    listed = "".join(
        f"<li><b>{html.escape(name)}</b> <small>{_count(number, 'picture')}</small>"
        f"{_remove(name, f'Remove the class {name}', 'Remove all')}"
        f'<span class="thumbnails">{_thumbnails(name, thumbnails.get(name, ()), number)}</span></li>'
        for name, number in classes.items()
    )
    kept = f'<ul class="by-hand">{listed}</ul>' if classes else f'<p class="hint">{NO_CLASS}</p>'
    return f"{note(message, problem)}{kept}"


def _thumbnails(label: str, files: Sequence[tuple[str, str]], number: int) -> str:
    cards = ""
    for file, jpeg in files:
        name = html.escape(file, quote=True)
        inside = f'<img class="picture" alt="{name}" src="data:image/jpeg;base64,{html.escape(jpeg)}">' if jpeg else name
        cards += f'<span title="{name}">{inside}{_remove(f"{label}/{file}", f"Remove {file} of {label}", "&times;")}</span>'
    more = number - len(files)
    return cards + (f"<small>and {more:,} more</small>" if more > 0 and files else "")


def _remove(what: str, label: str, text: str) -> str:
    what, label = html.escape(what, quote=True), html.escape(label, quote=True)
    return f'<button type="button" class="remove" data-remove="{what}" aria-label="{label}" title="{label}">{text}</button>'


def data_check(report: DataReport | None) -> str:
    """What there is to train on: classes with their counts and first images, files left out by name, and remarks."""
    if report is None:
        return '<p class="rates">No data yet.</p>'
    each = f"{report.smallest:,}" if report.smallest == report.largest else f"{report.smallest:,} to {report.largest:,}"
    cards = "".join(
        f"<li><span>{''.join(_picture(png, '') for png in shown.pictures)}</span>"
        f"<b>{html.escape(shown.name)}</b> <small>{_count(shown.images, 'image')}</small></li>"
        for shown in report.shown
    )
    more = report.classes - len(report.shown)
    cards += f"<li><small>and {more:,} more classes</small></li>" if more > 0 else ""
    notes = "".join(f"<li>{html.escape(remark)}</li>" for remark in report.remarks)
    return (
        f'<p class="rates"><b>{_count(report.classes, "class", "classes")}</b> with {each} images each, '
        f"{_count(report.images, 'image')} in all; {html.escape(report.seen)}.</p>"
        f'<ul class="classes">{cards}</ul>'
        + (f'<ul class="remarks">{notes}</ul>' if notes else "")
        + (_left_out(report.files, report.left_out) if report.files else "")
    )


def _left_out(files: Sequence[tuple[str, ...]], count: int) -> str:
    listed = "".join(f"<li><b>{html.escape(file)}</b>: {html.escape(reason)}</li>" for file, reason in files)
    listed += f"<li>and {count - len(files):,} more</li>" if count > len(files) else ""
    return (
        f'<details class="left-out"{" open" if count <= 5 else ""}><summary>'
        f"{_count(count, 'file')} {'was' if count == 1 else 'were'} left out</summary><ul>{listed}</ul></details>"
    )


def changes(now: Update, shown: Update, before: int) -> dict[str, str]:
    """What to draw anew of a training of which `shown` is on the page: "progress" and, where it has changed, "curves",
    "map" and "result". `before` is the number of trainings that come first.
    """
    waiting = f"You are number {before} in the queue." if before else "Starting."
    if now.problem:
        parts = {"progress": progress(message=now.problem, problem=True)}
    else:
        parts = {"progress": progress(now.progress) if now.progress else progress(message=waiting)}
    if now.progress is not shown.progress and now.progress.steps:
        parts["curves"] = curves(now.progress)
    if now.map is not shown.map:
        parts["map"] = embedding_map(now.map)
    if now.result is not shown.result:
        parts["result"] = report(now.result)
    return parts


def progress(now: Snapshot = NOTHING, message: str = "", problem: bool = False) -> str:
    """A bar and a line: how far the training is and how long it will take, or a message in place of that line."""
    share = now.step / now.steps if now.steps else 0.0
    words = message or _state(now)
    spoken = f"{share:.0%}, {words}" if now.steps else words
    is_busy = not problem and not now.steps and (bool(message) or now.phase != "none")
    return (
        f'<div class="progress{" problem" * problem}{" busy" * is_busy}" data-step="{now.step}">'
        f'<div class="track" role="progressbar" aria-label="Training" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}" aria-valuetext="{html.escape(spoken)}">'
        f'<div style="--share: {share:.4f}"></div></div>'
        f"<p{' role=alert' if problem else ''}>{html.escape(words)}</p></div>"
    )


def _state(now: Snapshot) -> str:
    words = STATES[now.phase].format(
        step=now.step, steps=now.steps, epoch=now.epoch, epochs=now.epochs, time=_duration(now.seconds)
    )
    has_pace = now.phase == "training" and now.seconds_left is not None
    return f"{words}; about {_duration(now.seconds_left)} left" if has_pace else words


def curves(now: Snapshot = NOTHING) -> str:
    """The loss of each step and the validation accuracy of each epoch so far, as two drawings over the whole training."""
    points = [(step / max(now.steps, 1), loss) for step, loss in now.losses]
    highest = max((loss for _, loss in points), default=1.0) or 1.0
    latest = f"{points[-1][1]:.3f}" if points else ""
    loss = _curve("Loss", points, 0.0, highest, latest, "training", "")
    history = [(epoch / now.epochs, accuracy) for epoch, accuracy in now.accuracies]
    lowest = min([90.0, *(10 * np.floor(value / 10) for _, value in history)])
    marks = "".join(f'<circle class="dot" cx="{_x(x)}" cy="{_y(y, lowest, 100)}" r="3.5"></circle>' for x, y in history)
    remark, latest = "", f"{history[-1][1]:.2f}%" if history else ""
    if now.best_epoch:
        best = dict(now.accuracies)[now.best_epoch]
        x, y = _x(now.best_epoch / now.epochs), _y(best, lowest, 100)
        marks += f'<circle class="best" cx="{x}" cy="{y}" r="8"></circle>'
        remark = f"epoch {now.best_epoch} is the best so far, {best:.2f}%: its weights are kept"
    accuracy = _curve("Validation accuracy", history, lowest, 100.0, latest, "of pairs, percent", marks, remark)
    return f'<div class="curves-live">{loss}{accuracy}</div>'


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
    remark: str = "",
) -> str:
    """A line through `points`, (share of the training, value), with ticks on the left, the latest value as a heading."""
    line = "L".join(f"{_x(share)} {_y(value, low, high)}" for share, value in points)
    grid = "".join(
        f'<path class="grid" d="M{LEFT} {_y(low + tick, low, high)}H{RIGHT}"></path>'
        f'<text x="{LEFT - 6}" y="{_y(low + tick, low, high) + 4}" text-anchor="end">{low + tick:g}</text>'
        for tick in ticks(high - low)
    )
    label = f"{title} so far: {latest or 'nothing yet'}{f'; {remark}' if remark else ''}"
    return (
        f"<figure><figcaption><h3>{title}</h3> <span>{unit}</span> <b>{latest or '&ndash;'}</b></figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{grid}'
        + (f'<path class="line" d="M{line}"></path>' if points else "")
        + f'{marks}<path class="axis" d="M{LEFT} {BASE}H{RIGHT}"></path>'
        f'<text x="{LEFT}" y="{BASE + 22}">start</text><text x="{RIGHT}" y="{BASE + 22}" text-anchor="end">end</text></svg>'
        f'<p class="rates">{remark or "&nbsp;"}</p></figure>'
    )


def embedding_map(now: EmbeddingMap | None = None) -> str:
    """Where the network puts some validation images, by class; each dot comes from where it was the epoch before."""
    if now is None:
        empty = "Map of validation images, empty before the first epoch has ended"
        return f'<svg class="map live" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{empty}"></svg>{_map_note(0, 0)}'
    places, before = _place(now.now), _place(now.before)
    classes = np.array(now.classes or [0] * len(places))
    dots, words, keys = "", "", ""
    for number in range(max(len(now.names), 1)):
        own = classes == number
        kind = f"class-{number}" if now.names else "many"
        for (x, y), (old_x, old_y) in zip(places[own], before[own], strict=True):
            start = f"--dx:{old_x - x:.0f}px;--dy:{old_y - y:.0f}px"
            dots += f'<path class="{kind}" d="M{x:.0f} {y:.0f}h0" style="{start}"></path>'
        if now.names:
            name = now.names[number]
            sign = name if len(name) <= LONGEST_ON_MAP else f"{number + 1}:"
            x, y = np.median(places[own], axis=0)
            words += f'<text x="{x:.0f}" y="{y + 6:.0f}">{html.escape(sign.strip(":"))}</text>'
            full = name if sign == name else f"{sign} {name}"
            keys += f'<span class="key class-{number}">{html.escape(full)}</span>'
    label = f"Map of {len(places):,} validation images after epoch {now.epoch}"
    return (
        f'<svg class="map live" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{label}">{dots}{words}</svg>'
        + (f'<div class="keys">{keys}</div>' if keys else "")
        + _map_note(len(places), now.epoch)
    )


def _place(coordinates: Sequence[tuple[float, ...]]) -> np.ndarray:
    """Coordinates -1..1 on the drawing, the middle in the middle: (N, 2)."""
    return SIDE / 2 + (SIDE / 2 - RIM) * np.array(coordinates)


def _map_note(count: int, epoch: int) -> str:
    what = f"{count:,} validation images after epoch {epoch}" if count else "Validation images, once an epoch has ended"
    return (
        f'<p class="rates">{what}, in the two directions in which they differ most. Training pulls the classes apart; none '
        "of these images is trained on.</p>"
    )


def report(result: Result) -> str:
    """What was measured on the test images: accuracy, EER, threshold, the spread of distances, and the hardest pairs."""
    config = result.config
    threshold = config.calibration.threshold
    listed = "".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in _facts(result).items())
    of_classes = "of classes " * (config.data.split in UNSEEN_SPLITS)
    every = "all labelled pairs" if config.data.split == "pairs" else "all pairs"
    spread = section(config.distances, threshold, None).replace('id="stripes"', 'id="stripes-of-report"')  # an id of its own
    pairs = "".join(
        f"<h3>{title}</h3>{_pairs(hardest, is_same, threshold)}"
        for title, hardest, is_same in (
            ("Different, but nearest together", result.different, False),
            ("Same, but farthest apart", result.same, True),
        )
    )
    return (
        f'<div class="report"><h2>The result</h2><dl class="facts">{listed}</dl>'
        f'<p class="rates">Measured on {every} of {_count(result.test_images, "image")} {of_classes}that the training never '
        f"saw; same and different pairs weigh half each.</p>{spread}"
        f"<h2>The hardest pairs</h2>{pairs}</div>"
    )


def _facts(result: Result) -> dict[str, str]:
    metrics, training = result.config.metrics, result.config.training
    begun = f"{len(result.config.history):,} of " * (training.finished_at_step > 0)
    return {
        "Pairs judged correctly": f"{metrics.balanced_accuracy:.2f}%",
        "95% interval": interval_in_words(metrics, "balanced_accuracy", 2, result.config.data.split, "%"),
        "Equal error rate": f"{metrics.equal_error_rate:.2f}%",
        "Threshold": f"{result.config.calibration.threshold:.3f}",
        "Measured on": f"{metrics.same_pairs:,} same and {metrics.different_pairs:,} different pairs",
        "Different pairs called same": f"{metrics.false_accept_rate:.2f}%",
        "Same pairs called different": f"{metrics.false_reject_rate:.2f}%",
        "Training": f"{_duration(training.seconds)}, {begun}{training.epochs:,} epoch{'s' * (training.epochs > 1)}, "
        f"epoch {training.best_epoch} kept",
    }


def _pairs(pairs: Sequence[HardPair], is_same: bool, threshold: float) -> str:
    cards = ""
    for pair in pairs:
        is_right = (pair.distance <= threshold) == is_same
        what = " vs ".join(dict.fromkeys(filter(None, pair.names))) or ("same" if is_same else "different")
        names = pair.names or ("", "")
        pictures = "".join(_picture(png, name or "an image") for png, name in zip(pair.pictures, names, strict=True))
        cards += (
            f"<li><span>{pictures}</span><b>{html.escape(what)}</b> <small>distance {pair.distance:.3f}, "
            f"{'rightly' if is_right else 'wrongly'} called {'same' if pair.distance <= threshold else 'different'}"
            "</small></li>"
        )
    return f'<ul class="hardest">{cards}</ul>'


def away_from_a_space() -> str:
    """Why there is nothing to push with."""
    return (
        '<p class="hint">Where this page runs as a Space of the Hugging Face Hub, you can log in there and push the model '
        "to your own account, or train on a hosted GPU. This one does not: download the model, and push it with "
        "<code>python -m siamese push FOLDER --repo-id USER/NAME</code>; to train on a hosted GPU there is "
        "<code>python -m siamese train --hosted</code>.</p>"
    )


def pushed(repo_id: str, url: str, *remarks: str) -> str:
    """Where the model went, and what is to be said of that."""
    more = "".join(f". {html.escape(remark)}" for remark in remarks if remark)
    return f'<p class="note" role="status">Pushed: <a href="{html.escape(url)}">{html.escape(repo_id)}</a>{more}</p>'


def _picture(png: str, description: str) -> str:
    return f'<img class="picture" alt="{html.escape(description)}" src="data:image/png;base64,{html.escape(png)}">'


def _duration(seconds: float) -> str:
    """In words, no finer than one can wait."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
