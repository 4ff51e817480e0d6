"""HTML of the distances between many images: a heat map, and the same as CSV. Pure functions."""

import base64
import csv
import html
import io
from collections.abc import Sequence

import numpy as np

from siamese.config import counted
from siamese.demo.elements import STRANGE, picture
from siamese.demo.many.batch import MAX_IMAGES


def matrix(
    names: Sequence[str],
    seen: np.ndarray,
    distances: np.ndarray,
    threshold: float,
    problems: Sequence[str] = (),
    is_familiar: Sequence[bool | None] = (),
    remarks: Sequence[str] = (),
    groups: Sequence[int] = (),
) -> str:
    """A table of all distances (N, N), tinted by how far they are on their side of the threshold, and a link to the CSV.

    `groups` are the numbers of the group that each image is in, the largest group first; they are listed above the table.

    `problems` are sentences about images that are not in it. `is_familiar` says for each of the N whether it is like those
    that the model knows, `remarks` what else is to be said of its picture, see siamese.verifier.Look.
    """
    said = "".join(f"<li>{html.escape(problem)}</li>" for problem in problems)
    left_out = f'<div role="alert"><ul class="problems">{said}</ul></div>' if said else ""
    if len(names) < 2:
        hint = f"Choose two or more images, up to {MAX_IMAGES}, for the distances between all of them."
        return f'{left_out}<p class="hint">{hint}</p>'
    is_strange = [known is False for known in is_familiar] or [False] * len(names)
    remarks = remarks or [""] * len(names)
    is_marked = [strange or bool(remark) for strange, remark in zip(is_strange, remarks, strict=True)]
    order = [*groups] or [0] * len(names)
    labels = [_label(*each) for each in zip(names, seen, is_marked, strict=True)]
    head = "".join(f'<th scope="col">{label}</th>' for label in labels)
    rows = "".join(
        f'<tr data-place="{place}" data-group="{group}" data-name="{html.escape(name, quote=True)}">'
        f'<th scope="row">{label}</th>' + "".join(_cell(distance, threshold) for distance in row) + "</tr>"
        for place, (label, row, name, group) in enumerate(zip(labels, distances, names, order, strict=True))
    )
    strange = ""
    if any(is_strange):
        count = "One image, marked ?, is" if sum(is_strange) == 1 else f"{sum(is_strange)} images, marked ?, are"
        strange = f'<p class="strange" role="status">{count} {STRANGE}</p>'
    said = [f"{name}, marked ?, {remark}." for name, remark in zip(names, remarks, strict=True) if remark]
    if said:
        listed = "".join(f"<li>{html.escape(each)}</li>" for each in said)
        strange += f'<div role="status"><ul class="strange">{listed}</ul></div>'
    upper = distances[np.triu_indices(len(names), 1)]
    link = base64.b64encode(to_csv(names, distances).encode()).decode()
    return (
        f'{left_out}<p class="rates"><b>{int((upper <= threshold).sum()):,}</b> of {len(upper):,} pairs are called same: '
        f"their distance is at most {threshold:.3f}, and the table gives them a border. "
        f'<a download="distances.csv" href="data:text/csv;base64,{link}">Save as CSV</a></p>{strange}'
        f"{_groups(names, seen, groups)}"
        '<div class="matrix" tabindex="0" role="region" aria-label="Distances"><table>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _groups(names: Sequence[str], seen: np.ndarray, groups: Sequence[int]) -> str:
    """The groups of several images with their pictures, and how many images are in none."""
    places = [np.flatnonzero(np.asarray(groups) == number) for number in range(max(groups, default=-1) + 1)]
    listed = "".join(
        f"<li><b>Group {number}</b> <small>{len(group)} images</small>"
        f"<span>{''.join(picture(seen[place], names[place]) for place in group)}</span></li>"
        for number, group in enumerate((each for each in places if len(each) > 1), 1)
    )
    alone = sum(len(group) == 1 for group in places)
    if not listed:
        return '<p class="hint">No two of them are in one group.</p>' if places else ""
    said = f'<p class="hint">{counted(alone, "image is", "images are")} in no group.</p>' if alone else ""
    return f'<h3>Groups, by the threshold alone</h3><ul class="groups">{listed}</ul>{said}'


def to_csv(names: Sequence[str], distances: np.ndarray) -> str:
    """The distances (N, N) with the names in the first row and the first column."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["", *names])
    writer.writerows([name, *(f"{distance:.6f}" for distance in row)] for name, row in zip(names, distances, strict=True))
    return text.getvalue()


def _label(name: str, image: np.ndarray, is_marked: bool) -> str:
    text = html.escape(name, quote=True)
    mark = "<b>?</b> " if is_marked else ""
    return f'<span title="{text}">{picture(image, name)}<small>{mark}{text}</small></span>'


def _cell(distance: float, threshold: float) -> str:
    is_same = distance <= threshold
    share = 1 - distance / threshold if is_same else min(distance / threshold - 1, 1)
    return f'<td class="{"near" if is_same else "far"}" style="--share: {share:.3f}">{distance:.2f}</td>'
