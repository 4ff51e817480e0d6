// The sketchpads: what is drawn, and a brush in hand. Gradio's editor shows itself as window.editor, the one made last; all
// of them are kept here.
(() => {
  if (siamese.drawingOf) return;
  const editors = new Set(), changed = new Set(), restored = new WeakSet();  // changed: since it was kept
  const latest = new WeakMap(), blank = new WeakMap();  // the drawing as a data URL, and whether there is nothing on it

  // Without a graphics card, what takes most of the time of a stroke is drawing the board: four samples of each pixel, of
  // which nothing is seen, as strokes have only one, and in each frame anew the blurred shadow of a sheet that fills it.
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, options, ...others) {
    if (String(kind).startsWith("webgl")) options = {...options, antialias: false};
    return getContext.call(this, kind, options, ...others);
  };

  const board = (editor) => editor.app?.renderer?.canvas;  // once it is set up
  const place = (editor) => board(editor)?.closest(".sketch");
  const tell = (editor) => {
    latest.delete(editor);
    place(editor)?.dispatchEvent(new CustomEvent("drawn", {bubbles: true}));
  };
  const drawn = (editor) => {
    changed.add(editor);
    setTimeout(() => { editor.render_idle_remaining = 50; });  // ms; it would draw what stands still for another second
    tell(editor);
  };
  Object.defineProperty(window, "editor", {get: () => [...editors].at(-1), set: (editor) => {
    if (!editor || editors.has(editor)) return;
    for (const other of editors) if (board(other)?.isConnected === false) editors.delete(other);
    editors.add(editor);
    editor.on("change", () => { if (restored.has(editor)) drawn(editor); });  // not while it is set up
    editor.ready.then(() => {
      editor.outline_container.visible = false;
      restore(editor);
    });
  }});

  // As pixels of the canvas, or so many of theirs that they are a `share` of its side.
  const read = (editor, share = 1) => {
    const {app, image_container, width, height} = editor;
    const frame = image_container.getLocalBounds().rectangle.clone();
    Object.assign(frame, {x: 0, y: 0, width, height});
    const taken = app.renderer.extract.pixels({target: image_container, resolution: share, frame});
    const canvas = Object.assign(document.createElement("canvas"), {width: taken.width, height: taken.height});
    const pixels = new ImageData(new Uint8ClampedArray(taken.pixels), taken.width, taken.height);
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    blank.set(editor, new Uint32Array(pixels.data.buffer).every((pixel, _, all) => pixel === all[0]));
    return canvas.toDataURL();  // not toBlob, which waits until the browser has nothing else to do
  };

  // What is asked about: each pixel is the mean of 2 x 2 of the canvas, on which the brush is 20 wide. Without a graphics
  // card, to read all of them takes a fifth of the time from a stroke to its verdict.
  const latestOf = (editor) => {
    if (!latest.has(editor)) latest.set(editor, read(editor, 1 / 2));
    return latest.get(editor);
  };

  // A reload leaves what was drawn: until the tab of the browser is closed, it is kept there, and nowhere else.
  const KEPT = "siamese-", LATER = 400;  // ms after the last stroke, so that it takes nothing from the answer
  let keeping = null;
  const keep = () => {
    for (const editor of changed) {
      const name = place(editor)?.id;
      if (!name) continue;
      const drawing = read(editor);
      try {
        if (blank.get(editor)) sessionStorage.removeItem(KEPT + name);
        else sessionStorage.setItem(KEPT + name, drawing);
      } catch { /* a browser that keeps nothing, or has no more room */ }
    }
    changed.clear();
  };
  const kept = (name) => {
    try {
      return sessionStorage.getItem(KEPT + name);
    } catch {
      return null;
    }
  };
  siamese.hasKept = () => ["sketch-first", "sketch-second"].some(kept);
  const restore = async (editor) => {
    while (!place(editor)) await new Promise((done) => setTimeout(done, 50));
    const drawing = kept(place(editor).id);
    if (drawing) await editor.add_image_from_url(drawing);  // its own way to add a layer fails where there is one only
    restored.add(editor);
    if (drawing) drawn(editor);
  };
  document.addEventListener("drawn", () => {
    clearTimeout(keeping);
    keeping = setTimeout(keep, LATER);
  });
  addEventListener("pagehide", keep);

  // Within a stroke, what is said follows where the pen halts: while it moves, the brush needs the time for its line.
  const HALT = 300;  // ms
  let halted = null;
  const follow = ({type, target, buttons}) => {
    clearTimeout(halted);
    const pad = type === "pointermove" && buttons && target.closest?.("#compare .sketch");
    const editor = pad && [...editors].find((each) => place(each) === pad);
    if (editor && restored.has(editor)) halted = setTimeout(() => tell(editor), HALT);
  };
  for (const type of ["pointermove", "pointerup", "pointercancel"]) addEventListener(type, follow, true);

  const editorOf = (name) => [...editors].find((each) => board(each)?.isConnected && place(each)?.id === `sketch-${name}`);

  // The drawing on a sketchpad as a data URL; empty where there is no such sketchpad.
  siamese.drawingOf = (name) => {
    const editor = editorOf(name);
    return editor ? latestOf(editor) : "";
  };

  // Whether there is nothing on the drawing that `drawingOf` gave last.
  siamese.isBlank = (name) => blank.get(editorOf(name)) ?? true;

  // Puts drawings among the inputs of a listener: the place of each, and the name of its sketchpad.
  siamese.withDrawings = (values, drawings) => {
    for (const [place, name] of Object.entries(drawings)) values[place] = siamese.drawingOf(name);
    return values;
  };

  // Has Gradio hear of each change of a sketchpad, as a click on `element`.
  siamese.onDrawn = (element, trigger, name) => {
    document.addEventListener("drawn", ({target}) => {
      if (element.isConnected && target.id === `sketch-${name}`) trigger("click");
    });
  };

  // Once the page is there.
  siamese.start = () => {
    // Gradio's sketchpad opens, and reopens after each clear, with no tool in hand: pick up the brush. The short wait lets
    // the sketchpad show that it has; a second click would open the brush's settings instead.
    let waiting = null;
    const pickUp = () => {
      waiting = null;
      for (const sketch of document.querySelectorAll(".sketch")) {
        const [brush, eraser] = ["Brush", "Erase"].map((tool) => sketch.querySelector(`button[aria-label="${tool}"]`));
        const inHand = [brush, eraser].some((tool) => tool?.classList.contains("highlight"));
        if (brush && !inHand) brush.click();
      }
    };
    const soon = () => { waiting ??= setTimeout(pickUp, 60); };
    new MutationObserver(soon).observe(document.body, {subtree: true, childList: true, attributeFilter: ["class"]});
    soon();
    // Show the pixels of a tiny image rather than a blur, and nothing of a file that is no image: the answer says so.
    const look = ({type, target}) => {
      if (!target.matches?.(".upload img")) return;
      target.classList.toggle("tiny", target.naturalWidth < 100);
      target.classList.toggle("broken", type === "error");
      target.classList.toggle("loaded", type === "load");
    };
    for (const type of ["load", "error"]) document.addEventListener(type, look, true);  // neither bubbles
    siamese.leaveAddresses();
    siamese.sayInSight();
    siamese.showChosenModel();
  };
})();
