// What moves in the page: the choice of list and back-end, sorted tables, and labels of points.
"use strict";
{
  const data = JSON.parse(document.getElementById("data").textContent);
  const choice = document.querySelector(".choice");
  const chosen = { trials: document.getElementById("trials"), backend: document.getElementById("backend") };

  // An element without a list or back-end of its own belongs to all
  function choose() {
    for (const element of document.querySelectorAll("main [data-trials]")) {
      const other = ["trials", "backend"].some((name) => element.dataset[name] && element.dataset[name] !== chosen[name].value);
      element.classList.toggle("off", other);
    }
  }

  for (const select of Object.values(chosen)) select.addEventListener("change", choose);
  choice.hidden = chosen.trials.length * chosen.backend.length < 2;
  choose();

  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value ?? cell.textContent.trim();
    return value !== "" && isFinite(value) ? Number(value) : value;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  };

  function sort(head) {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const body = head.closest("table").tBodies[0];
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...body.rows].map((row) => [key(row, head.cellIndex), row]);
    rows.sort(([a], [b]) => (up ? compare(a, b) : compare(b, a)));
    body.append(...rows.map(([, row]) => row));
  }

  for (const button of document.querySelectorAll(".sortable th button")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }

  const hint = document.getElementById("hint");
  const NEAR = 14; // pixels

  function label(figure, event) {
    const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
    const scale = box.width / svg.viewBox.baseVal.width;
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let least = NEAR, text = "";
    for (const [left, top, words] of data.points[figure.dataset.points]) {
      const far = Math.hypot(left * scale - x, top * scale - y);
      if (far < least) [least, text] = [far, words];
    }
    hint.hidden = !text;
    hint.textContent = text;
    const room = document.documentElement.clientWidth - hint.offsetWidth - 8;
    hint.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
    hint.style.top = `${event.clientY > 60 ? event.clientY - hint.offsetHeight - 10 : event.clientY + 16}px`;
  }

  for (const figure of document.querySelectorAll("[data-points]")) {
    figure.addEventListener("pointermove", (event) => label(figure, event));
    figure.addEventListener("pointerleave", () => { hint.hidden = true; });
  }

  for (const player of document.querySelectorAll("[data-audio]")) player.src = data.audio[player.dataset.audio];

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
}
