// Reads the page again while it is looked at. Everything else works without this file.
"use strict";

// Once the page that was read no longer has a place to be shown in, the whole page is loaded.
const place = () => document.getElementById("live");
const stale = document.getElementById("stale");
const TIMEOUT_MS = 60000;
let loaded = Date.now();
let failedSince = null;

// Nothing is replaced under the hands of somebody who types, chooses or marks.
function isInUse() {
  const focused = document.activeElement;
  const typing = focused && ["INPUT", "SELECT", "TEXTAREA"].includes(focused.tagName);
  const ticked = place().querySelector("input[type=checkbox]:checked");
  const marked = String(window.getSelection());
  return Boolean(typing || ticked || marked);
}

function showAge() {
  const shown = place().querySelector(".age");
  if (!shown) return;
  const seconds = Math.round(Number(shown.dataset.age) + (Date.now() - loaded) / 1000);
  shown.textContent = `${seconds} s`;
  const every = Number(place().dataset.refresh);
  place().classList.toggle("old", failedSince !== null || (every > 0 && seconds > 3 * every + 60));
}

function sayFailed(why) {
  failedSince = failedSince || new Date();
  stale.textContent = `What is below is old: since ${failedSince.toLocaleTimeString()} it could not be read again (${why}).`;
  stale.hidden = false;
}

// What was opened, scrolled to and focused stays so: a page must not jump while it is looked at.
function show(fresh) {
  const opened = [...place().querySelectorAll("details")].map((one) => one.open);
  const scrolled = [...place().querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const focused = place().contains(document.activeElement) ? document.activeElement : null;
  place().replaceWith(fresh);
  fresh.querySelectorAll("details").forEach((one, number) => { one.open = Boolean(opened[number]); });
  fresh.querySelectorAll(".scroll").forEach((one, number) => { one.scrollLeft = scrolled[number] || 0; });
  const same = focused && [...fresh.querySelectorAll("a, button, summary")].find((one) => one.isEqualNode(focused));
  if (same) same.focus({ preventScroll: true });
}

async function readAgain() {
  const response = await fetch(location.href, {
    headers: { "X-Refresh": "1" }, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) {
    const said = page.querySelector("main h1");
    throw new Error(said ? said.textContent : `HTTP ${response.status}`);
  }
  const fresh = page.getElementById("live");
  if (response.redirected || !fresh) {
    location.reload(); // the session is over
    return;
  }
  if (isInUse()) return; // since it was asked for
  show(fresh);
  loaded = Date.now();
  failedSince = null;
  stale.hidden = true;
}

async function refreshForEver() {
  const every = Number(place().dataset.refresh);
  if (!every) return;
  if (!document.hidden && !isInUse()) {
    try {
      await readAgain();
    } catch (error) {
      sayFailed(error.message);
    }
    showAge();
  }
  setTimeout(refreshForEver, every * 1000);
}

if (place()) {
  setInterval(showAge, 1000);
  setTimeout(refreshForEver, Number(place().dataset.refresh) * 1000);
}
