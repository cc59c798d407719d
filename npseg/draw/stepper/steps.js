// Walks through the steps of npseg.draw.steps. The page can be read without this; here the list items, which carry
// the numbers of the cells that they are about, light those cells and fill the result in, one step at a time.
(() => {
  "use strict";

  const numbers = (text) => (text ? text.split(" ").map(Number) : []);

  function button(label, title, press, key) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.title = key ? `${title} (${key})` : title;
    made.setAttribute("aria-label", title);
    made.addEventListener("click", press);
    return made;
  }

  function group(name, ...members) {
    const made = document.createElement("span");
    made.className = name;
    made.append(...members);
    return made;
  }

  function walkThrough(root) {
    const cells = {};
    for (const role of ["source", "kernel", "target"]) {
      cells[role] = [...root.querySelectorAll(`figure.${role} td`)];
    }
    const real = (role) => cells[role].filter((td) => !td.matches(".padding, .cropped"));
    const matrix = root.querySelector("figure.matrix");
    const rows = matrix ? [...matrix.querySelectorAll("tbody tr")] : [];
    const heads = matrix ? [...matrix.querySelectorAll("thead th")].slice(1) : [];
    const rowOf = new Map(real("target").map((td, i) => [td, i]));
    const columnOf = new Map(real("source").map((td, i) => [td, i]));
    const begins = root.querySelector("figure.target").dataset.begins?.split("|");
    const lists = new Map([...root.querySelectorAll("details")].map((list) => [list.dataset.view, list]));
    let view = lists.has(root.dataset.view) ? root.dataset.view : lists.keys().next().value;
    let at = 0;
    let timer = null;

    const controls = document.createElement("div");
    controls.className = "controls";
    const tabs = [...lists.keys()].map((name) => button(name, lists.get(name).firstChild.textContent, () => show(name, 0)));
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = 1;
    slider.setAttribute("aria-label", "step");
    slider.addEventListener("input", () => { stop(); show(view, slider.value - 1); });
    const play = button("play", "play", () => (timer ? stop() : start()), "space");
    play.className = "play";
    const count = group("count");
    controls.append(
      group("views", ...tabs),
      group(
        "moves",
        button("|◀", "first step", () => move(-Infinity), "Home"),
        button("◀", "step back", () => move(-1), "←"),
        play,
        button("▶", "step on", () => move(1), "→"),
        button("▶|", "last step", () => move(Infinity), "End"),
      ),
      group("place", slider, count),
    );
    const line = document.createElement("p");
    line.className = "line";
    line.setAttribute("aria-live", "polite");
    root.querySelector(".planes").before(controls, line);
    for (const list of lists.values()) list.open = false;

    const items = () => [...lists.get(view).querySelectorAll("li")];

    function write(cell, text) {
      cell.textContent = text;
      const row = rowOf.get(cell);
      if (matrix && row !== undefined) rows[row].firstChild.textContent = text;
    }

    function show(name, step) {
      view = name;
      const all = items();
      at = Math.max(0, Math.min(step, all.length - 1));
      root.dataset.view = view;
      for (const lit of root.querySelectorAll(".lit, .lost")) lit.classList.remove("lit", "lost");
      cells.target.forEach((cell, i) => write(cell, view === "scatter" ? (begins ? begins[i] : "0") : ""));
      for (const item of all.slice(0, at + 1)) {
        const values = item.dataset.v.split("|");
        numbers(item.dataset.t).forEach((cell, i) => write(cells.target[cell], values[i]));
      }
      light(all[at]);
      tabs.forEach((tab) => tab.setAttribute("aria-pressed", tab.textContent === view));
      for (const [other, list] of lists) list.hidden = other !== view;
      slider.max = all.length;
      slider.value = at + 1;
      slider.setAttribute("aria-valuetext", `step ${at + 1} of ${all.length}`);
      count.textContent = `step ${at + 1} of ${all.length}`;
      line.textContent = all[at].textContent;
    }

    function light(item) {
      item.classList.add("lit");
      for (const [role, key] of [["source", "s"], ["kernel", "k"], ["target", "t"]]) {
        for (const cell of numbers(item.dataset[key])) cells[role][cell].classList.add("lit");
      }
      for (const cell of numbers(item.dataset.l)) cells.source[cell].classList.add("lost");
      if (!matrix) return;
      if (view === "scatter") {
        for (const cell of numbers(item.dataset.s)) lightColumn(columnOf.get(cells.source[cell]));
      } else {
        for (const cell of numbers(item.dataset.t)) rows[rowOf.get(cells.target[cell])]?.classList.add("lit");
        for (const cell of numbers(item.dataset.s)) heads[columnOf.get(cells.source[cell])]?.classList.add("lit");
      }
    }

    function lightColumn(column) {
      if (column === undefined) return;
      heads[column].classList.add("lit");
      for (const row of rows) row.children[column + 1].classList.add("lit");
    }

    function move(by) {
      stop();
      show(view, by === Infinity ? items().length - 1 : Math.max(0, at + by));
    }

    function start() {
      if (at + 1 >= items().length) show(view, 0);
      relabel("pause");
      timer = setInterval(() => {
        if (!root.isConnected || at + 1 >= items().length) stop();
        else show(view, at + 1);
      }, 900);
    }

    function stop() {
      clearInterval(timer);
      timer = null;
      relabel("play");
    }

    function relabel(doing) {
      play.textContent = doing;
      play.title = `${doing} (space)`;
      play.setAttribute("aria-label", doing);
    }

    const keys = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key in keys) move(keys[event.key]);
      else if (event.key === " " && event.target === root) play.click();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    root.addEventListener("click", (event) => {
      const item = event.target.closest("li");
      if (item) { stop(); show(view, items().indexOf(item)); }
    });
    root.dataset.ready = "true";
    show(view, 0);
  }

  document.querySelectorAll(".npseg-steps:not([data-ready])").forEach(walkThrough);
})();
