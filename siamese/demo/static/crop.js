// Cropping an uploaded picture: the part that is kept is uploaded in place of the whole, like any other file.
(() => {
  if (siamese.offerCrop) return;
  const NAME = "cropped.png";  // of every part; tells whether what is shown is one
  const MOST = 1024;  // px of a longer side, far more than models see; a photograph's own would be many megabytes as PNG
  const LEAST = 12, STEP = 8;  // px on the screen: a smaller part is a slip of the finger; what an arrow key moves
  const DIRECTIONS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
  const between = (low, value, high) => Math.max(low, Math.min(value, high));

  // `element` holds the buttons and the sheet that lies over the picture while a part of it is chosen.
  siamese.offerCrop = (element) => {
    const [sheet, crop, undo] = ["[role=group]", "[data-crop]", "[data-undo]"].map((part) => element.querySelector(part));
    const frame = sheet.firstElementChild, upload = element.closest(".side").querySelector(".upload");
    const shown = () => upload.querySelector(".image-frame img");
    let whole = null, part = null, start = null;

    const show = (box) => {
      part = box;
      frame.hidden = !box;
      if (box) Object.assign(frame.style, Object.fromEntries(Object.entries(box).map(([key, px]) => [key, `${px}px`])));
    };
    const open = (isOpen) => {
      sheet.hidden = !isOpen;
      crop.setAttribute("aria-pressed", isOpen);
      show(start = null);
    };
    const keep = async () => {
      const image = shown(), {left, top, width, height} = part, scale = image.naturalWidth / sheet.clientWidth;
      const sharp = Math.min(scale, MOST / Math.max(width, height));
      open(false);
      const canvas = Object.assign(document.createElement("canvas"), {width: width * sharp, height: height * sharp});
      const from = [left, top, width, height].map((px) => px * scale);
      canvas.getContext("2d").drawImage(image, ...from, 0, 0, canvas.width, canvas.height);
      if (!image.src.endsWith(NAME)) {
        const name = decodeURIComponent(new URL(image.src).pathname.split("/").at(-1));
        const content = await (await fetch(image.src)).blob();
        whole = new File([content], name, {type: content.type});
      }
      canvas.toBlob((blob) => siamese.put(upload, new File([blob], NAME, {type: "image/png"})));
    };

    crop.addEventListener("click", () => {
      if (!sheet.hidden) return open(false);
      const image = shown(), place = image.getBoundingClientRect(), around = element.closest(".block").getBoundingClientRect();
      const scale = Math.min(place.width / image.naturalWidth, place.height / image.naturalHeight);
      const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];  // it is fitted into its place
      const left = place.left - around.left + (place.width - width) / 2;
      const top = place.top - around.top + (place.height - height) / 2;
      Object.assign(sheet.style, {left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px`});
      open(true);
      sheet.focus({preventScroll: true});
    });
    undo.addEventListener("click", () => siamese.put(upload, whole));
    upload.addEventListener("load", () => { undo.hidden = !(whole && shown().src.endsWith(NAME)); }, true);

    const point = ({clientX, clientY}) => {
      const {left, top, width, height} = sheet.getBoundingClientRect();
      return [between(0, clientX - left, width), between(0, clientY - top, height)];
    };
    sheet.addEventListener("pointerdown", (event) => {
      sheet.setPointerCapture(event.pointerId);
      start = point(event);
    });
    sheet.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [x, y] = point(event), [left, top] = [Math.min(x, start[0]), Math.min(y, start[1])];
      show({left, top, width: Math.abs(x - start[0]), height: Math.abs(y - start[1])});
    });
    sheet.addEventListener("pointerup", () => {
      start = null;
      if (part && Math.min(part.width, part.height) >= LEAST) keep();
      else show(null);
    });
    sheet.addEventListener("pointercancel", () => show(start = null));
    sheet.addEventListener("keydown", (event) => {
      const {clientWidth: wide, clientHeight: high} = sheet, direction = DIRECTIONS[event.key];
      if (event.key === "Escape") open(false);
      else if (event.key === "Enter" && part) keep();
      else if (direction) {
        const old = part ?? {left: wide / 4, top: high / 4, width: wide / 2, height: high / 2};
        const [x, y] = direction.map((steps) => steps * STEP), {left, top} = old;
        if (event.shiftKey) {
          const [width, height] = [between(LEAST, old.width + x, wide - left), between(LEAST, old.height + y, high - top)];
          show({left, top, width, height});
        } else {
          show({...old, left: between(0, left + x, wide - old.width), top: between(0, top + y, high - old.height)});
        }
      } else return;
      event.preventDefault();
    });
    sheet.addEventListener("focusout", ({relatedTarget}) => { if (relatedTarget !== crop) open(false); });
    let across = innerWidth;  // a phone's browser changes the height alone, with its bars
    addEventListener("resize", () => { if (across !== (across = innerWidth)) open(false); });
  };
})();
