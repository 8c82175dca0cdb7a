// What the page does where scripts run; without them it says the same.
"use strict";

const made = (kind, attributes, ...inside) => {
  const element = Object.assign(document.createElement(kind), attributes);
  element.append(...inside);
  return element;
};

// Tables: a click on a head sorts by its column.
const sortable = (table) => {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = made("button", { type: "button" }, ...head.childNodes);
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
};

// Tables: what is written above one leaves the rows that hold all of its words. A word such as
// zz>=0.9 or backend=noisy asks about the column whose head begins so.
const ORDERS = {
  "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};
const asked = (word, heads) => {
  const [, name, order, wanted] = /^(.+?)(<=|>=|<|>|=)(.+)$/.exec(word) ?? [];
  const column = name === undefined ? -1 : heads.indexOf(name);
  if (column < 0) return (row) => `${row.textContent} ${row.title}`.toLowerCase().includes(word);
  const number = Number(wanted);
  return (row) => {
    const cell = row.cells[column];
    const exact = cell.dataset.v ?? cell.textContent.trim();
    const is = Number(exact);
    const both = exact !== "" && !Number.isNaN(is) && !Number.isNaN(number);
    if (order !== "=") return both && ORDERS[order](is, number);
    return both ? is === number : cell.textContent.trim().toLowerCase() === wanted;
  };
};
const filtered = (table) => {
  const rows = Array.from(table.tBodies[0].rows);
  const heads = Array.from(table.tHead.rows[0].cells, (head) =>
    head.textContent.trim().split(/\s/)[0].toLowerCase());
  const input = made("input", { type: "search", autocomplete: "off", spellcheck: false });
  const told = made("output", {});
  const hint = made("span", { className: "quiet" }, `words, or such as ${heads[0]}=…`);
  table.parentNode.before(
    made("p", { className: "filter" }, made("label", {}, "Only rows with ", input, " ", hint), told));
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tests = words.map((word) => asked(word, heads));
    let left = 0;
    for (const row of rows) {
      row.hidden = !tests.every((test) => test(row));
      left += !row.hidden;
    }
    told.value = words.length ? `${left} of ${rows.length} rows` : "";
  };
  let waiting = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 120);
  });
  return () => {
    input.value = "";
    filter();
  };
};

// Figures: the mark under the pointer, or the one that arrows have come to, is told below.
const figured = (drawing, rows) => {
  const marks = Array.from(drawing.querySelectorAll("svg g title"), (title) => title.parentNode);
  if (!marks.length) return;
  const told = made("output", { className: "told" });
  drawing.after(told);
  let at = -1;
  const tell = (number) => {
    marks[at]?.classList.remove("at");
    at = number;
    marks[at].classList.add("at");
    const text = marks[at].querySelector("title").textContent;
    const row = rows.get(text.slice(0, text.lastIndexOf(": ")));
    told.replaceChildren(text);
    if (row) told.append(" ", made("a", { href: `#${row}` }, `point ${row.slice(2)}`));
  };
  drawing.tabIndex = 0;
  drawing.setAttribute("role", "group");
  drawing.setAttribute("aria-label", "Figure: left and right arrow tell its marks");
  drawing.addEventListener("pointerover", (event) => {
    const number = marks.indexOf(event.target.closest("svg g use, svg g path"));
    if (number >= 0) tell(number);
  });
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  drawing.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    tell(at < 0 ? (step > 0 ? 0 : marks.length - 1) : (at + step + marks.length) % marks.length);
  });
};

// Instants are written in UTC: each is shown in the zone of the reader, and says UTC to a pointer.
const zoned = (element) => {
  const at = new Date(element.dateTime ?? element.dataset.utc);
  const written = element.textContent;
  if (Number.isNaN(at.getTime())) return;
  const two = { month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const format = { year: "numeric", ...two, hourCycle: "h23", timeZoneName: "short" };
  const parts = new Intl.DateTimeFormat("en-GB", format).formatToParts(at);
  const { year, month, day, hour, minute, second, timeZoneName } = Object.fromEntries(
    parts.map((part) => [part.type, part.value]),
  );
  const between = written.includes(" at ") ? " at " : " ";
  const time = /:\d\d:/.test(written) ? `${hour}:${minute}:${second}` : `${hour}:${minute}`;
  element.textContent = `${year}-${month}-${day}${between}${time} ${timeZoneName}`;
  if (element.dateTime) element.title = written;
};

document.querySelectorAll("time[datetime], [data-utc]").forEach(zoned);
document.querySelectorAll("table.sortable").forEach(sortable);
const unfilter = Array.from(document.querySelectorAll(".tall table.sortable"), filtered);
const rows = new Map();
for (const row of document.querySelectorAll(".tall tbody tr[id]")) rows.set(row.title, row.id);
for (const drawing of document.querySelectorAll(".drawing")) figured(drawing, rows);

// A link to a point shows it, in a folded table and in a filtered one.
const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.hidden) for (const undo of unfilter) undo();
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
};
addEventListener("hashchange", open);
open();
