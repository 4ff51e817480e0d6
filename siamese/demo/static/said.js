// What was just done, or could not be, is said beside what it is about (siamese.demo.elements.note). Where that is out of
// sight, as on a phone it often is, the same is shown on the edge of the screen.
siamese.sayInSight = () => {
  const SHORT = 6000, MARGIN = 12;  // ms that it is shown, but what went wrong until it is pressed; px
  const heard = new Map(), echo = document.createElement("div");
  Object.assign(echo, {className: "echo", hidden: true});
  echo.setAttribute("aria-hidden", "true");  // the note is read out itself
  document.querySelector(".gradio-container").append(echo);
  let place = null, waiting = null, timer = null;

  const noteOf = (name) => document.querySelector(`#${name} .note, #${name} > .note`);
  const isInSight = (note) => {
    const {left, top, bottom, height} = note.getBoundingClientRect(), seen = document.elementFromPoint(left + 2, (top + bottom) / 2);
    return height > 0 && top >= 0 && bottom <= innerHeight && Boolean(seen && (note.contains(seen) || seen.contains(note)));
  };
  const show = () => {
    const note = place && noteOf(place);
    if (!note?.textContent || isInSight(note)) place = null;
    echo.hidden = !place;
    if (!place) return;
    echo.textContent = note.textContent;
    echo.classList.toggle("problem", note.classList.contains("problem"));
    const fixed = [...document.querySelectorAll("#modes .headline")].find((each) =>
      each.checkVisibility() && getComputedStyle(each).position === "fixed");
    echo.style.bottom = `${MARGIN + (fixed ? innerHeight - fixed.getBoundingClientRect().top : 0)}px`;
  };
  const listen = () => {
    waiting = null;
    for (const note of document.querySelectorAll("#modes .note")) {
      const name = note.closest("[id]").id, text = note.textContent;
      if (text === (heard.get(name) ?? "")) continue;
      heard.set(name, text);
      if (!text || !note.checkVisibility()) continue;
      place = name;
      clearTimeout(timer);
      if (!note.classList.contains("problem")) timer = setTimeout(() => { place = null; show(); }, SHORT);
    }
    show();
  };
  const soon = () => { waiting ??= setTimeout(listen, 60); };
  new MutationObserver(soon).observe(document.querySelector("#modes"), {subtree: true, childList: true, characterData: true});
  addEventListener("scroll", () => { if (place) show(); }, {passive: true, capture: true});
  echo.addEventListener("click", () => { place = null; show(); });
};
