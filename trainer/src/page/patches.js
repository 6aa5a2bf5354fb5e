// Where two pictures match: at rest every part is as bright as its best match in the other
// picture; a chosen part is framed, and the other picture shows where it matches.
"use strict";
for (const matched of document.querySelectorAll(".matched")) {
  const rows = Number(matched.dataset.rows), columns = Number(matched.dataset.columns);
  const count = rows * columns;
  const canvases = [...matched.querySelectorAll("canvas")];
  let similarity = null;
  // Of part i of one side to part j of the other.
  const alike = (side, i, j) => similarity[side === 0 ? i * count + j : j * count + i];
  const parts = [...Array(count).keys()];
  const best = (side, i) => Math.max(...parts.map((j) => alike(side, i, j)));
  const draw = (side, values, chosen) => {
    const canvas = canvases[side], context = canvas.getContext("2d");
    const width = canvas.width / columns, height = canvas.height / rows;
    context.clearRect(0, 0, canvas.width, canvas.height);
    values.forEach((value, part) => {
      // Dark where nothing matches, by the same scale for all pictures.
      context.fillStyle = `rgb(0 0 0 / ${0.85 * (1 - value / 255)})`;
      context.fillRect((part % columns) * width, Math.floor(part / columns) * height, width, height);
    });
    if (chosen === null) return;
    context.lineWidth = 3;
    context.strokeStyle = "#ffd400";
    context.strokeRect((chosen % columns) * width + 1.5, Math.floor(chosen / columns) * height + 1.5, width - 3, height - 3);
  };
  const rest = () => canvases.forEach((_, side) => draw(side, parts.map((i) => best(side, i)), null));
  const choose = (side, part) => {
    const values = parts.map((j) => alike(side, part, j));
    draw(side, parts.map(() => 255), part);
    draw(1 - side, values, values.indexOf(Math.max(...values)));
  };
  const start = () => {
    if (similarity !== null) return;
    similarity = Uint8Array.from(atob(matched.dataset.similarity), (c) => c.charCodeAt(0));
    rest();
  };
  matched.closest("details").addEventListener("toggle", start);
  if (matched.closest("details").open) start();
  canvases.forEach((canvas, side) => {
    let part = Math.floor(rows / 2) * columns + Math.floor(columns / 2);
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const within = (at, size, cells) => Math.min(cells - 1, Math.max(0, Math.floor((at / size) * cells)));
      part = within(event.clientY - box.top, box.height, rows) * columns
        + within(event.clientX - box.left, box.width, columns);
      choose(side, part);
    });
    canvas.addEventListener("pointerleave", rest);
    canvas.addEventListener("focus", () => choose(side, part));
    canvas.addEventListener("blur", rest);
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const row = Math.min(rows - 1, Math.max(0, Math.floor(part / columns) + step[0]));
      const column = Math.min(columns - 1, Math.max(0, (part % columns) + step[1]));
      part = row * columns + column;
      choose(side, part);
    });
  });
}
