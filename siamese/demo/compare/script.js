siamese.compare = {

  // A named threshold moves the slider; the slider lets go of the name.
  named: (point) => [Math.round(1000 * point) / 1000, siamese.refresh()],
  moved: () => [null, siamese.refresh()],

  showDetails: () => {
    document.querySelector("#verdict .details").scrollIntoView({behavior: "smooth", block: "nearest"});
    return siamese.refresh();
  },

  openUploads: () => {
    const tabs = document.querySelectorAll('#compare .side [role="tab"]');
    for (const tab of tabs) if (tab.textContent.trim() === "Upload") tab.click();
    return siamese.refresh();
  },

  // The button that saves the panel as a picture to share, in the size that other sites show of a link.
  offerPicture: (element) => {
    element.addEventListener("click", (event) => {
      if (event.target.closest("button[data-save]")) siamese.compare.save(element.querySelector(".panel"));
    });
  },

  save: (panel) => {
    const style = getComputedStyle(panel), colour = (name) => style.getPropertyValue(name);
    const canvas = Object.assign(document.createElement("canvas"), {width: 1200, height: 630});
    const pen = canvas.getContext("2d");
    const write = (text, x, y, size, weight, ink, most) => {
      pen.font = `${weight} ${size}px system-ui, sans-serif`;
      pen.fillStyle = ink;
      pen.fillText(text, x, y, most);
    };
    const text = (selector, from = panel) => from.querySelector(selector).textContent;
    pen.fillStyle = style.backgroundColor;
    pen.fillRect(0, 0, 1200, 630);
    pen.imageSmoothingEnabled = false;
    panel.querySelectorAll(".seen img").forEach((image, side) => pen.drawImage(image, 60 + 360 * side, 60, 330, 330));
    write(text(".word"), 60, 500, 96, 700, colour("--ink"), 480);
    write(text(".confidence"), 60, 560, 36, 400, style.color, 480);
    const rows = [["Distance", text(".distance")], ["Threshold", text(".threshold")]];
    rows.forEach(([name, value], row) => {
      write(name, 820, 90 + 130 * row, 30, 400, colour("--quiet"), 320);
      write(value, 820, 150 + 130 * row, 56, 600, style.color, 320);
    });
    const share = Number(panel.querySelector(".needle").style.getPropertyValue("--share"));
    pen.fillStyle = colour("--same-soft");
    pen.fillRect(570, 470, 285, 28);
    pen.fillStyle = colour("--different-soft");
    pen.fillRect(855, 470, 285, 28);
    pen.fillStyle = style.color;
    pen.fillRect(853, 460, 4, 48);
    pen.fillStyle = colour("--ink");
    pen.beginPath();
    pen.arc(584 + 542 * share, 484, 18, 0, 7);
    pen.fill();
    const model = text("#header .model b", document), place = (location.host + location.pathname).replace(/\/$/, "");
    write(`Same or different? Model ${model}, ${place}`, 570, 560, 24, 400, colour("--quiet"), 570);
    Object.assign(document.createElement("a"), {download: "same-or-different.png", href: canvas.toDataURL()}).click();
  },

  // The buttons that copy a snippet, and the address of the page in it.
  offerCopies: (element) => {
    const address = (location.origin + location.pathname).replace(/\/$/, "");
    const tell = () => {
      for (const place of element.querySelectorAll("[data-address]"))
        if (place.textContent !== address) place.textContent = address;
    };
    new MutationObserver(tell).observe(element, {childList: true, subtree: true});
    tell();
    element.addEventListener("click", async (event) => {
      const button = event.target.closest("button[data-copy]");
      if (!button) return;
      await navigator.clipboard.writeText(button.closest(".snippet").querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  },
};
