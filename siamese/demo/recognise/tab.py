"""Examples of new classes, a query, and the classes by how near they are to it; kept for the page alone."""

import gradio as gr
from PIL import Image

from siamese.demo.base import AT_A_GLANCE, LOOKING, PRIVATE, REFRESH, Page
from siamese.demo.elements import note
from siamese.demo.inputs import chosen, drawings_of, input_side, refresh_on_input
from siamese.demo.recognise import taught, view
from siamese.verifier import Verifier

TITLE, ID = "Recognise", "recognise"


def create_tab(page: Page) -> None:
    """A side for examples, a side for the query, the ranking, and what was taught so far."""
    model, models = page.model, page.models

    def teach(known: tuple, name: str, own, label: str, *parts) -> list:
        """One example more, or what was wrong with it."""
        image = chosen(*parts)
        try:
            if image is None:
                raise ValueError("draw or upload an example first")
            known = taught.teach(known, label, image, models.all(own), models.of(name, own).name)
        except ValueError as error:
            return [gr.skip(), gr.skip(), note(str(error), problem=True)]
        return [known, view.taught(known, name), note(view.added(known[-1], name))]

    def remove(known: tuple, name: str, event: gr.EventData) -> tuple:
        """The examples without one class."""
        known = taught.forget(known, str(event.remove))
        return known, view.taught(known, name), note("")

    def clear(name: str) -> tuple:
        """No examples."""
        return (), view.taught((), name), note("")

    def ask(turn: int, known: tuple, name: str, own, *parts) -> str:
        """The ranking of the classes for what the open tab of the query holds, as HTML."""
        with LOOKING:
            return rank(models.of(name, own), known, chosen(*parts), turn)

    with gr.Row(elem_classes="stage"):
        with gr.Column(min_width=300, elem_classes="half"):
            example = input_side("example", "An example")
            with gr.Row(elem_id="teaching"):
                label = gr.Textbox(
                    label="Name of the class", max_length=taught.MAX_NAME_LENGTH, max_lines=1, elem_id="label"
                )
                add_button = gr.Button("Add example", variant="primary", min_width=120)
            said = gr.HTML(note(""))
        query = input_side("query", "What is this?")
        ranking = gr.HTML(rank(models[model.value], (), None), elem_id="answer", elem_classes=["answer", "outcome"])
    cards = gr.HTML(view.taught((), model.value), elem_id="taught", js_on_load="siamese.forward(element, trigger, 'remove')")
    forget_button = gr.Button("Forget all", elem_id="forget")

    examples = gr.State(())
    refresh = gr.Number(visible=False, precision=0)
    asked, taught_by = [refresh, examples, model, page.own, *query.parts], [examples, model, page.own, label, *example.parts]
    refresh.change(ask, asked, ranking, js=drawings_of([query], asked), **AT_A_GLANCE)
    ranking.change(None, ranking, refresh, js="(html) => siamese.answered('answer', html)", **PRIVATE)
    refresh_on_input([query], refresh)
    changed = [examples, cards, said]
    for trigger in (add_button.click, label.submit):
        added = trigger(teach, taught_by, changed, js=drawings_of([example], taught_by), **PRIVATE)
        emptied = [example.upload, refresh]
        added.then(None, [said, example.upload], emptied, js="(...values) => siamese.recognise.added(...values)", **PRIVATE)
    changes = (
        cards.click(remove, [examples, model], changed, **PRIVATE),
        forget_button.click(clear, model, changed, **PRIVATE),
        model.change(view.taught, [examples, model], cards, **PRIVATE),
    )
    for change in changes:
        change.then(None, None, refresh, js=REFRESH, **PRIVATE)


def rank(verifier: Verifier, examples: tuple, image: Image.Image | str | None, turn: int | None = None) -> str:
    """The taught classes, nearest to the image first, or what is wrong or missing, as HTML."""
    threshold = verifier.config.calibration.threshold
    if image is None:
        return view.answer(examples, threshold, text="Draw or upload what is to be recognised.", turn=turn)
    try:
        look = verifier.look(image)
    except ValueError as error:
        return view.answer(examples, threshold, text=str(error), problem=True, turn=turn)
    if not taught.knows_any(examples, verifier.name):
        return view.answer(examples, threshold, seen=look.seen, text="Teach a class or two first.", turn=turn)
    return view.answer(examples, threshold, taught.recognise(examples, look, verifier), look.seen, turn=turn)
