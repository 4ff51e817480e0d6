// What listeners of all tabs call. Each tab's script.js adds its own functions to the same object.
window.siamese ??= {

  // Whatever happens on the page gets the next number, its turn: a new value that has Gradio ask for the answer.
  turn: 0,
  refresh: () => ++siamese.turn,

  // A tab "Draw" or "Upload" was opened.
  opened: (name) => [name, siamese.refresh()],

  // Not by a value of the sketchpad: it takes one that it was given before for no change.
  empty: (place) => {
    for (const bin of document.querySelectorAll(`#${place} .sketch button[aria-label="Clear canvas"]`)) bin.click();
  },

  // Empties the sketchpads in `place`; null for each upload there.
  clear: (place, uploads) => {
    siamese.empty(place);
    return [...Array(uploads).fill(null), siamese.refresh()];
  },

  // An answer came to `place`: where it is older than the one before it, ask again. Gradio sends a request while the parts
  // for the one before are still being gathered, so that the older may end last.
  newest: {},
  answered: (place, answer) => {
    const [, turn] = /data-turn="(\d+)"/.exec(answer) ?? [];
    if (!turn) return;
    if (Number(turn) < siamese.newest[place]) return siamese.refresh();
    siamese.newest[place] = Number(turn);
  },

  // A button of ours in the HTML `element`, which carries `data-name`, was clicked: Gradio hears of it with its value.
  forward: (element, trigger, name) => {
    element.addEventListener("click", (event) => {
      const button = event.target.closest(`button[data-${name}]`);
      if (button) trigger("click", {[name]: button.dataset[name]});
    });
  },
};
