// Tables that sort: a button in each column head, by click, Enter or Space.
// First press: highest first for numbers, A to Z for text; second: the other way round; third: as printed.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const order = { none: "first", first: "second", second: "none" };

  // A row stays with what belongs to it: notes below it, and numbers published beside it.
  const blocks = (body) => {
    const found = [];
    for (const row of body.rows) {
      if (found.length && row.matches(".note, .published, .with")) found[found.length - 1].push(row);
      else found.push([row]);
    }
    return found;
  };

  const value = (block, at, numeric) => {
    const cell = block[0].cells[at];
    if (!cell || cell.dataset.sort === "") return null;
    if (!numeric) return cell.textContent.trim();
    const number = Number.parseFloat(cell.dataset.sort);
    return Number.isNaN(number) ? null : number;
  };

  // A total or spread of the rows above, or what is no rival, stays at the end; the colour floor sorts with the others.
  const ends = (block) => block[0].matches(".spread, .all, .last:not(.colour)");

  const arrange = (table, at, numeric, state) => {
    const up = numeric ? state === "second" : state === "first";
    for (const body of table.tBodies) {
      body.original ??= blocks(body);
      const fixed = body.original.filter((block) => block[0].matches(".slice"));
      const last = body.original.filter(ends);
      const moving = body.original.filter((block) => !fixed.includes(block) && !ends(block));
      const keyed = moving.map((block, place) => ({ block, place, key: value(block, at, numeric) }));
      if (state !== "none") {
        keyed.sort((a, b) => {
          if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
          const by = numeric ? a.key - b.key : collator.compare(a.key, b.key);
          return (up ? by : -by) || a.place - b.place;
        });
      }
      body.append(...[...fixed, ...keyed.map((one) => one.block), ...last].flat());
    }
    return up ? "ascending" : "descending";
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, at) => {
      if (!head.matches("th") || head.matches(".fixed")) return;
      const numeric = head.matches(".number, .estimate");
      const button = document.createElement("button");
      button.type = "button";
      button.title = numeric ? "Sort: highest first, lowest first, as printed" : "Sort: A to Z, Z to A, as printed";
      button.append(...head.childNodes);
      head.append(button);
      let state = "none";
      head.reset = () => { state = "none"; head.removeAttribute("aria-sort"); };
      button.addEventListener("click", () => {
        const next = order[state];
        for (const other of heads) other.reset?.();
        state = next;
        const direction = arrange(table, at, numeric, state);
        if (state !== "none") head.setAttribute("aria-sort", direction);
        table.classList.toggle("sorted", state !== "none");
      });
    });
  }
})();
