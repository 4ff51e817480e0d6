"""Training on hosted hardware with the visitor's own account at the Hub, where visitors can log in: in a Space."""

import asyncio
import html
import os
from collections.abc import AsyncIterator, Mapping

import gradio as gr
from huggingface_hub import constants

from siamese.demo.base import PRIVATE, Page
from siamese.demo.elements import note
from siamese.hub.errors import HubError
from siamese.visitors.hosted import FLAVORS, HOURS, Choices, HostedTraining, Login, in_words, offers, plan_of
from siamese.visitors.task import Checked
from siamese.visitors.workspace import Workspace

TITLE = "Train on a hosted GPU, with your account at the Hugging Face Hub"
NAME = "my-siamese-model"
FITTING = "automatic"  # instead of the name of an encoder: what fits the images
FOLLOW_SECONDS = 0.5  # between two looks at a training
LOG_IN = "Log in at the top of this tab first. That loads the page anew, so do it before you bring pictures."
CHANGED = "What would be sent has changed meanwhile: read it again, then press once more."
AGAIN = "Press again to go on: what is there is not sent twice."
GOES_ON = "The job goes on all the same: follow it at its address, above."


def is_on() -> bool:
    """Whether visitors can log in: the Hub sets this in a Space that asks for it."""
    return bool(os.environ.get("OAUTH_CLIENT_ID"))


def login_button() -> None:
    """On top of the tab: to log in later would lose what was brought."""
    with gr.Row(elem_classes="login"):
        gr.LoginButton(size="md", scale=0, min_width=260)
        gr.HTML('<p class="hint">To push a model, or to train on a hosted GPU. This loads the page anew: do it first.</p>')


def create_part(page: Page, report: gr.HTML, choices: list) -> None:
    """Below the training of this server. `report`: on the images that were checked; `choices`: encoder, loss, epochs."""
    with gr.Accordion(TITLE, open=False, elem_id="hosted", elem_classes="hosted"):
        with gr.Row():
            name = gr.Textbox(
                NAME, label="Name of the model's repository", max_length=96, max_lines=1, elem_id="model-name", min_width=240
            )
            flavor = gr.Dropdown(list(FLAVORS), label="Hardware", elem_id="flavor", min_width=240)
        said = gr.HTML(note(LOG_IN), elem_id="hosted-terms")
        deletes = gr.Checkbox(label="Delete my pictures from the Hub when done", elem_id="hosted-delete")
        go = gr.Button("Send and train", variant="primary", interactive=False, elem_id="hosted-go")
        course = gr.HTML("", elem_id="hosted-course")
    prices, shown = gr.State({}), gr.State("")  # of an hour; and what stood there when the visitor agreed
    own, agreement = page.own, [said, shown, go]

    def ask_prices(token: gr.OAuthToken | None) -> list:
        """The hardware, where the visitor is logged in."""
        if token is None or not token.token:
            return [gr.skip(), {}, note(LOG_IN)]
        try:
            found = offers(token.token)
        except HubError as error:
            return [gr.skip(), {}, note(f"No hosted training now: {in_words(error)}", problem=True)]
        named = [(f"{flavor}, ${price:.2f} an hour", flavor) for flavor, price in found.items()]
        return [gr.Dropdown(named, value=next(iter(found), None)), found, note("")]

    def propose(space: Workspace, name: str, flavor: str, prices: dict, profile: gr.OAuthProfile | None) -> list:
        """What would go where, and what it costs; the button, where all of it can be."""
        if profile is None or not prices or space is None:  # the page is not loaded yet, or not logged in
            return [gr.skip(), "", gr.Button("Send and train", interactive=False)]
        try:
            words = proposal(space, name, flavor, prices, profile.username)
        except ValueError as error:
            return [note(str(error), problem=True), "", gr.Button("Send and train", interactive=False)]
        most = f"Send and train, for at most ${HOURS * prices[flavor]:.2f}"
        return [words, words, gr.Button(most, interactive=True)]

    async def train(
        space: Workspace, name: str, flavor: str, deletes: bool, prices: dict, shown: str,
        encoder: str, loss: str, epochs: int, profile: gr.OAuthProfile | None, token: gr.OAuthToken | None,
    ) -> AsyncIterator[dict]:  # fmt: skip
        """Send, start, and show all that happens until it is over; the job does not need this page."""
        login = Login(profile.username, token.token, token.expires_at) if profile and token and token.token else None
        try:
            if login is None:
                raise ValueError(LOG_IN)
            words = proposal(space, name, flavor, prices, login.user)
        except ValueError as error:
            yield {course: note(str(error), problem=True)}
            return
        if words != shown:
            yield {said: words, agreement[1]: words, course: note(CHANGED, problem=True)}
            return
        asked = Choices(flavor, name, None if encoder == FITTING else encoder, loss, int(epochs), deletes)
        training, seen = HostedTraining(space, asked, login), -1
        training.begin()
        yield {go: gr.Button(interactive=False)}
        while True:
            is_over, now = training.is_over, training.changes  # in this order, so that the last one is shown
            if now != seen:
                yield {course: course_of(training)}
                seen = now
            if is_over:
                break
            await asyncio.sleep(FOLLOW_SECONDS)
        yield {go: gr.Button(interactive=True)}

    asked = [own, name, flavor, prices]
    loaded = page.blocks.load(ask_prices, None, [flavor, prices, said], **PRIVATE)
    loaded.then(propose, asked, agreement, **PRIVATE)
    gr.on([report.change, name.change, flavor.change], propose, asked, agreement, **PRIVATE)
    given = [own, name, flavor, deletes, prices, shown, *choices]
    go.click(train, given, [*agreement, course], **(PRIVATE | {"concurrency_limit": None, "trigger_mode": "once"}))


def proposal(space: Workspace | None, name: str, flavor: str, prices: Mapping[str, float], user: str) -> str:
    """What would be sent, where to, and what it costs: all that a visitor agrees to, as HTML. Raises ValueError."""
    if space is None:
        raise ValueError("this page was out of reach for a while, or the server has started anew: reload the page")
    if flavor not in prices:
        raise ValueError("choose the hardware")
    return terms(space.checked(), Choices(flavor, name, None, "supcon", 1, False), user, prices[flavor])


def terms(checked: Checked, choices: Choices, user: str, price: float) -> str:
    """What goes where, and what it costs an hour in US dollars. Raises ValueError where it cannot be."""
    plan = plan_of(checked, choices, user)
    images = "None are sent: the job has the bundled digits."
    if plan.images:
        images = f"{html.escape(str(plan.images))}. {how_to_delete(plan.images.repo_id, plan.images.delete)}"
    rows = {
        "Pictures": images,
        "Model": f"to the private repository <b>{html.escape(plan.repo_id)}</b>, pushed by the job.",
        "Code": f"of this page, to the private repository {html.escape(plan.code_repository)}.",
        "Price": f"{plan.flavor} costs <b>${price:.2f} an hour</b>, from your account at the Hub. The job is stopped after "
        f"{HOURS} h, so it is ${HOURS * price:.2f} at most.",
        "Afterwards": "Once the job has started, it goes on though you close this page.",
        "Login": "used for this job alone, which has it as a secret; it is kept nowhere.",
    }
    return f'<dl class="terms">{"".join(f"<dt>{name}</dt><dd>{said}</dd>" for name, said in rows.items())}</dl>'


def how_to_delete(repo_id: str, command: str) -> str:
    """Where, and by which command."""
    settings = f"{constants.ENDPOINT}/datasets/{repo_id}/settings"
    return (
        f'To delete them: <code>{html.escape(command)}</code>, or in <a href="{html.escape(settings)}" target="_blank" '
        'rel="noopener">its settings</a>.'
    )


def course_of(training: HostedTraining) -> str:
    """How far a training is, what it has said, and what came of it."""
    job, model, images = training.job, training.model, training.images
    parts = []
    if job:
        where = f'<a href="{html.escape(job.url)}" target="_blank" rel="noopener">{html.escape(job.id)}</a>'
        parts.append(f"<p>Job {where}. {'' if training.is_over else 'It goes on though you close this page.'}</p>")
    if training.lines:
        log = html.escape("\n".join(training.lines))
        parts.append(f'<div class="log" role="log" aria-label="Log" tabindex="0"><pre>{log}</pre></div>')
    if model:
        repository = f'<a href="{html.escape(model.url)}" target="_blank" rel="noopener">{html.escape(model.repo_id)}</a>'
        parts.append(f'<p role="status"><b>Done.</b> The model is in {repository}, commit {html.escape(model.commit)}.</p>')
    if training.problem:
        again = "" if model else f" {GOES_ON if job and not training.job_has_ended else AGAIN}"
        parts.append(f'<p class="note problem" role="alert">{html.escape(sentence(training.problem))}{again}</p>')
    if training.is_over and images:
        how = how_to_delete(images.repo_id, images.delete)
        parts.append(f"<p>Your pictures are in the private dataset {html.escape(images.repo_id)}. {how}</p>")
    elif model and training.had_images:
        parts.append("<p>Your pictures are deleted from the Hub.</p>")
    return "".join(parts)


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
