// Live: what happens to a task is told by the server. Without this script every page works, and is as old as its load.
"use strict";
// Never under the hands of somebody who writes.
function refresh() {
  const prompt = document.querySelector("#prompt");
  if (!prompt || prompt.value === "") location.reload();
}
for (const place of document.querySelectorAll("[data-follow]")) {
  const source = new EventSource(`/api/jobs/${place.dataset.follow}/events`);
  const whole = place.dataset.whole !== undefined;
  source.addEventListener("activity", (event) => {
    if (!whole) { place.textContent = event.data; return; }
    const atEnd = place.scrollTop + place.clientHeight >= place.scrollHeight - 8;
    place.append(`${event.data}\n`);
    if (atEnd) place.scrollTop = place.scrollHeight;
  });
  // What was rendered may be older than the first thing that is told.
  source.addEventListener("state", (event) => { if (JSON.parse(event.data).state !== place.dataset.state) refresh(); });
  source.addEventListener("end", () => source.close());
}
for (const form of document.querySelectorAll("form[data-sure]")) {
  form.addEventListener("submit", (event) => { if (!confirm(form.dataset.sure)) event.preventDefault(); });
}
