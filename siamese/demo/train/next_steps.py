"""HTML of what can be done with a model once it is trained. Nothing in it is a stranger's."""


def done() -> str:
    """What can be done with the model now: three steps."""
    steps = "".join(
        f'<li><button type="button" data-go="{tab}">{title}</button><p>{text}</p></li>'
        for tab, title, text in (
            ("compare", "Compare two pictures", "Draw or upload two, and see its verdict."),
            ("recognise", "Teach it new classes", "An example or two of each; nothing is trained again."),
            ("many", "Sort many pictures", "Their groups, and the distances between all of them."),
        )
    )
    return (
        f'<h2>Yours to use, next</h2><ol class="steps">{steps}</ol><p class="rates">All tabs use it now, for you alone; at '
        "the top of the page you can choose another. To keep it, download it: <code>SIAMESE_MODEL</code> and "
        "<code>Verifier.from_pretrained</code> take the ZIP as it is.</p>"
    )
