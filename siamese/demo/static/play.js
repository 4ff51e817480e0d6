// Games on the sketchpads of the tab that compares. Nothing of them is kept.
siamese.play = {
  game: null,
  starter: null,  // the button that began it, which has the focus back at the end

  offer: (element) => {
    element.addEventListener("click", ({target}) => {
      const button = target.closest("[data-game]");
      if (!button) return;
      siamese.play.starter = button;
      siamese.play.start(button.dataset.game);
    });
    siamese.appears("#said .game").then((place) => {
      place.querySelector("[data-next]").addEventListener("click", () => siamese.play.next());
      place.querySelector("[data-again]").addEventListener("click", () => {
        siamese.play.start(siamese.play.game.wanted ? "any" : "consistent");
      });
      place.querySelector("[data-stop]").addEventListener("click", ({detail}) => siamese.play.stop(detail > 0));
    });
    siamese.appears("#verdict").then((verdict) => {
      new MutationObserver(() => siamese.play.judge()).observe(verdict, {subtree: true, childList: true});
    });
  },

  start: (kind) => {
    const day = new Date().toISOString().slice(0, 10);
    siamese.play.game = kind === "consistent" ? {drawings: []}
      : siamese.play.task(kind === "daily" ? day : String(Math.random()));
    for (const tab of document.querySelectorAll('#compare .side [role="tab"]')) if (tab.textContent.trim() === "Draw") tab.click();
    siamese.empty("compare");
    const place = document.querySelector("#said .game");
    place.hidden = false;
    place.querySelector("[data-again]").textContent = kind === "consistent" ? "Five more" : "Another pair";
    siamese.play.isOver(kind !== "consistent");
    place.querySelector("b").textContent = siamese.play.goal();
    siamese.play.tell();
    place.focus({preventScroll: true});
    place.scrollIntoView({block: "nearest"});
  },

  // Whether there is nothing more to keep: then it can be played again.
  isOver: (isOver) => {
    const [next, again] = ["next", "again"].map((name) => document.querySelector(`#said .game [data-${name}]`));
    const hadFocus = document.activeElement === next;
    next.hidden = isOver;
    again.hidden = !isOver;
    if (hadFocus && isOver) again.focus({preventScroll: true});
  },

  stop: (isPointed) => {
    siamese.play.game = null;
    document.querySelector("#said .game").hidden = true;
    siamese.play.starter?.focus({preventScroll: isPointed});
  },

  say: (text) => { document.querySelector("#said .game p").textContent = text; },

  // What is to be drawn, the same for all who start from one text: two digits to be called same, or one to be called different.
  task: (text) => {
    let seed = 2166136261;
    for (const sign of text) seed = Math.imul(seed ^ sign.charCodeAt(0), 16777619) >>> 0;  // FNV-1a
    const first = seed % 10, wanted = (seed >>> 8) % 2 ? "same" : "different";
    return {wanted, digits: [first, wanted === "same" ? (first + 1 + (seed >>> 16) % 9) % 10 : first]};
  },

  // What stays in sight while it is played.
  goal: () => {
    const {wanted, digits} = siamese.play.game;
    if (!wanted) return "Five alike";
    return wanted === "same" ? `A ${digits[0]} and a ${digits[1]}, called same` : `Two ${digits[0]}s, called different`;
  },

  tell: () => {
    const {wanted, digits, drawings} = siamese.play.game;
    siamese.play.say(drawings ? `Write a sign on the first paper: number ${drawings.length + 1} of 5.`
      : wanted === "same" ? `Draw a ${digits[0]} first and a ${digits[1]} second that it calls the same.`
        : `Draw a ${digits[0]} on both papers, so that it calls them different.`);
  },

  // How clearly a drawing is the digit, 0 to 1, from its distances to the nearest test image of each digit.
  clarity: (near, digit) => {
    const other = Math.min(...near.filter((_, each) => each !== digit));
    return other / (near[digit] + other || 1);
  },

  judge: () => {
    const {game} = siamese.play, panel = document.querySelector("#verdict .panel");
    if (!game?.wanted || !panel) return;
    if (!["same", "different"].includes(panel.dataset.state)) return siamese.play.tell();
    const near = JSON.parse(panel.querySelector("[data-near]")?.dataset.near ?? "null");
    if (!near) return siamese.play.say("This game is for models of digits: choose another model.");
    const clear = near.map((distances, side) => siamese.play.clarity(distances, game.digits[side]));
    const isFooled = panel.dataset.state === game.wanted, least = Math.min(...clear);
    const [first, second] = clear.map((share, side) => `${Math.round(100 * share)}% clearly a ${game.digits[side]}`);
    const score = isFooled ? Math.max(0, Math.round(200 * (least - 0.5))) : 0;
    const end = !isFooled ? "It is not fooled yet." : least < 0.5 ? "It has its reasons: one looks more like another digit. Score 0 of 100."
      : `You fooled it! Score ${score} of 100.`;
    siamese.play.say(`The first is ${first}, the second ${second}. ${end}`);
  },

  next: async () => {
    const {game, say} = siamese.play, drawing = siamese.drawingOf("first");
    if (!drawing || siamese.isBlank("first")) return say("There is nothing on the first paper yet: write the sign there.");
    game.drawings.push(drawing);
    siamese.empty("first-side");
    if (game.drawings.length < 5) return siamese.play.tell();
    const asked = {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({images: game.drawings})};
    const answer = await fetch("v1/distances", asked), told = await answer.json();
    game.drawings = [];
    if (!answer.ok) return say(`${told.detail} Write the five once more.`);
    siamese.play.isOver(true);
    const between = told.distances.flatMap((row, index) => row.slice(index + 1)).sort((a, b) => a - b);
    const mean = between.reduce((sum, each) => sum + each, 0) / between.length, line = told.threshold;
    const apart = between.filter((each) => each > line).length;
    const end = apart ? `${apart} of the 10 pairs would be called different.` : "All 10 pairs would be called same: you are consistent.";
    const isOther = told.model !== document.querySelector("#header .model b").textContent;
    const by = isOther ? ` This was measured by ${told.model}, the model that answers programs.` : "";
    say(`Your five are ${between[0].toFixed(3)} to ${between.at(-1).toFixed(3)} apart, ${mean.toFixed(3)} on average; `
      + `up to ${line.toFixed(3)} is same. ${end}${by}`);
  },
};
