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

  // The pair that is drawn as the page opens: strokes on the papers, then what the model says of them, over the panel. It ends
  // with whatever is done here.
  begin: async (element) => {
    const shown = element.querySelector(".opening"), skip = element.querySelector("[data-skip]");
    if (!shown) return;
    if (location.hash.includes("?") || siamese.hasKept()) return shown.remove();
    const papers = await Promise.all(["first", "second"].map((name) => siamese.appears(`#sketch-${name} canvas`)));
    const drawings = [...shown.querySelectorAll(":scope > svg")], over = new AbortController();
    const tell = () => {
      for (const drawing of drawings) drawing.classList.add("drawn");
      shown.classList.add("told");
      skip.textContent = "Clear";
      skip.setAttribute("aria-label", "Clear the example");
    };
    const end = () => {
      over.abort();
      answers.disconnect();
      others.disconnect();
      for (const drawing of drawings) drawing.remove();
      shown.remove();
    };
    const answers = new MutationObserver(() => {
      if (document.querySelector("#verdict .seen img, #verdict [data-state='problem']")) end();
    });
    answers.observe(document.querySelector("#verdict"), {subtree: true, childList: true});
    const others = siamese.onOtherModel(end);  // which says something else of it
    const until = {signal: over.signal, capture: true};
    document.addEventListener("pointerdown", ({target}) => { if (target.closest(".sketch")) end(); }, until);
    document.addEventListener("click", ({target, isTrusted}) => {
      if (isTrusted && target.closest("#compare, #model") && !target.closest("#opening")) end();
    }, until);
    skip.addEventListener("click", () => shown.classList.contains("told") ? end() : tell());
    papers.forEach((paper, side) => paper.closest(".sketch").append(drawings[side]));
    drawings[1].lastElementChild.addEventListener("animationend", tell);
    shown.hidden = false;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) tell();
  },

  // The buttons under a verdict that pass it on.
  offerToPassOn: (element) => {
    element.classList.toggle("can-share", Boolean(navigator.share));
    element.addEventListener("click", ({target}) => {
      const button = target.closest(".pass-on button"), panel = element.querySelector(".panel");
      if (!button) return;
      if ("save" in button.dataset) siamese.compare.save(panel);
      else if ("share" in button.dataset) siamese.compare.share(panel);
      else siamese.compare.copyLink(panel, button);
    });
  },

  // An address that opens the page with the verdict: what the network sees of both images stands after the "#", which browsers
  // send to no server. Null where the same would not come of it.
  link: (panel) => {
    if (panel.querySelector("[data-link]").disabled) return null;
    const chosen = [...document.querySelectorAll("#point input")].findIndex((each) => each.checked);
    const line = chosen < 0 ? {threshold: document.querySelector("#threshold input[type=number]").value} : {point: chosen};
    const [a, b] = [...panel.querySelectorAll(".seen img")].map((image) => image.src.split(",")[1]);
    const query = new URLSearchParams({model: document.querySelector("#header .model b").textContent, ...line, a, b});
    return `${location.origin}${location.pathname}#compare?${query}`;
  },

  copyLink: async (panel, button) => {
    try {
      await navigator.clipboard.writeText(siamese.compare.link(panel));
      button.textContent = "Copied";
    } catch {  // over plain HTTP from another machine, or not allowed
      history.replaceState(null, "", siamese.compare.link(panel));
      siamese.compare.say("Your browser does not let this page copy: the link is now the address of this page.");
    }
    setTimeout(() => { button.textContent = "Copy link"; }, 2000);
  },

  share: async (panel) => {
    const picture = await new Promise((done) => siamese.compare.picture(panel).toBlob(done));
    const files = [new File([picture], "same-or-different.png", {type: "image/png"})];
    const url = siamese.compare.link(panel) ?? location.origin + location.pathname;
    const text = `${panel.querySelector(".word").textContent}, says a siamese network. What do you say?`;
    try {
      await navigator.share({title: document.title, text, url, ...(navigator.canShare?.({files}) && {files})});
    } catch (error) {
      if (error.name !== "AbortError") siamese.compare.say("This browser could not share it: copy the link or save the picture.");
    }
  },

  // A sentence over the images, as text.
  say: (sentence, isProblem = false) => {
    const note = document.querySelector("#said .note");
    note.textContent = sentence;
    note.classList.toggle("problem", isProblem);
  },

  offerLinks: () => {
    // What is done next is no longer what the link was to.
    const leave = ({isTrusted, target}) => {
      if (!isTrusted || !target.closest("#compare, #model") || target.closest(".pass-on")) return;
      siamese.compare.say("");
      if (location.hash.includes("?")) history.replaceState(null, "", "#compare");
    };
    for (const kind of ["pointerdown", "click"]) document.addEventListener(kind, leave, true);
  },

  // Opens what stands after "#compare?" in the address; null stands for an address that is none of this page.
  open: async (query) => {
    const {say, read} = siamese.compare;
    if (query === "") return;
    await siamese.appears("#said .note");
    try {
      if (query === null) throw new Error("There is nothing at this address: the page opens as ever.");
      const {model, point, threshold, files} = await read(query);
      say(await siamese.compare.chooseModel(model));
      siamese.compare.drawTheLine(point, threshold);
      for (const [side, name] of ["first", "second"].entries()) {
        await siamese.appears(`#${name}-side [role="tab"]`);
        [...document.querySelectorAll(`#${name}-side [role="tab"]`)].find((tab) => tab.textContent.trim() === "Upload").click();
        await siamese.appears(`#upload-${name} input[type=file]`);
        siamese.put(document.querySelector(`#upload-${name}`), files[side]);
      }
    } catch (error) {
      say(error.message, true);
    }
  },

  // What a link holds. Throws an error with a sentence where that is not what a link of this page does.
  read: async (query) => {
    const most = 60_000, side = 128, keys = ["model", "point", "threshold", "a", "b"], given = new URLSearchParams(query);
    const quoted = (text) => `“${text.slice(0, 40)}${text.length > 40 ? "…" : ""}”`;
    const wrong = (what) => { throw new Error(`This link cannot be opened: ${what}.`); };
    if (query.length > most) wrong(`it has ${query.length} characters, at most ${most} are allowed`);
    for (const key of given.keys()) {
      if (!keys.includes(key)) wrong(`it holds ${quoted(key)}, which no link of this page does`);
      if (given.getAll(key).length > 1) wrong(`it holds ${quoted(key)} twice`);
    }
    const point = given.get("point"), threshold = given.get("threshold");
    if (point !== null && !/^[0-2]$/.test(point)) wrong(`its point is ${quoted(point)}, allowed: 0, 1 and 2`);
    if (threshold !== null && !(/^\d{1,3}(\.\d{1,9})?$/.test(threshold) && Number(threshold) > 0)) {
      wrong(`its threshold is ${quoted(threshold)}, allowed: a distance above 0`);
    }
    const files = [];
    for (const [key, place] of [["a", "first"], ["b", "second"]]) {
      const text = given.get(key);
      if (!text) wrong(`its ${place} picture is missing`);
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4) wrong(`its ${place} picture is no base64`);
      const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0)), sizes = new DataView(bytes.buffer);
      const isPng = [137, 80, 78, 71, 13, 10, 26, 10].every((each, index) => bytes[index] === each) && bytes.length > 32;
      if (!isPng) wrong(`its ${place} picture is no PNG`);
      const [width, height] = [sizes.getUint32(16), sizes.getUint32(20)];
      if (Math.max(width, height) > side) wrong(`its ${place} picture has ${width}x${height} px, at most ${side}x${side} are allowed`);
      files.push(new File([bytes], `${place}.png`, {type: "image/png"}));
      await createImageBitmap(files.at(-1)).catch(() => wrong(`its ${place} picture is damaged`));
    }
    return {model: given.get("model"), point, threshold, files};
  },

  // Chooses a model by name; a sentence where there is none of that name.
  chooseModel: async (name) => {
    const shown = () => document.querySelector("#header .model b").textContent;
    const radio = [...document.querySelectorAll("#model input")].find((each) => each.value === name);
    if (name === null || name === shown()) return "";
    if (!radio) return `The link is to a verdict of the model “${name.slice(0, 80)}”, which is not here: this is by ${shown()}.`;
    const answered = siamese.compare.nextAnswer();
    radio.click();
    await answered;
    return "";
  },

  nextAnswer: () => new Promise((done) => {
    const watch = new MutationObserver(() => {
      if (!document.querySelector("#verdict [data-turn]")) return;
      watch.disconnect();
      done();
    });
    watch.observe(document.querySelector("#verdict"), {subtree: true, childList: true});
  }),

  drawTheLine: (point, threshold) => {
    if (point !== null) document.querySelectorAll("#point input")[point]?.click();
    if (threshold === null) return;
    const box = document.querySelector("#threshold input[type=number]");
    box.value = threshold;
    for (const kind of ["input", "change"]) box.dispatchEvent(new Event(kind, {bubbles: true}));
    box.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
  },

  save: (panel) => {
    const href = siamese.compare.picture(panel).toDataURL();
    Object.assign(document.createElement("a"), {download: "same-or-different.png", href}).click();
  },

  // The panel as a picture, in the size that other sites show of a link.
  picture: (panel) => {
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
    for (const [word, x, side] of [["same", 570, "left"], ["threshold", 855, "center"], ["different", 1140, "right"]]) {
      pen.textAlign = side;
      write(word, x, 532, 22, 400, colour("--quiet"));
    }
    pen.textAlign = "left";
    write("Same or different?", 570, 576, 26, 600, style.color);
    const model = text("#header .model b", document), place = (location.host + location.pathname).replace(/\/$/, "");
    write(`Model ${model}, ${place}`, 570, 608, 22, 400, colour("--quiet"), 570);
    return canvas;
  },

  // What drives the distance takes some twenty times as long to find as a verdict. So it is asked for when the pair rests and
  // it is in sight, and not with each stroke; on a wide screen also where nobody has ticked the box.
  isExplained: false,  // whether it is asked for with what is asked next
  isOwed: false,  // whether it was left out
  explain: () => {
    siamese.compare.isExplained = true;
    return siamese.refresh();
  },
  withoutDrivers: (values, place) => {
    siamese.compare.isOwed = values[place] && !siamese.compare.isExplained;
    values[place] &&= siamese.compare.isExplained;
    siamese.compare.isExplained = false;
    return values;
  },
  offerDrivers: (element, trigger) => {
    const wait = 800, wide = matchMedia("(min-width: 1100px)");  // ms
    let isInSight = false, isByHand = false, timer = null;
    const act = () => {
      const box = document.querySelector("#explain input"), pair = document.querySelectorAll("#verdict .seen img").length === 2;
      if (!pair || !box) return;
      if (box.checked && siamese.compare.isOwed && (isInSight || isByHand)) trigger("click");
      else if (!box.checked && !isByHand && isInSight && wide.matches) box.click();
    };
    const rest = (event) => {
      clearTimeout(timer);
      if (!event?.buttons) timer = setTimeout(act, wait);  // not while one draws
    };
    new MutationObserver(() => rest()).observe(document.querySelector("#verdict"), {subtree: true, childList: true});
    for (const kind of ["pointerdown", "pointerup"]) document.addEventListener(kind, rest, true);
    document.addEventListener("click", ({isTrusted, target}) => { isByHand ||= isTrusted && target.closest("#explain"); }, true);
    new IntersectionObserver(([{isIntersecting}]) => {
      isInSight = isIntersecting;
      rest();
    }).observe(element);
  },

  // The marks of the map go to where they are from where they were.
  moveMarks: (element) => {
    const place = (mark) => `translate(${mark.getAttribute("transform").match(/\d+/g).join("px, ")}px)`;
    let before = {};
    new MutationObserver(() => {
      const now = {};
      for (const mark of element.querySelectorAll(".mark")) {
        const name = mark.textContent, from = before[name] ?? place(mark);
        now[name] = place(mark);
        if (from !== now[name] && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
          mark.animate([{transform: from}, {transform: now[name]}], {duration: 300, easing: "ease-out"});
        }
      }
      before = now;
    }).observe(element, {childList: true, subtree: true});
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
      tell();  // the observer may be late
      await navigator.clipboard.writeText(button.closest(".snippet").querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  },
};
