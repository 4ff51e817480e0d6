"""Examples of new classes, a query, and the classes by how near they are to it; kept for the page alone."""

import gradio as gr
from gradio.events import Dependency
from PIL import Image

from siamese.demo import uploads
from siamese.demo.base import AT_A_GLANCE, LOOKING, PRIVATE, REFRESH, Page, brought
from siamese.demo.elements import note
from siamese.demo.gradio_patches import UploadedFiles
from siamese.demo.inputs import Side, chosen, drawings_of, follow_tabs, input_side, refresh_on_input
from siamese.demo.recognise import kept, samples, taught, view
from siamese.verifier import Verifier

TITLE, ID = "Recognise", "recognise"


def create_tab(page: Page) -> None:
    """A side for examples, a side for the query, the ranking, samples, what was taught so far, and that as a file."""
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

    def keep(known: tuple, name: str, own) -> str:
        """The link that saves what was taught."""
        return view.to_keep(kept.as_file(known, models.of(name, own)))

    with gr.Row(elem_classes="stage"):
        with gr.Column(min_width=300, elem_classes="half"):
            example = input_side("example", "An example")
            with gr.Row(elem_id="teaching"):
                label = gr.Textbox(
                    label="Name of the class", max_length=taught.MAX_NAME_LENGTH, max_lines=1, elem_id="label"
                )
                add_button = gr.Button("Add example", variant="primary", min_width=120)
            said = gr.HTML(note(""), elem_id="teaching-note")
        query = input_side("query", "What is this?")
        ranking = gr.HTML(rank(models[model.value], (), None), elem_id="answer", elem_classes=["answer", "outcome"])
    examples = gr.State(())
    cards = gr.HTML(
        view.taught((), model.value),
        elem_id="taught",
        js_on_load="siamese.forward(element, trigger, 'remove')",
        render=False,
    )
    changed = [examples, cards, said]
    refresh = gr.Number(visible=False, precision=0)
    taught_samples = _samples_part(page, query, changed, refresh)
    cards.render()
    with gr.Row(elem_classes="keeping"):
        forget_button = gr.Button("Forget all", elem_id="forget")
        link = gr.HTML("", elem_id="keep")
    more = (taught_samples, _file_part(page, changed))
    asked, taught_by = [refresh, examples, model, page.own, *query.parts], [examples, model, page.own, label, *example.parts]
    refresh.change(ask, asked, ranking, js=drawings_of([query], asked), **AT_A_GLANCE)
    ranking.change(None, ranking, refresh, js="(html) => siamese.answered('answer', html)", **PRIVATE)
    refresh_on_input([query], refresh)
    taught_in = []
    for trigger in (add_button.click, label.submit):
        taught_in.append(added := trigger(teach, taught_by, changed, js=drawings_of([example], taught_by), **PRIVATE))
        emptied = [example.upload, refresh]
        added.then(None, [said, example.upload], emptied, js="(...values) => siamese.recognise.added(...values)", **PRIVATE)
    changes = (
        cards.click(remove, [examples, model], changed, **PRIVATE),
        forget_button.click(clear, model, changed, **PRIVATE),
        model.change(view.taught, [examples, model], cards, **PRIVATE),
    )
    for change in (*changes, *more):
        change.then(None, None, refresh, js=REFRESH, **PRIVATE)
    for change in (*changes, *more, *taught_in):
        change.then(keep, [examples, model, page.own], link, **PRIVATE)
    follow_tabs(example)


def _samples_part(page: Page, query: Side, changed: list, refresh: gr.Number) -> Dependency:
    """Buttons that teach samples, and that ask about one; the event in which they are taught."""
    models = page.models

    def teach_samples(known: tuple, name: str, own) -> list:
        """Examples of a few digits more, or why there are none."""
        try:
            for label, image in samples.to_teach():
                known = taught.teach(known, label, image, models.all(own), models.of(name, own).name)
        except ValueError as error:
            return [gr.skip(), gr.skip(), note(str(error), problem=True)]
        return [known, view.taught(known, name), note("Added two examples of each of three digits.")]

    def ask_about(event: gr.EventData) -> list:
        """A sample for the upload of the query, and the tab that it is on; nothing for what is no sample."""
        number = str(brought(event, "sample"))
        if not (number.isascii() and number.isdecimal() and int(number[:9]) < len(samples.ASKED)):
            return [gr.skip(), gr.skip()]
        return ["upload", samples.to_ask()[int(number)]]

    offered = gr.HTML(view.offered(), elem_id="samples", js_on_load="siamese.recognise.offerSamples(element, trigger)")
    asked_about = offered.click(ask_about, None, [query.active, query.upload], **PRIVATE)
    asked_about.then(None, None, refresh, js="() => siamese.recognise.openQuery()", **PRIVATE)
    return offered.select(teach_samples, [changed[0], page.model, page.own], changed, **PRIVATE)


def _file_part(page: Page, changed: list) -> Dependency:
    """An upload for what was taught another day, and the event in which it is taken."""

    def load(path: str | None, known: tuple, name: str, own) -> list:
        """The examples with those of a gallery file, or what is wrong with it; the file is not kept."""
        try:
            if path is None:
                raise ValueError("there is no file: choose one first")
            known = kept.read(path, known, page.models.of(name, own))
        except ValueError as error:
            return [None, gr.skip(), gr.skip(), note(str(error), problem=True)]
        finally:
            uploads.delete(path)
        return [None, known, view.taught(known, name), note("Added what was in the file.")]

    label = f"Or go on with what was saved: a gallery file, up to {kept.MOST_MEGABYTES} MB"
    file = UploadedFiles(file_types=[".safetensors"], label=label, height=140, elem_id="gallery")
    return file.upload(load, [file, changed[0], page.model, page.own], [file, *changed], **PRIVATE)


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
