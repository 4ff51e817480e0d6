"""Two images, the verdict on them, and what it rests on."""

import weakref
from collections.abc import Sequence
from typing import Any

import gradio as gr
from PIL import Image

from siamese.demo import charts
from siamese.demo.base import AT_A_GLANCE, LOOKING, PRIVATE, REFRESH, Page
from siamese.demo.compare import view
from siamese.demo.compare.comparison import compare
from siamese.demo.compare.examples import EXAMPLES as EXAMPLES
from siamese.demo.compare.examples import Examples, examples
from siamese.demo.compare.opening import opening
from siamese.demo.compare.play import games, nearness
from siamese.demo.compare.snippets import snippets
from siamese.demo.compare.understand import Map, drivers
from siamese.demo.gradio_patches import refusal
from siamese.demo.inputs import Side, chosen, drawings_of, input_side, refresh_on_input
from siamese.verifier import Verifier
from siamese.visitors.workspace import Workspace

TITLE, ID = "Compare", "compare"
THRESHOLD_STEP = 0.001  # of the slider, in units of distance


def create_tab(page: Page) -> None:
    """The two sides with the verdict, examples, the threshold among the test pairs, what explains it, and snippets."""
    judge, first = Judge(page), page.models[page.model.value]
    point, slider = thresholds(first)
    waiting, standing, plane, driving, programs = judge([None, None], page.model.value, None, point["value"], 0, False)

    gr.HTML(view.SAID, elem_id="said", js_on_load="siamese.compare.offerLinks(element)")
    with gr.Row(elem_classes="stage"):
        sides = [input_side(ordinal, f"{ordinal.capitalize()} image") for ordinal in view.ORDINALS]
        with gr.Column(min_width=300, elem_classes="outcome"):
            with gr.Row(elem_classes="actions"):
                compare_button = gr.Button("Compare", scale=1, min_width=90)
                swap_button = gr.Button("Swap", scale=1, min_width=60)
                clear_button = gr.Button("Clear both", scale=1, min_width=116)
            script = "siamese.compare.offerToPassOn(element)"
            verdict = gr.HTML(waiting, elem_id="verdict", elem_classes="answer", js_on_load=script)
            gr.HTML(opening(first), elem_id="opening", js_on_load="siamese.compare.begin(element)")
    script = "siamese.forward(element, trigger, 'pair')"
    cards = gr.HTML(judge.examples_of(first, None).cards, elem_id="examples", js_on_load=script)
    gr.HTML(games(), elem_id="play", js_on_load="siamese.play.offer(element)")
    with gr.Row(elem_id="judge"):
        gr.HTML("<h2>Where to draw the line</h2>")
        standing = gr.HTML(standing, elem_id="standing")
        with gr.Column(min_width=240):
            info = "Fewer false accepts cost more false rejects."
            point = gr.Radio(**point, label="Threshold", info=info, elem_id="point")
            slider = gr.Slider(
                THRESHOLD_STEP, **slider, step=THRESHOLD_STEP, buttons=[], label="Or any distance", elem_id="threshold"
            )
    with gr.Row(elem_id="understand"):
        with gr.Column():
            gr.HTML("<h2>Where the two images lie</h2>")
            plane = gr.HTML(plane, elem_id="plane", js_on_load="siamese.compare.moveMarks(element)")
        with gr.Column():
            gr.HTML("<h2>What drives the distance</h2>")
            explain = gr.Checkbox(label="Show it on the images", elem_id="explain", container=False)
            script = "siamese.compare.offerDrivers(element, trigger)"
            driving = gr.HTML(driving, elem_id="drivers", js_on_load=script)
    with gr.Accordion("The same in a program", open=False):
        programs = gr.HTML(programs, elem_id="snippets", js_on_load="siamese.compare.offerCopies(element)")

    refresh = gr.Number(visible=False, precision=0)  # any new value shows the verdict on what the page holds then
    # One listener for all, and the latest event counts, so that a verdict on what was there before never stays. Handlers
    # that change several parts bring their own verdict, and refresh it only when all of them are in place.
    inputs = [part for side in sides for part in side.parts]
    settings = [page.model, page.own, point, slider, explain]
    outcome = [verdict, standing, plane, driving, programs]
    asked, held = [refresh, *settings, *inputs], [*settings, *inputs]
    refresh.change(judge.show, asked, outcome, js=asked_js(sides, asked, explain), **AT_A_GLANCE)
    gr.on([explain.input, driving.click], None, None, refresh, js="() => siamese.compare.explain()", **PRIVATE)
    verdict.change(None, verdict, refresh, js="(html) => siamese.answered('verdict', html)", **PRIVATE)
    chosen_model = page.model.change(judge.thresholds, [page.model, page.own], [point, slider, cards], **PRIVATE)
    chosen_model.then(None, None, refresh, js=REFRESH, **PRIVATE)
    point.input(None, point, [slider, refresh], js="(point) => siamese.compare.named(point)", **PRIVATE)
    slider.input(None, None, [point, refresh], js="() => siamese.compare.moved()", **PRIVATE)
    refresh_on_input(sides, refresh)
    compare_button.click(None, None, refresh, js="() => siamese.compare.showDetails()", **PRIVATE)
    emptied = [*(side.upload for side in sides), refresh]
    clear_button.click(None, None, emptied, js=f"() => siamese.clear('{ID}', {len(sides)})", **PRIVATE)
    # The tabs are opened by a script: as an output, they would have Gradio fetch the drawings on them time and again.
    loaded = [part for side in sides for part in (side.active, side.upload)]
    changes = (
        cards.click(judge.load_example, settings, [*loaded, *outcome], js=asked_js([], settings, explain), **PRIVATE),
        swap_button.click(judge.swap, held, [*loaded, *outcome], js=asked_js(sides, held, explain), **AT_A_GLANCE),
    )
    for changed in changes:
        changed.then(None, None, refresh, js="() => siamese.compare.openUploads()", **PRIVATE)


def asked_js(sides: Sequence[Side], inputs: Sequence[Any], explain: gr.Checkbox) -> str:
    """Script that puts the drawings of `sides` into `inputs`, and asks for the drivers only when it is their time."""
    drawings = drawings_of(sides, inputs)
    return f"(...values) => siamese.compare.withoutDrivers(({drawings})(...values), {inputs.index(explain)})"


class Judge:
    """The handlers of the tab. Called, it gives all that is said of two images."""

    def __init__(self, page: Page) -> None:
        self._models, self._served = page.models, next(iter(page.models))
        # Of visitors' own models no longer than these are kept.
        self._maps, self._examples = weakref.WeakKeyDictionary(), weakref.WeakKeyDictionary()

    def __call__(
        self, images: list, name: str, own, point: float | None, slider: float, is_explained: bool, turn: int | None = None
    ) -> list[str]:
        """As HTML: the verdict, its place among test pairs, the map, the drivers, the snippets."""
        verifier, threshold = self._models.of(name, own), point or slider
        found = compare(verifier, images)
        verdict = found.verdict(threshold)
        effects = found.drivers() if is_explained else None
        caution, is_linkable = view.caution(found.is_familiar, found.remarks), found.fits_a_link
        near = nearness(verifier, found.embeddings) if verdict else ""
        panel = view.verdict_panel(
            threshold, found.seen, verdict, found.message, found.is_problem, turn, caution, is_linkable, near
        )
        return [
            panel,
            charts.section(verifier.config.distances, threshold, verdict),
            self._map_of(verifier).draw(found.embeddings),
            drivers(found.seen, effects),
            snippets(name, threshold, verifier.config.calibration.threshold, self._served),
        ]

    def _map_of(self, verifier: Verifier) -> Map:
        """The map of a model, drawn up once."""
        if verifier not in self._maps:
            self._maps[verifier] = Map(verifier.reference)
        return self._maps[verifier]

    def examples_of(self, verifier: Verifier, own: Workspace | None) -> Examples:
        """What a model is shown with, chosen once."""
        if verifier not in self._examples:
            self._examples[verifier] = examples(verifier, own)
        return self._examples[verifier]

    def show(self, turn: int, name: str, own, point, slider, is_explained, *parts) -> list:
        """All that is said of what the open tabs of the two sides hold; each side has three parts."""
        with LOOKING:
            return self([chosen(*parts[:3]), chosen(*parts[3:])], name, own, point, slider, is_explained, turn)

    def load_example(self, name: str, own, point, slider, is_explained, event: gr.EventData) -> list:
        """An example pair for the two uploads, the tab they are on, and all that is said of it."""
        pairs, number = self.examples_of(self._models.of(name, own), own).pairs, int(event.pair)
        if not 0 <= number < len(pairs):
            raise refusal(f"there is no example {number + 1} of this model, but {len(pairs)}: choose one of them")
        images = [Image.fromarray(image) for image in pairs[number]]
        return ["upload", images[0], "upload", images[1], *self(images, name, own, point, slider, is_explained)]

    def swap(self, name: str, own, point, slider, is_explained, *parts) -> list:
        """What each side holds as an upload of the other, and all that is said of them: the same, as it has to be."""
        with LOOKING:
            first, second = chosen(*parts[:3]), chosen(*parts[3:])
            found = self([second, first], name, own, point, slider, is_explained)
            return ["upload", second, "upload", first, *found]

    def thresholds(self, name: str, own) -> list:
        """The thresholds that another model offers, and its examples."""
        verifier = self._models.of(name, own)
        point, slider = thresholds(verifier)
        return [gr.Radio(**point), gr.Slider(**slider), self.examples_of(verifier, own).cards]


def thresholds(verifier: Verifier) -> tuple[dict, dict]:
    """What a radio of the named thresholds of a model, and a slider over all, are made of."""
    own, curve = verifier.config.calibration.threshold, verifier.config.distances
    choices = list(charts.operating_points(curve, own).items())
    largest = charts.largest_threshold(curve, own)
    return {"choices": choices, "value": own}, {"maximum": largest, "value": round(own, 3)}
