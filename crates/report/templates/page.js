"use strict";
// What makes the page answer: pictures, tables that sort, boxes that select, downloads.
// Without it everything is still there to be read.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const data = JSON.parse($("#data").textContent);
  const say = (text) => { $("#said").textContent = text; };
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // Tables of the page as records for the pictures.
  const records = {};
  for (const [id, table] of Object.entries(data.tables)) {
    records[id] = table.rows.map((cells, row) => {
      const record = { row };
      table.columns.forEach((name, place) => { record[name] = cells[place]; });
      return record;
    });
  }

  // Downloads, made on this machine.
  const save = (name, type, text) => {
    const link = element("a", undefined, { download: name });
    link.href = URL.createObjectURL(new Blob([text], { type }));
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    say(`${name} is saved`);
  };
  const csv = (table) => {
    const field = (value) => {
      const text = value === null ? "" : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [table.columns, ...table.rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
  };
  for (const button of all("[data-csv]")) {
    const id = button.dataset.csv;
    button.addEventListener("click", () => save(`${id}.csv`, "text/csv", csv(data.tables[id])));
  }
  for (const button of all("[data-file]")) {
    const name = button.dataset.file;
    button.addEventListener("click", () => save(name, "application/json", JSON.stringify(data.files[name], null, 2) + "\n"));
  }
  for (const buttons of all(".buttons")) buttons.hidden = false;

  // Tables sort by a column when its heading is pressed.
  const sortable = (table) => {
    for (const [place, heading] of all("thead th", table).entries()) {
      const button = element("button", heading.textContent || "name", { type: "button" });
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") !== "descending";
        for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        const key = (row) => row.cells[place].dataset.key;
        const compare = (a, b) => {
          const [x, y] = [key(a), key(b)];
          // What is not known stands last either way.
          if (x === "" || y === "") return (x === "") - (y === "");
          const [m, n] = [Number(x), Number(y)];
          const order = Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y) : m - n;
          return descending ? -order : order;
        };
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort(compare));
        say(`sorted by ${button.textContent}, ${descending ? "largest first" : "smallest first"}`);
      });
    }
  };
  for (const table of all("table")) sortable(table);

  // Words of a formula say what they are, to a pointer and to the keyboard.
  const tip = $("#tip");
  const explain = (word) => {
    tip.textContent = word.dataset.says;
    tip.hidden = false;
    const box = word.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - 400)) + scrollX}px`;
    tip.style.top = `${box.bottom + 6 + scrollY}px`;
  };
  const quiet = () => { tip.hidden = true; };
  for (const word of all(".math .word")) {
    word.setAttribute("tabindex", "0");
    word.addEventListener("pointerenter", () => explain(word));
    word.addEventListener("pointerleave", quiet);
    word.addEventListener("focus", () => explain(word));
    word.addEventListener("blur", quiet);
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") quiet(); });

  // Light, dark, or as the system has it.
  const theme = $("#theme");
  const themes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
  let current = 0;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    current = (current + 1) % themes.length;
    const [value, name] = themes[current];
    if (value) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
    theme.textContent = `Theme: ${name}`;
  });

  // Networks that a box holds, as a table.
  const shown = 200;
  const list = (figure, rows, what) => {
    const place = $(".selected", figure);
    if (!rows) { place.replaceChildren(); return; }
    const columns = data.tables[figure.dataset.table].columns;
    const table = element("table");
    const head = element("tr");
    for (const name of columns) head.append(element("th", name, { scope: "col" }));
    const body = element("tbody");
    for (const record of rows.slice(0, shown)) {
      const row = element("tr");
      for (const name of columns) {
        const value = record[name];
        const text = value === null ? "–" : typeof value === "number" ? String(Number(value.toPrecision(6))) : value;
        row.append(element("td", text, { "data-key": value ?? "" }));
      }
      body.append(row);
    }
    const header = element("thead");
    header.append(head);
    const few = rows.length > shown ? `, the first ${shown} of which are listed` : "";
    table.append(element("caption", `${rows.length} ${what}${few}`), header, body);
    sortable(table);
    const scroll = element("div", undefined, { class: "scroll", tabindex: "0", role: "group", "aria-label": "Networks" });
    scroll.append(table);
    place.replaceChildren(scroll);
  };

  const listen = {
    // A box in a picture of networks lists those in it.
    points(view, figure, rows) {
      let waiting;
      view.addSignalListener("brush", (_, box) => {
        clearTimeout(waiting);
        waiting = setTimeout(() => {
          const sides = Object.entries(box ?? {}).filter(([, ends]) => Array.isArray(ends));
          if (sides.length === 0) { list(figure, null); return; }
          const inside = rows.filter((row) => sides.every(([field, ends]) => {
            const [low, high] = [Math.min(...ends), Math.max(...ends)];
            return row[field] !== null && row[field] >= low && row[field] <= high;
          }));
          list(figure, inside, inside.length === 1 ? "network in the box" : "networks in the box");
        }, 60);
      });
    },
    // A row of a table and a point of a picture are one thing.
    front(view, figure) {
      const table = document.getElementById(figure.dataset.table);
      if (!table) return;
      const rows = [...table.tBodies[0].rows];
      const choose = (number) => {
        rows.forEach((row, place) => row.classList.toggle("chosen", place === number));
        view.signal("chosen", number).runAsync();
      };
      for (const [number, row] of rows.entries()) {
        row.tabIndex = 0;
        for (const event of ["pointerenter", "focus"]) row.addEventListener(event, () => choose(number));
        for (const event of ["pointerleave", "blur"]) row.addEventListener(event, () => choose(-1));
      }
      const numbers = (item) => item?.mark?.marktype === "symbol" ? item.datum?.row ?? -1 : -1;
      const is = (item) => item?.datum && table.id in records && records[table.id][item.datum.row]?.id === item.datum.id;
      view.addEventListener("pointermove", (_, item) => choose(is(item) ? numbers(item) : -1));
    },
  };

  const draw = async ({ id, kind, tables, spec }) => {
    const figure = document.getElementById(id);
    figure.dataset.table = tables[0];
    const [fixed, live] = [$(".static", figure), $(".live", figure)];
    spec.datasets = Object.fromEntries(tables.map((name) => [name, records[name]]));
    live.hidden = false;
    live.setAttribute("role", "img");
    live.setAttribute("aria-label", spec.description);
    const { view } = await vegaEmbed(live, spec, { ast: true, actions: false, renderer: "svg" });
    // The frame around it says what it is; its marks are no text.
    $("svg", live).setAttribute("aria-hidden", "true");
    fixed.remove();
    $("[data-svg]", figure).addEventListener("click", async () => save(`${id}.svg`, "image/svg+xml", await view.toSVG()));
    $("[data-list]", figure)?.addEventListener("click", () => list(figure, records[tables[0]], "networks"));
    listen[kind]?.(view, figure, records[tables[0]]);
    figure.dataset.drawn = "";
  };
  (async () => {
    for (const figure of data.figures) {
      try {
        await draw(figure);
      } catch (error) {
        // The picture without scripts stays.
        $(".live", document.getElementById(figure.id)).hidden = true;
        console.error(figure.id, error);
      }
      // The page answers between two pictures.
      await new Promise((go) => setTimeout(go));
    }
    document.documentElement.dataset.ready = "";
  })();
})();
