"""How the page reads its sketchpads: scripts that hand a drawing over with the request that asks about it.

Gradio would fetch the drawing of a sketchpad that is an input or a trigger of a listener at each change of the status of any
request, some ten times for a stroke, upload three files each time, and answer only then. So none of ours is either: the
scripts take the pixels from the editor itself, once for each change, and send them as a data URL among the other inputs.
"""

import base64
import io

from PIL import Image

LONGEST = 2_000_000  # characters of a drawing: a canvas has some 10,000
MOST_SIDE = 2000  # px
START = "data:image/png;base64,"

# Gradio's editor shows itself as window.editor, the one made last; all of them are kept here.
HEAD = """<script>
(() => {
  if (window.drawingOf) return;
  const editors = new Set(), latest = new WeakMap();
  // Without a graphics card, what takes most of the time of a stroke is drawing the board: four samples of each pixel, of
  // which nothing is seen, as strokes have only one, and in each frame anew the blurred shadow of a sheet that fills it.
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, options, ...others) {
    if (String(kind).startsWith("webgl")) options = {...options, antialias: false};
    return getContext.call(this, kind, options, ...others);
  };
  const board = (editor) => editor.app?.renderer?.canvas;  // once it is set up
  const place = (editor) => board(editor)?.closest(".sketch");
  const drawn = (editor) => {
    latest.delete(editor);
    setTimeout(() => { editor.render_idle_remaining = 50; });  // ms; it would draw what stands still for another second
    place(editor)?.dispatchEvent(new CustomEvent("drawn", {bubbles: true}));
  };
  Object.defineProperty(window, "editor", {get: () => [...editors].at(-1), set: (editor) => {
    if (!editor || editors.has(editor)) return;
    for (const other of editors) if (board(other)?.isConnected === false) editors.delete(other);
    editors.add(editor);
    editor.on("change", () => drawn(editor));
    editor.ready.then(() => { editor.outline_container.visible = false; });
  }});
  const read = ({app, image_container, width, height}) => {
    const frame = image_container.getLocalBounds().rectangle.clone();
    Object.assign(frame, {x: 0, y: 0, width, height});
    const taken = app.renderer.extract.pixels({target: image_container, resolution: 1, frame});
    const canvas = Object.assign(document.createElement("canvas"), {width: taken.width, height: taken.height});
    const pixels = new ImageData(new Uint8ClampedArray(taken.pixels), taken.width, taken.height);
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas.toDataURL();  // not toBlob, which waits until the browser has nothing else to do
  };
  window.drawingOf = (name) => {
    const editor = [...editors].find((each) => board(each)?.isConnected && place(each)?.id === `sketch-${name}`);
    if (!editor) return "";
    if (!latest.has(editor)) latest.set(editor, read(editor));
    return latest.get(editor);
  };
})();
</script>"""


def drawn_js(name: str) -> str:
    """Script of an element that has Gradio hear of each change of a sketchpad, as a click on the element."""
    return f"""
document.addEventListener("drawn", ({{target}}) => {{
  if (element.isConnected && target.id === "sketch-{name}") trigger("click");
}});
"""


def fill_js(drawings: dict[int, str]) -> str:
    """Script that puts drawings among the inputs of a listener: the place of each, and the name of its sketchpad."""
    filled = "".join(f"values[{place}] = window.drawingOf('{name}'); " for place, name in drawings.items())
    return f"(...values) => {{ {filled}return values; }}"


def read_drawing(data_url: str | None) -> Image.Image | None:
    """What is drawn, dark on white, mode "L"; None where nothing is. Raises ValueError for what no sketchpad sends."""
    if not data_url:
        return None
    if not isinstance(data_url, str) or not data_url.startswith(START) or len(data_url) > LONGEST:
        raise ValueError(f"this is no drawing, allowed: a PNG as a data URL of at most {LONGEST:,} characters")
    try:
        opened = Image.open(io.BytesIO(base64.b64decode(data_url[len(START) :], validate=True)), formats=["PNG"])
        ink = opened.convert("RGBA") if max(opened.size) <= MOST_SIDE else None
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("the drawing is damaged: draw it again") from error
    if ink is None:
        raise ValueError(f"the drawing is {opened.width}x{opened.height} px, at most {MOST_SIDE}x{MOST_SIDE}")
    drawing = Image.alpha_composite(Image.new("RGBA", ink.size, "white"), ink).convert("L")
    darkest, lightest = drawing.getextrema()
    return drawing if darkest < lightest else None
