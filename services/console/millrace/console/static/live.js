// Follows the server's pages: each is merged into the one shown, so that what did not change stays untouched.
const main = document.getElementById("body");
const still = matchMedia("(prefers-reduced-motion: reduce)");

function light(element) {
  if (still.matches) return;
  const bright = getComputedStyle(document.body).getPropertyValue("--bright");
  element.animate([{ fill: bright, color: bright }, {}], { duration: 900, easing: "ease-out" });
}

function attributes(old, now) {
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!now.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
}

function merge(old, now) {
  if (old.nodeName !== now.nodeName) return old.replaceWith(now);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== now.data) {
      old.data = now.data;
      if (old.parentElement.matches("[data-count]")) light(old.parentElement);
    }
    return;
  }
  attributes(old, now);
  const [before, after] = [[...old.childNodes], [...now.childNodes]];
  after.forEach((child, place) => (before[place] ? merge(before[place], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

function follow() {
  const source = new EventSource(main.dataset.live);
  source.addEventListener("page", ({ data }) => {
    const now = main.cloneNode(false);
    now.innerHTML = data;
    merge(main, now);
    document.body.classList.remove("stale");
  });
  source.onerror = () => {
    document.body.classList.add("stale");
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    setTimeout(follow, 2000);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}
document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
follow();
