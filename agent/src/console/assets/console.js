// Brings a page up to date every few seconds, part by part, and never under somebody's hands. Pages work without it.
"use strict";

const EVERY = 4000;
const main = document.querySelector("main[data-live]");
const fresh = document.getElementById("fresh");

/** What was served of each part, before anything here changed it. */
const served = new Map();
document.querySelectorAll("main [data-part]").forEach((part) => served.set(part.id, part.innerHTML));

/** Whether replacing a part would take something from under somebody's hands: an open menu, a field, a text being marked. */
function isBusy(part) {
  const active = document.activeElement;
  const marked = getSelection();
  return part.querySelector("details.menu[open]") !== null
    || (part.contains(active) && active.matches("input, select, textarea"))
    || (!marked.isCollapsed && part.contains(marked.anchorNode));
}

/** By what something to press is known again in a newer part. */
function known(element) {
  return [element.tagName, element.getAttribute("href") ?? element.textContent].join(" ");
}

/** Puts a newer part in the place of one: what was unfolded stays so, and who was on a link or button is on it again. */
function replace(here, part) {
  const active = here.contains(document.activeElement) ? document.activeElement : null;
  const open = [...here.querySelectorAll("details[open][id]")].map((details) => details.id);
  here.replaceWith(part);
  open.forEach((id) => { const details = document.getElementById(id); if (details) details.open = true; });
  part.querySelectorAll("pre[data-copy]").forEach(copies);
  part.querySelectorAll("form[method=post]").forEach(once);
  if (!active) return;
  const all = [...part.querySelectorAll("a[href], button, summary, [tabindex]")];
  const again = all.find((element) => active.id && element.id === active.id) ?? all.find((element) => known(element) === known(active));
  if (again) again.focus({ preventScroll: true });
}

function say(text) {
  if (fresh) fresh.textContent = text;
}

async function refresh() {
  if (document.hidden) return true;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { "x-assent-live": main.dataset.live }, cache: "no-store" });
  } catch {
    say("The agent cannot be reached. Trying again.");
    return true;
  }
  if (answer.status === 401) { say("You are signed out. Load the page again to sign in."); return false; }
  if (answer.status === 410) { say("This page no longer brings itself up to date. Load it again to go on."); return false; }
  if (!answer.ok) { say("The agent cannot answer now. Trying again."); return true; }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  let left = false;
  let last = null;
  const parts = [...page.querySelectorAll("main [data-part]")];
  for (const part of parts) {
    const here = document.getElementById(part.id);
    const text = part.innerHTML;
    if (here && served.get(part.id) === text) { last = here; continue; }
    if (here && isBusy(here)) { left = true; last = here; continue; }
    const newer = document.adoptNode(part);
    if (here) replace(here, newer);
    else if (last) last.after(newer);
    else main.append(newer);
    served.set(newer.id, text);
    last = newer;
  }
  // What is not there any more: a client that left.
  const ids = new Set(parts.map((part) => part.id));
  for (const part of document.querySelectorAll("main [data-part]")) {
    if (ids.has(part.id)) continue;
    if (isBusy(part)) left = true;
    else { part.remove(); served.delete(part.id); }
  }
  const now = page.getElementById("fresh");
  if (!fresh || !now) return true;
  if (left) {
    // The time that is told is that of what stands here.
    say(`Paused since ${fresh.dataset.at.slice(11, 16)} UTC while you work here. Close the menu or leave the field to go on.`);
    return true;
  }
  fresh.dataset.at = now.dataset.at;
  fresh.replaceChildren(...document.adoptNode(now).childNodes);
  return true;
}

async function keep() {
  if (await refresh()) setTimeout(keep, EVERY);
}

/** A button that copies a command. */
function copies(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent.trim());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(block);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.after(button);
}

// A question is answered once: the second press of a button is no second answer.
function once(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });
}

document.querySelectorAll("pre[data-copy]").forEach(copies);
document.querySelectorAll("form[method=post]").forEach(once);
// Where the navigation is one line that moves, it shows where one is.
const here = document.querySelector(".side nav a[aria-current]");
if (here) {
  const list = here.closest("ul");
  list.scrollLeft = here.getBoundingClientRect().left - list.getBoundingClientRect().left - list.clientWidth / 3;
}
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.activeElement && document.activeElement.closest("details.menu[open]");
  if (open) { open.open = false; open.querySelector("summary").focus(); }
});
if (main) setTimeout(keep, EVERY);
