"""HTML of the same comparison in a program. Pure functions; what is not ours is escaped."""

import html
import shlex

BUNDLED = " (bundled)"
ADDRESS = "http://127.0.0.1:7860"  # until the script of the tab has put that of the page in its place


def snippets(model: str, threshold: float, own: float, served: str) -> str:
    """The comparison on the page as Python, on the command line, and as a call to the running demo.

    `own` is the model's own threshold; the demo answers programs by the model `served`, at its own threshold.
    """
    name = model.removesuffix(BUNDLED)
    is_found = model.endswith(BUNDLED) or "/" in name or name.endswith(".zip")  # the last is a download of a visitor's own
    source = name if is_found else f"path/to/{name}"
    is_own = threshold == own
    option = "" if is_own else f", threshold={threshold:.6g}"
    texts = {
        "Python": "from siamese import Verifier\n\n"
        f"verifier = Verifier.from_pretrained({source!r})\n"
        f'verdict = verifier.verify("a.png", "b.png"{option})\n'
        "print(verdict.is_same, verdict.confidence, verdict.distance)",
        "Command line": f"python -m siamese compare a.png b.png --model {shlex.quote(source)}"
        + ("" if is_own else f" --threshold {threshold:.6g}"),
        "This page, as a service": "from gradio_client import Client, handle_file\n\n"
        f'client = Client("{ADDRESS}", verbose=False)\n'
        'print(client.predict(image_a=handle_file("a.png"), image_b=handle_file("b.png"), api_name="/compare"))'
        + ("" if model == served and is_own else f"\n# judged by the model {served} at its own threshold"),
    }
    return "".join(
        f'<div class="snippet"><h3>{title}</h3><button type="button" data-copy aria-label="Copy: {title}">Copy</button>'
        f'<pre tabindex="0"><code>{_with_place(html.escape(text))}</code></pre></div>'
        for title, text in texts.items()
    )


def _with_place(text: str) -> str:
    """The address as an element of its own, for the script that changes it."""
    return text.replace(ADDRESS, f"<span data-address>{ADDRESS}</span>")
