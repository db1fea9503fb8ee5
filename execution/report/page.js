"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const touch = matchMedia("(pointer: coarse)").matches;
  const config = {
    displaylogo: false,
    responsive: true,
    modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
  };

  for (const [id, figure] of Object.entries(figures)) {
    const zoomable = figure.layout.dragmode === "zoom";
    if (touch) figure.layout.dragmode = false; // a finger on a chart scrolls the page
    Plotly.newPlot(id, figure.data, figure.layout, { ...config, displayModeBar: zoomable && !touch ? "hover" : false });
  }

  const buttons = [...document.querySelectorAll("[data-run]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const chart = document.getElementById("chart-price");
      const key = button.dataset.run;
      Plotly.restyle(chart, { visible: chart.data.map((trace) => !trace.meta || trace.meta === key) });
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      for (const text of document.querySelectorAll("[data-caption]")) text.hidden = text.dataset.caption !== key;
    });
  }

  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value;
    return value === undefined ? cell.textContent : value === "" ? Infinity : Number(value);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const [x, y] = [key(a, column), key(b, column)];
          return x < y ? -sign : x > y ? sign : 0;
        });
        table.tBodies[0].append(...rows);
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      });
    });
  }
})();
