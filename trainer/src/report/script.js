// Reading values off a chart: the pointer's place, back through the axes. What was read
// stands where the x axis is named, and beside the names of several lines.
"use strict";
for (const svg of document.querySelectorAll(".chart > svg")) {
  const [x0, x1, left, right] = svg.dataset.x.split(" ").map(Number);
  const [y0, y1, bottom, top] = svg.dataset.y.split(" ").map(Number);
  const isLog = "log" in svg.dataset;
  const read = (place) => {
    const share = (place - bottom) / (top - bottom);
    const value = isLog ? y0 * Math.pow(y1 / y0, share) : y0 + share * (y1 - y0);
    const tiny = value !== 0 && Math.abs(value) < 1e-3;
    return tiny ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  };
  const pointsOf = (path) => {
    const pairs = (path.getAttribute("d") ?? "").split(/[ML]/).filter(Boolean);
    return pairs.map((pair) => pair.split(" ").map(Number));
  };
  const lines = [...svg.querySelectorAll("path.line")].map(pointsOf);
  const values = svg.parentElement.querySelectorAll(".legend .value");
  const name = svg.querySelector(".name");
  const plain = name.textContent;
  const cursor = svg.querySelector(".cursor");
  const clear = () => {
    cursor.removeAttribute("d");
    name.textContent = plain;
    for (const value of values) value.textContent = "";
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const nearest = (points) =>
      points.reduce((a, b) => (Math.abs(b[0] - at) < Math.abs(a[0] - at) ? b : a));
    if (lines.length === 0 || lines.some((points) => points.length === 0)) return;
    const found = lines.map(nearest);
    const place = found[0][0];
    const x = Math.round(x0 + ((place - left) / (right - left)) * (x1 - x0));
    cursor.setAttribute("d", `M${place} ${top}V${bottom}`);
    name.textContent = `${plain} ${x}`;
    if (found.length === 1) name.textContent += `: ${read(found[0][1])}`;
    values.forEach((value, index) => (value.textContent = ` ${read(found[index][1])}`));
  });
  svg.addEventListener("pointerleave", clear);
}
