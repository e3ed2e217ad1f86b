// Live: what happens to a task is told by the server. Without this script every page works, and is as old as its load.
"use strict";
for (const place of document.querySelectorAll("[data-follow]")) {
  const source = new EventSource(`/api/jobs/${place.dataset.follow}/events`);
  const whole = place.dataset.whole !== undefined;
  let first = true;
  source.addEventListener("activity", (event) => {
    if (!whole) { place.textContent = event.data; return; }
    const atEnd = place.scrollTop + place.clientHeight >= place.scrollHeight - 8;
    place.append(`${event.data}\n`);
    if (atEnd) place.scrollTop = place.scrollHeight;
  });
  source.addEventListener("state", () => { if (!first) location.reload(); first = false; });
  source.addEventListener("end", () => { source.close(); if (place.dataset.live !== undefined) location.reload(); });
}
for (const form of document.querySelectorAll("form[data-sure]")) {
  form.addEventListener("submit", (event) => { if (!confirm(form.dataset.sure)) event.preventDefault(); });
}
