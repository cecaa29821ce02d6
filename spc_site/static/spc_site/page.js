/* What script adds to a page that is complete without it. */
"use strict";

/* A page that waits for a verdict, or shows the day, refreshes its main part while it is looked at. */
function poll() {
  const main = document.querySelector("main[data-poll]");
  if (!main) return;
  setTimeout(async () => {
    if (!document.hidden && !isBusy(main)) await refresh(main);
    poll();
  }, Number(main.dataset.poll) * 1000);
}

/* Nobody may lose what is being typed or an open fold. */
function isBusy(main) {
  return (main !== document.activeElement && main.contains(document.activeElement)) || main.querySelector("details[open], .sheetform:target");
}

async function refresh(main) {
  try {
    const answer = await fetch(location.href, { headers: { "X-Requested-With": "poll" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (!fresh) return;
    main.replaceChildren(...fresh.childNodes);
    if (!fresh.dataset.poll) delete main.dataset.poll;
    document.dispatchEvent(new Event("page:refreshed"));
  } catch {
    /* The network of a shop floor: the next beat tries again. */
  }
}

/* A filter works as soon as it is chosen; the button stays for keyboards and slow hands. */
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (form && event.target.matches("select, input[type=date]")) form.requestSubmit();
});

/* One click, one act: a second tap on a slow line must not post twice. */
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  setTimeout(() => event.target.querySelectorAll("button").forEach((button) => (button.disabled = true)));
  addEventListener("pageshow", () => event.target.querySelectorAll("button").forEach((button) => (button.disabled = false)), { once: true });
});

/* The account sheet closes on a tap beside it, and on Escape. */
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.person[open]").forEach((sheet) => sheet.contains(event.target) || (sheet.open = false));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll("details.person[open]").forEach((sheet) => (sheet.open = false));
});

/* A link that acts as a button answers the space bar, too. */
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("a[role=button]")) return;
  event.preventDefault();
  event.target.click();
});

/* "/" goes to the search, as people know it. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const field = document.querySelector(".search input");
  if (field) {
    event.preventDefault();
    field.focus();
  }
});

poll();
