"""What a camera sends is taken, and whatever else is sent is refused in a sentence."""

import base64
import io

import gradio as gr
import pytest
from PIL import Image

from siamese.demo.camera import LONGEST_FRAME, MOST_FRAMES, START, frames_of


def frame(digit) -> str:
    Image.fromarray(digit).save(file := io.BytesIO(), "JPEG")
    return START + base64.b64encode(file.getvalue()).decode()


def test_the_frames_of_a_press_are_jpeg_files(digits):
    files = frames_of(gr.EventData(None, {"frames": [frame(digit) for digit in digits[0][:3]]}))
    assert [Image.open(io.BytesIO(file)).format for file in files] == ["JPEG"] * 3


@pytest.mark.parametrize(
    "frames",
    [
        None, "text", {}, [], [1], [None], [START] * (MOST_FRAMES + 1), [START + "a" * LONGEST_FRAME],
        ["data:text/html;base64,PA=="], ["https://example.org/a.jpg"], ["/etc/passwd"], [START + "no base64!"],
        [START + "a"],
    ],
    ids=repr,
)  # fmt: skip
def test_whatever_else_is_refused_in_a_sentence(frames):
    with pytest.raises(ValueError, match="camera"):
        frames_of(gr.EventData(None, {"frames": frames}))


@pytest.mark.parametrize("data", [None, {}, [], "text", 1])
def test_what_is_no_event_of_a_camera_is_refused_in_a_sentence(data):
    with pytest.raises(ValueError, match="camera"):
        frames_of(gr.EventData(None, data))
