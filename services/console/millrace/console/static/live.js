// Swaps the page's body for each one that the server sends, and lights up the counters that moved.
const body = document.getElementById("body");
const seen = new Map();
const note = (root, light) => root.querySelectorAll("[data-count]").forEach((el) => {
  const { key, count } = el.dataset;
  if (light && seen.has(key) && seen.get(key) !== count) el.classList.add("moved");
  seen.set(key, count);
});
note(body, false);
const source = new EventSource(body.dataset.live);
source.addEventListener("page", (event) => {
  body.innerHTML = event.data;
  note(body, true);
  document.body.classList.remove("stale");
});
source.onerror = () => document.body.classList.add("stale");
