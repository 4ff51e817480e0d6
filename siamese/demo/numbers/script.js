siamese.numbers = {

  // What is drawn on each pad, by its name: strokes, each of points [x, y, ms], x and y in 0 to 100 with y downwards.
  pads: {},

  // Puts strokes among the inputs of a listener: the place of each, and the name of its pad.
  withStrokes: (values, places) => {
    for (const [place, name] of Object.entries(places)) {
      const strokes = siamese.numbers.pads[name]?.strokes ?? [];
      values[place] = strokes.length ? JSON.stringify(strokes) : "";
    }
    return values;
  },

  // Empties the pads; nothing for the two uploads and the two texts.
  clear: () => {
    for (const pad of Object.values(siamese.numbers.pads)) pad.clear();
    return [null, null, "", "", siamese.refresh()];
  },

  // A sheet that records what is drawn on it, at most so many points. Gradio hears of the end of each stroke as a click on
  // `element`.
  pad: (element, trigger, name, most) => {
    const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d"), strokes = [];
    let current = null, count = 0, begin = 0;
    Object.assign(pen, {lineWidth: 10, lineCap: "round", lineJoin: "round", strokeStyle: "black"});
    const line = (points) => {
      pen.beginPath();
      for (const [x, y] of points) pen.lineTo(x * canvas.width / 100, y * canvas.height / 100);
      if (points.length === 1) pen.lineTo(points[0][0] * canvas.width / 100, points[0][1] * canvas.height / 100);
      pen.stroke();
    };
    const paint = () => {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (const stroke of strokes) line(stroke);
      count = strokes.reduce((sum, stroke) => sum + stroke.length, 0);
    };
    const share = (value) => Math.round(10_000 * value) / 100;
    const add = ({clientX, clientY, timeStamp}) => {
      if (count >= most) return;
      const {left, top, width, height} = canvas.getBoundingClientRect();
      if (!count) begin = timeStamp;
      const point = [share((clientX - left) / width), share((clientY - top) / height), Math.round(10 * (timeStamp - begin)) / 10];
      const last = current.at(-1);
      if (last && last[0] === point[0] && last[1] === point[1]) return;
      current.push(point);
      count += 1;
      line(current.slice(-2));
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (current || !event.isPrimary || event.button || count >= most) return;
      event.preventDefault();  // or a drag might select text
      canvas.setPointerCapture(event.pointerId);
      strokes.push(current = []);
      add(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!current || !event.isPrimary) return;
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) add(each);
    });
    const end = ({isPrimary}) => {
      if (!current || !isPrimary) return;
      current = null;
      trigger("click");
    };
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, end);
    const clear = () => {
      strokes.length = 0;
      paint();
    };
    element.addEventListener("click", ({target}) => {
      if (!target.closest("button")) return;
      if ("undo" in target.dataset) strokes.pop();
      else strokes.length = 0;
      paint();
      trigger("click");
    });
    siamese.numbers.pads[name] = {strokes, clear};
  },
};
