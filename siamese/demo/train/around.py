"""HTML around a training on the page: what may be trained, what was brought, where it may go. Pure functions."""

import html
from collections.abc import Mapping

from siamese.demo.elements import note
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
    return f"{note(message, problem)}{kept}"


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
