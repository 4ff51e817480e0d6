"""HTML of the tab that compares numbers: what the network sees of them. Pure functions; what is not ours is escaped."""

import html
from collections.abc import Sequence

import numpy as np

from siamese.config import ModelFolderConfig, counted
from siamese.demo.compare.view import ORDINALS
from siamese.inputs import INPUTS

MOST_SHOWN = 200  # lines of the table


def seen_in_numbers(config: ModelFolderConfig, seen: Sequence[np.ndarray | None]) -> str:
    """What a model takes, in words, and a table of what it sees of two canonical arrays, of which each may be None."""
    preprocess, kind = config.preprocess, INPUTS[config.preprocess.mode]
    facts = [{} if array is None else kind.facts(array, preprocess) for array in seen]
    colours, names = kind.colours(preprocess), list(facts[0] or facts[1])
    rows = "".join(
        f"<tr><th>{_key(colours.get(name))}{html.escape(name)}</th>"
        + "".join(f"<td>{html.escape(each.get(name, ''))}</td>" for each in facts)
        + "</tr>"
        for name in names[:MOST_SHOWN]
    )
    more = f'<p class="hint">and {counted(len(names) - MOST_SHOWN, "more column")}</p>' * (len(names) > MOST_SHOWN)
    head = "".join(f"<th>{ordinal.capitalize()}</th>" for ordinal in ORDINALS)
    table = (
        f'<div class="numbers-table" tabindex="0" role="group" aria-label="What the network sees, in numbers"><table>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>{more}"
    )
    described = html.escape(kind.describe(preprocess, config.encoder))
    return f'<h2>In numbers</h2><p class="hint">It takes {described}.</p>' + (table if names else "")


def _key(colour: tuple[int, int, int] | None) -> str:
    return "" if colour is None else f'<span style="background: rgb{colour}"></span>'
