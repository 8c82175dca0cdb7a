"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", turn > 0 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const keyed = Array.from(body.rows, (row) => {
        const cell = row.cells[column];
        const text = cell.dataset.v ?? cell.textContent.trim();
        return [text === "" ? NaN : Number(text), text, row];
      });
      keyed.sort(([a, s], [b, t]) => {
        if ((s === "") !== (t === "")) return s === "" ? 1 : -1;
        if (!Number.isNaN(a) && !Number.isNaN(b)) return turn * (a - b);
        return turn * s.localeCompare(t);
      });
      body.append(...keyed.map((entry) => entry[2]));
    });
  });
}
// A link to a point of a folded table opens it.
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", open);
open();
