"use strict";
for (const input of document.querySelectorAll("input[data-find]")) {
  input.closest(".find").hidden = false;
  const rows = document.getElementById(input.dataset.find).tBodies[0].rows;
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.dataset.name.includes(wanted);
  });
}
let first;
setInterval(async () => {
  try {
    const answer = await fetch("/models");
    if (!answer.ok) return;
    const state = JSON.stringify((await answer.json()).models);
    first ??= state;
    const fresh = document.getElementById("fresh");
    if (state !== first && !fresh.hasChildNodes()) {
      const link = document.createElement("a");
      link.href = "";
      link.textContent = "show them";
      fresh.append("There are new bars or a new model: ", link, ".");
    }
  } catch { /* the next look may find the service again */ }
}, 15000);
