// The camera of siamese.demo.camera: opened by a button, and recording while another is held, by pointer or key.
siamese.offerCamera = (element, trigger) => {
  const part = (selector) => element.querySelector(selector);
  const canvas = Object.assign(document.createElement("canvas"), {width: 320, height: 320});
  let stream = null, timer = null, frames = [];
  const say = (text) => { part("[role=status]").textContent = text; };

  const take = () => {
    const video = part("video"), side = Math.min(video.videoWidth, video.videoHeight);
    const most = Number(part(".camera").dataset.most);
    if (!side || frames.length >= most) return;
    const left = (video.videoWidth - side) / 2, top = (video.videoHeight - side) / 2;
    canvas.getContext("2d").drawImage(video, left, top, side, side, 0, 0, canvas.width, canvas.height);
    frames.push(canvas.toDataURL("image/jpeg", 0.85));
    const told = frames.length === 1 ? "1 picture" : `${frames.length} pictures`;
    say(frames.length < most ? told : `${told}, as many as one press takes: press again for more.`);
  };
  const record = () => {
    if (timer) return;
    const {named} = part(".camera").dataset;
    if (named && !document.querySelector(`#${named} input, #${named} textarea`).value.trim()) {
      return say("Name the class first, above: the pictures go into it.");
    }
    frames = [];
    take();
    timer = setInterval(take, 250);  // ms
  };
  const release = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = null;
    if (frames.length) trigger("click", {frames});
  };

  const close = () => {
    release();
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
  };
  const show = () => {
    part("[data-open]").setAttribute("aria-pressed", String(Boolean(stream)));
    part("[data-open]").textContent = stream ? "Close the camera" : "Use the camera";
    part(".camera > div").hidden = !stream;
    if (stream) part(".camera").scrollIntoView({block: "nearest"});  // the button that records may be below the edge
  };
  const toggle = async () => {
    if (stream) close();
    else {
      try {
        stream = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480, facingMode: "environment"}});
        part("video").srcObject = stream;
        await part("video").play();
        say("Hold the button, or press it for one picture.");
      } catch {
        close();
        say("There is no camera, or this page may not use it: allow it in the browser, or bring files.");
      }
    }
    show();
  };

  element.addEventListener("click", ({target}) => { if (target.closest("[data-open]")) toggle(); });
  const held = ({target}) => target.closest?.("[data-record]");
  element.addEventListener("pointerdown", (event) => {
    if (!held(event)) return;
    held(event).setPointerCapture(event.pointerId);
    record();
  });
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, release);
  element.addEventListener("focusout", (event) => { if (held(event)) release(); });  // and not as the press takes it over
  element.addEventListener("keydown", (event) => {
    if (held(event) && [" ", "Enter"].includes(event.key)) { event.preventDefault(); record(); }
  });
  element.addEventListener("keyup", release);
  element.addEventListener("contextmenu", (event) => { if (held(event)) event.preventDefault(); });  // of a long touch
};
