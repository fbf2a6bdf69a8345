// Brings a page up to date every few seconds, part by part, and never under somebody's hands. Pages work without it.
"use strict";

const EVERY = 4000;
const main = document.querySelector("main[data-live]");
const fresh = document.getElementById("fresh");

/** Whether somebody is at work inside a part. */
function isBusy(part) {
  return part.contains(document.activeElement) || part.querySelector("details[open]") !== null;
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
  for (const part of page.querySelectorAll("main [data-part]")) {
    const here = document.getElementById(part.id);
    if (here && !isBusy(here) && here.innerHTML !== part.innerHTML) here.replaceWith(document.adoptNode(part));
  }
  const now = page.getElementById("fresh");
  if (fresh && now) fresh.replaceChildren(...document.adoptNode(now).childNodes);
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

document.querySelectorAll("pre[data-copy]").forEach(copies);
// A question is answered once: the second press of a button is no second answer.
document.querySelectorAll("form[method=post]").forEach((form) => {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 5000);
  });
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.activeElement && document.activeElement.closest("details.menu[open]");
  if (open) { open.open = false; open.querySelector("summary").focus(); }
});
if (main) setTimeout(keep, EVERY);
