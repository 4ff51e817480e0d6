"""Two rows or sequences of numbers, the verdict on them, and what the network sees."""

from pathlib import Path

import gradio as gr

from siamese.demo import charts
from siamese.demo.base import AT_A_GLANCE, LOOKING, PRIVATE, Page
from siamese.demo.compare.comparison import Comparison, compare
from siamese.demo.compare.view import ORDINALS, SAID, caution, verdict_panel
from siamese.demo.numbers.sides import numbers_side, refresh_on_input, source_of, strokes_js
from siamese.demo.numbers.view import seen_in_numbers
from siamese.inputs import INPUTS, reworded
from siamese.verifier import Verifier

TITLE, ID = "Compare", "compare"  # the same as of images, whose style and script hold for it
SIDE = 240  # px of a picture of what the network sees


def create_tab(page: Page) -> None:
    """The two sides with the verdict, what the network sees in numbers, and where the pair lies among the test pairs."""

    def show(turn: int, name: str, own, *parts) -> list[str]:
        """All that is said of what the open tabs of the two sides hold."""
        verifier = page.models.of(name, own)
        with LOOKING:
            return told(verifier, looked_at(verifier, parts[:5], parts[5:]), turn)

    first = page.models[page.model.value]
    waiting, numbers, standing = told(first, compare(first, [None, None]), 0)
    gr.HTML(SAID, elem_id="said")
    with gr.Row(elem_classes="stage"):
        sides = [numbers_side(ordinal, ordinal.capitalize(), first.config) for ordinal in ORDINALS]
        with gr.Column(min_width=300, elem_classes="outcome numbers"):
            with gr.Row(elem_classes="actions"):
                clear_button = gr.Button("Clear both")
            script = "siamese.compare.offerToPassOn(element)"
            verdict = gr.HTML(waiting, elem_id="verdict", elem_classes="answer", js_on_load=script)
    numbers = gr.HTML(numbers)
    standing = gr.HTML(standing)

    refresh = gr.Number(visible=False, precision=0)  # as of siamese.demo.compare.tab
    asked = [refresh, page.model, page.own, *(part for side in sides for part in side.parts)]
    refresh.change(show, asked, [verdict, numbers, standing], js=strokes_js(sides, asked), **AT_A_GLANCE)
    verdict.change(None, verdict, refresh, js="(html) => siamese.answered('verdict', html)", **PRIVATE)
    refresh_on_input(sides, refresh)
    emptied = [*(side.upload for side in sides), *(side.text for side in sides), refresh]
    clear_button.click(None, None, emptied, js="() => siamese.numbers.clear()", **PRIVATE)


def looked_at(verifier: Verifier, *sides: tuple) -> Comparison:
    """What a model makes of what two sides hold, each the values of `Side.parts`."""
    sources = []
    for ordinal, (active, strokes, upload, row, text) in zip(ORDINALS, sides, strict=True):
        try:
            sources.append(source_of(verifier.config, active, strokes, upload, row, text))
        except ValueError as error:
            noun = INPUTS[verifier.config.preprocess.mode].noun
            return Comparison(verifier, (None, None), f"{ordinal.capitalize()} {noun}: {error}", is_problem=True)
    found = compare(verifier, sources)
    message = found.message
    for upload in (side[2] for side in sides if side[2]):  # it is called as the visitor calls it
        message = message.replace(f"{Path(upload).parent}/", "")
    return Comparison(verifier, found.looks, message, found.is_problem)


def told(verifier: Verifier, found: Comparison, turn: int) -> list[str]:
    """As HTML: the verdict, what the network sees in numbers, and the place of the pair among test pairs."""
    config, kind = verifier.config, INPUTS[verifier.config.preprocess.mode]
    threshold = config.calibration.threshold
    verdict = found.verdict(threshold)
    pictures = [None if seen is None else verifier.draw(seen, SIDE) for seen in found.seen]
    strange = reworded(caution(found.is_familiar, found.remarks), kind.noun)
    return [
        verdict_panel(threshold, pictures, verdict, found.message, found.is_problem, turn, strange, noun=kind.noun),
        seen_in_numbers(config, found.seen),
        "<h2>Among the test pairs</h2>" + reworded(charts.section(config.distances, threshold, verdict), kind.noun),
    ]
