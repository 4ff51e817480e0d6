"""A camera that records while a button is held: an element for several tabs, and the pictures that come from it."""

import base64
import binascii

import gradio as gr

from siamese.demo.base import brought

MOST_FRAMES = 20  # of one press; static/camera.js takes four in a second
LONGEST_FRAME = 150_000  # characters; a square of 320 px has some 25,000, and a request may have a megabyte
START = "data:image/jpeg;base64,"
ELEMENT = f"""
<div class="camera" data-most="{MOST_FRAMES}" NAMED>
<button type="button" data-open aria-pressed="false">Use the camera</button>
<div hidden><video muted playsinline aria-label="What the camera sees"></video>
<button type="button" data-record>Hold to record</button></div>
<p class="hint" role="status"></p></div>"""


def camera(name: str, named: str = "") -> gr.HTML:
    """The element. Its event `click` brings the frames of one press, see `frames_of`.

    `named`: the id of the box in which their class is to be named first, if it is.
    """
    element = ELEMENT.replace("NAMED", f'data-named="{named}"' if named else "")
    return gr.HTML(element, elem_id=f"camera-{name}", js_on_load="siamese.offerCamera(element, trigger)")


def frames_of(event: gr.EventData) -> list[bytes]:
    """The JPEG files of one press, not yet decoded. Raises ValueError for what no camera of ours sends."""
    frames = brought(event, "frames")
    is_list = isinstance(frames, list) and 0 < len(frames) <= MOST_FRAMES
    if not is_list or not all(
        isinstance(frame, str) and frame.startswith(START) and len(frame) <= LONGEST_FRAME for frame in frames
    ):
        raise ValueError(f"these are no pictures of a camera, allowed: 1 to {MOST_FRAMES} JPEG files as data URLs")
    try:
        return [base64.b64decode(frame[len(START) :], validate=True) for frame in frames]
    except binascii.Error as error:
        raise ValueError("a picture of the camera is damaged: record it again") from error
