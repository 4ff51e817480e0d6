"""HTML and style around a training on the page: what may be trained, what was brought, where it may go. Pure functions."""

import html
from collections.abc import Mapping

from siamese.visitors.limits import TrainingLimits


def introduction(limits: TrainingLimits) -> str:
    """What the tab is for, and what the operator allows."""
    return (
        "<h2>Train a network of your own</h2>"
        "<p>Bring a few classes of pictures, some of each: people, signatures, signs, parts. A network learns to put those "
        "of a class together and to keep classes apart; then it is yours to try on this page, and to take home.</p>"
        f'<p class="rates">{html.escape(limits.sentence())}</p>'
    )


def by_hand(classes: Mapping[str, int], message: str = "", problem: bool = False) -> str:
    """The classes made by hand with the numbers of their images, and a line about what was just done."""
    listed = "".join(f"<li>{html.escape(name)} <b>{number:,}</b></li>" for name, number in classes.items())
    kept = f'<ul class="by-hand">{listed}</ul>' if classes else '<p class="hint">No class yet.</p>'
    return f"{line(message, problem)}{kept}"


def line(message: str, problem: bool = False) -> str:
    """A line about what was just done, or (`problem`) could not be."""
    return f'<p class="note{" problem" * problem}" role="status">{html.escape(message)}</p>'


def done() -> str:
    """What can be done with the model now."""
    return (
        "<h2>Yours to use</h2><p>The tabs Compare, Recognise and Many use it now, for you alone; at the top of the page "
        "you can choose another. The ZIP is all of it: <code>SIAMESE_MODEL</code> and "
        "<code>Verifier.from_pretrained</code> take it as it is, or unpacked.</p>"
    )


def away_from_a_space() -> str:
    """Why there is nothing to push with."""
    return (
        '<p class="hint">Where this page runs as a Space of the Hugging Face Hub, you can log in there and push the model '
        "to your own account. This one does not: download the model, and push it with "
        "<code>python -m siamese push FOLDER --repo-id USER/NAME</code>.</p>"
    )


def pushed(repo_id: str, url: str) -> str:
    """Where the model went."""
    return f'<p class="note" role="status">Pushed: <a href="{html.escape(url)}">{html.escape(repo_id)}</a></p>'


CSS = """
#train > div { gap: 16px; }
#train .html-container p { margin: 6px 0 0; max-width: 90ch; color: var(--body-text-color); }
#train .rates, #train .hint { color: var(--quiet); font-size: .875rem; }
#train .note { min-height: 1.4em; font-size: .875rem; color: var(--quiet); overflow-wrap: anywhere; }
#train .note.problem { color: var(--problem); }
#hand { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 320px); gap: 24px; align-items: start; }
#modes #hand .stage { display: block; }
.paper { container-type: inline-size; }
.by-hand { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 0 !important; padding: 0 !important; list-style: none; }
.by-hand li { margin: 0 !important; padding: 4px 10px; border-radius: 6px; border: 1px solid var(--border-color-primary);
  color: var(--body-text-color); overflow-wrap: anywhere; }
#live { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: 24px; align-items: start; }
@media (max-width: 1023px) {
  #live { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 639px) {
  #hand { grid-template-columns: minmax(0, 1fr); }
}
"""
