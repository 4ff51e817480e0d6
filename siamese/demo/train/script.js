siamese.train = {

  // The bar moves as soon as "Start" is pressed; what the server says comes in its place.
  moveAtOnce: (element) => {
    element.tabIndex = -1;
    document.addEventListener("click", ({target}) => {
      if (!element.isConnected || !target.closest("#start:not([disabled]), #stop:not([disabled])")) return;
      element.focus({preventScroll: true});  // the button is disabled soon, and would lose it; the next steps come after this
      if (target.closest("#stop")) return;
      const bar = element.querySelector(".progress");
      bar.classList.remove("problem");
      bar.classList.add("busy");
      bar.querySelector("p").textContent = "Starting.";
      element.scrollIntoView({block: "nearest"});  // on a phone it is below the edge
    });
  },

  // The buttons of the next steps: each opens a tab.
  offerSteps: (element) => {
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-go]");
      if (!button) return;
      history.pushState(null, "", `#${button.dataset.go}`);  // so that Back comes back
      siamese.visit().then(() => {
        document.querySelector('#modes > .tab-wrapper [role="tab"][aria-selected="true"]').focus();
        scrollTo({top: 0});
      });
    });
  },
};
