// Shows the queries that are asked for.
"use strict";
const queries = [...document.querySelectorAll("article[data-first]")];
const [first, text, shown] = ["first", "text", "shown"].map((id) => document.getElementById(id));
const filter = () => {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = (query) =>
    (first.value === "all" || query.dataset.first === first.value)
    && words.every((word) => query.dataset.words.split(" ").includes(word) || query.dataset.name.includes(word));
  for (const query of queries) query.hidden = !wanted(query);
  shown.textContent = `${queries.filter((query) => !query.hidden).length} of ${queries.length}`;
};
for (const input of [first, text]) input.addEventListener("input", filter);
filter();
