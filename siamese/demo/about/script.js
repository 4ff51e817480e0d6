siamese.about = {

  // The drawing shows the pair that the visitor compares, and what came of it, as soon as there is a verdict.
  follow: (element) => {
    const show = () => {
      const panel = document.querySelector("#verdict .panel"), drawing = element.querySelector(".network");
      if (!panel || !drawing) return;
      const seen = panel.querySelectorAll(".seen img"), state = seen.length === 2 ? panel.dataset.state : "";
      const isJudged = ["same", "different"].includes(state);
      drawing.classList.toggle("judged", isJudged);
      drawing.querySelectorAll(".own").forEach((image, side) => {
        if (isJudged) image.setAttribute("href", seen[side].src);
        else image.removeAttribute("href");
      });
      const distance = drawing.querySelector("[data-distance]");
      const text = isJudged ? panel.querySelector(".distance").textContent : "distance";
      if (distance.textContent !== text) distance.textContent = text;  // which is watched
      for (const answer of drawing.querySelectorAll("[data-answer]")) {
        answer.classList.toggle("chosen", answer.dataset.answer === state);
      }
    };
    const following = new MutationObserver(show), what = {subtree: true, childList: true};
    siamese.appears("#verdict").then((verdict) => following.observe(verdict, what));
    new MutationObserver(show).observe(element, {childList: true, subtree: true});  // another model, another drawing
    show();
  },
};
