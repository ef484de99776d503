"use strict";
// What the console does with a script; without one every page can be read and every form sent.

const TYPING = new Set(["INPUT", "TEXTAREA", "SELECT"]);

// Copy buttons appear where there is a clipboard.
function offerCopies(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) return;
    button.hidden = false;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button === null) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
  const said = button.textContent;
  button.textContent = "✓";
  setTimeout(() => (button.textContent = said), 1200);
});

// j and k walk along the rows of a page, a goes to the approve sheet.
function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function isCurrent(row) {
  return row.hasAttribute("aria-current") || row.classList.contains("on");
}

function walk(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.findIndex(isCurrent);
  // Beyond the last row of a page is the first one of the next page.
  if ((at === all.length - 1 && step > 0) || (at === 0 && step < 0)) {
    const onward = document.querySelector(step > 0 ? "[data-onward]" : "[data-backward]");
    if (onward !== null) {
      location.assign(onward.href);
      return;
    }
  }
  const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + step))];
  if (next.matches("a")) {
    choose(next);
    next.click();
  } else {
    for (const row of all) row.classList.toggle("on", row === next);
    const link = next.querySelector("a");
    if (link !== null) link.focus({ preventScroll: true });
  }
  next.scrollIntoView({ block: "nearest" });
}

function choose(link) {
  for (const row of rows()) row.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
}

function approve() {
  const here = rows().find(isCurrent);
  const link = here?.querySelector("[data-approve]") ?? document.querySelector("[data-approve]");
  if (link !== null) link.click();
}

function jump() {
  document.querySelector("[data-jump]")?.focus();
}

const KEYS = { j: () => walk(1), k: () => walk(-1), a: approve, g: jump };

document.addEventListener("keydown", (event) => {
  const typing = TYPING.has(event.target.tagName) || event.target.isContentEditable;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-row]");
  if (link !== null) choose(link);
});

// A pane shows the place that it is about.
function showPlaces(root) {
  for (const pane of root.querySelectorAll("[data-to]")) {
    const place = pane.querySelector(pane.dataset.to);
    if (place === null) continue;
    const above = place.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    pane.scrollTop += above - 24;
  }
}

function showTree() {
  const pane = document.querySelector(".tree")?.closest(".scroll");
  const row = pane?.querySelector("[aria-current]");
  if (!row) return;
  const above = row.getBoundingClientRect().top - pane.getBoundingClientRect().top;
  if (above > pane.clientHeight) pane.scrollTop += above - 48;
}

// What a reader opened stays open, and what they closed closed, when the page's moving part is replaced.
let opened = new Map();

document.addEventListener("htmx:beforeSwap", (event) => {
  const parts = event.target.querySelectorAll("details[data-key]");
  opened = new Map([...parts].map((part) => [part.dataset.key, part.open]));
});

document.addEventListener("htmx:afterSwap", () => {
  for (const part of document.querySelectorAll("details[data-key]")) {
    if (opened.has(part.dataset.key)) part.open = opened.get(part.dataset.key);
  }
  offerCopies(document);
  showPlaces(document);
});

// Time that is left runs down.
function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.floor((Date.parse(time.dataset.until) - now) / 1000));
    const [hours, minutes] = [Math.floor(left / 3600), Math.floor((left % 3600) / 60)];
    const two = (number) => String(number).padStart(2, "0");
    if (left === 0) {
      time.classList.add("over");
      if (time.dataset.over) time.textContent = time.dataset.over;
      continue;
    }
    time.textContent = hours ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(left % 60)} s`;
  }
}

// What happens on the server appears here: the page is read again, and its moving part replaced.
function listen() {
  const part = document.querySelector("[data-live]");
  if (part === null || !window.EventSource) return;
  const source = new EventSource(part.dataset.live);
  let waiting = null;
  const refresh = () => {
    if (waiting !== null || document.querySelector("[data-live] :focus-within textarea")) return;
    waiting = setTimeout(() => {
      waiting = null;
      htmx.ajax("GET", location.href, {
        target: `#${part.id}`,
        select: `#${part.id}`,
        swap: "outerHTML show:none",
      });
    }, 300);
  };
  for (const name of ["run", "change"]) source.addEventListener(name, refresh);
  addEventListener("pagehide", () => source.close());
}

offerCopies(document);
showPlaces(document);
showTree();
tick();
setInterval(tick, 1000);
listen();
