// Sorts a table by the column whose title is clicked: figures by their value, largest first, and text by its letters.
for (const table of document.querySelectorAll("table.sorted")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((title, column) => {
    const button = title.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const down = title.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const numeric = title.classList.contains("n");
      const order = (a, b) => numeric ? Number(value(b)) - Number(value(a)) : value(a).localeCompare(value(b));
      const sign = numeric === down ? 1 : -1;
      body.append(...[...body.rows].sort((a, b) => sign * order(a, b)));
    });
  });
}
