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

  // Resolves with the element, once there is one.
  appears: async (selector) => {
    for (;;) {
      const found = document.querySelector(selector);
      if (found) return found;
      await new Promise((done) => setTimeout(done, 50));
    }
  },

  // Brings a file as a visitor does, who chooses it.
  put: (upload, file) => {
    const files = new DataTransfer(), input = upload.querySelector("input[type=file]");
    files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", {bubbles: true}));
  },

  // Each tab has an address, as #many, which the button Back of the browser knows. What follows a "?" there is for the tab.
  shownTab: () => document.querySelector('#modes > .tab-wrapper [role="tab"][aria-selected="true"]')?.getAttribute("aria-controls"),
  visit: async () => {
    await siamese.appears('#modes > .tab-wrapper [role="tab"][aria-controls]');
    const [id, ...rest] = location.hash.slice(1).split("?");
    const tabs = [...document.querySelectorAll('#modes > .tab-wrapper [role="tab"][aria-controls]')];
    const tab = tabs.find((each) => each.getAttribute("aria-controls") === id);
    if (tab && id !== siamese.shownTab()) tab.click();
    if (!id && siamese.shownTab() !== tabs[0].getAttribute("aria-controls")) tabs[0].click();
    siamese.compare.open(id && !tab ? null : rest.length && id === "compare" ? rest.join("?") : "");
  },
  leaveAddresses: () => {
    const note = () => setTimeout(() => {
      const id = siamese.shownTab(), [before] = (location.hash.slice(1) || "compare").split("?");
      if (id && id !== before) history.pushState(null, "", `#${id}`);
    });
    document.addEventListener("click", (event) => { if (event.isTrusted && event.target.closest("#modes > .tab-wrapper")) note(); });
    addEventListener("popstate", siamese.visit);
    siamese.visit();
  },

  // Calls `act` whenever another model is the chosen one; returns what watches for it.
  onOtherModel: (act) => {
    const name = () => document.querySelector("#header .model b")?.textContent;
    let before = name();
    const watch = new MutationObserver(() => {
      if (name() && before !== (before = name())) act();
    });
    watch.observe(document.querySelector("#header"), {subtree: true, childList: true, characterData: true});
    return watch;
  },
  // The choice of models is one line, in which the chosen one may be out of sight.
  showChosenModel: () => siamese.onOtherModel(() => setTimeout(() => {
    const chosen = document.querySelector("#model label:has(:checked)"), line = chosen?.parentElement;
    if (line) line.scrollLeft = chosen.offsetLeft - line.offsetLeft;
  }, 100)),  // ms: it may be new

  // A button of ours in the HTML `element`, which carries `data-name`, was clicked: Gradio hears of it with its value.
  // Where the answer takes the button away, the keyboard goes on at the next one.
  forward: (element, trigger, name) => {
    element.tabIndex = -1;
    let waiting;
    element.addEventListener("click", (event) => {
      const button = event.target.closest(`button[data-${name}]`);
      if (!button) return;
      const buttons = () => [...element.querySelectorAll(`button[data-${name}]`)], place = buttons().indexOf(button);
      trigger("click", {[name]: button.dataset[name]});
      waiting?.disconnect();
      waiting = new MutationObserver(() => {
        if (button.isConnected) return;
        waiting.disconnect();
        if (document.activeElement === document.body) (buttons()[place] ?? buttons().at(-1) ?? element).focus({preventScroll: true});
      });
      waiting.observe(element, {childList: true, subtree: true});
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
