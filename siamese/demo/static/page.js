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

// The page about the endpoints ("Use via API") asks for two things that are closed here, or not there without assistants;
// the browser would show each as an error. It takes any refusal for an answer, and so gets one without asking the server.
siamese.ask ??= window.fetch;
window.fetch = (what, ...how) => {
  const path = String(what.url ?? what).split("?")[0];
  const isClosed = path.endsWith("/monitoring/summary");
  const isAway = path.endsWith("/gradio_api/mcp/schema") && !window.gradio_config?.mcp_server;
  return isClosed || isAway ? Promise.resolve(new Response("", {status: 404})) : siamese.ask.call(window, what, ...how);
};
