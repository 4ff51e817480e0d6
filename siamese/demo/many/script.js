siamese.many = {

  how: "chosen",

  // Puts the rows and the columns of the table into an order: as chosen, by group, or by name.
  order: (how) => {
    siamese.many.how = how;
    const table = document.querySelector("#matrix table");
    if (!table) return;
    const body = table.tBodies[0], rows = [...body.rows], number = (row, name) => Number(row.dataset[name]);
    const before = {
      chosen: (a, b) => number(a, "place") - number(b, "place"),
      group: (a, b) => number(a, "group") - number(b, "group") || number(a, "place") - number(b, "place"),
      name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, {numeric: true}),
    }[how];
    const sorted = [...rows].sort(before);
    if (sorted.every((row, place) => row === rows[place])) return;
    const places = sorted.map((row) => rows.indexOf(row) + 1);  // after the corner
    for (const row of [table.tHead.rows[0], ...sorted]) {
      const cells = [...row.cells];
      row.append(...places.map((place) => cells[place]));
    }
    body.append(...sorted);
  },

  // In whatever the answer brings.
  keepOrder: (element) => {
    new MutationObserver(() => siamese.many.order(siamese.many.how)).observe(element, {childList: true, subtree: true});
  },
};
