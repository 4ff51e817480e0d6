"""The verdict as a picture to keep or to send: the script of the button that the panel has for it, and its style."""

# The panel as a picture to share, in the size that other sites show of a link.
SAVE_JS = r"""
element.addEventListener("click", (event) => {
  if (!event.target.closest("button[data-save]")) return;
  const panel = element.querySelector(".panel"), style = getComputedStyle(panel);
  const colour = (name) => style.getPropertyValue(name);
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
  const link = Object.assign(document.createElement("a"), {download: "same-or-different.png", href: canvas.toDataURL()});
  link.click();
});
"""

CSS = """
.panel [data-save] { justify-self: start; margin-top: 18px; padding: 6px 12px; border-radius: 8px; cursor: pointer;
  font: inherit; font-size: .875rem; color: var(--body-text-color); background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); }
.panel [data-save]:disabled { opacity: .5; cursor: default; }
"""
