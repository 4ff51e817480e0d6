siamese.recognise = {

  // After an example was added, its side is emptied for the next; where it could not be, nothing is lost.
  added: (note, upload) => {
    if (note.includes("problem")) return [upload, siamese.refresh()];
    return siamese.clear("example-side", 1);
  },

  // The buttons that teach samples, and that ask about one: two events, since they change different parts.
  offerSamples: (element, trigger) => {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-sample]");
      if (button) trigger(button.dataset.sample === "teach" ? "select" : "click", {sample: button.dataset.sample});
    });
  },

  openQuery: () => {
    for (const tab of document.querySelectorAll('#query-side [role="tab"]'))
      if (tab.textContent.trim() === "Upload") tab.click();
    return siamese.refresh();
  },
};
