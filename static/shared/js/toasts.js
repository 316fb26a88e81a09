// What the user just did, said once. An error stays until it is dismissed, and the same one again
// takes the place of the first. What can be done about something stays too, until the next such.

import { t } from "./strings.js";

const SHOWN_MILLISECONDS = 6000;
const CONFIRMED_MILLISECONDS = 2500;

// What had the focus when the last toast came.
let stoodAt = null;

/**
 * `action` is what can be done about it, such as taking it back: {label, act}, or where one has to
 * go: {label, href}. What `stays` is there until somebody takes it away; what is true only
 * `untilLive` goes with the outage. Answers the toast's element.
 */
export function toast(
  text,
  { error = false, action = null, stays = error || action !== null, tone = "green", untilLive = false } = {},
) {
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.tone = error ? "red" : tone;
  if (error) box.setAttribute("role", "alert");
  const sentence = document.createElement("p");
  sentence.textContent = text;
  box.append(sentence);
  if (untilLive) box.dataset.untilLive = "";
  if (action) box.append(doing(box, action));
  if (action && !error) box.dataset.offer = "";
  letGo(box, { stays });
  const place = document.getElementById("toasts");
  for (const other of place.querySelectorAll(".toast")) {
    const isSame = other.querySelector("p").textContent === text;
    if (isSame || ("offer" in box.dataset && "offer" in other.dataset)) drop(other);
  }
  if (!place.contains(document.activeElement)) stoodAt = document.activeElement;
  reachable(place);
  place.querySelector(error ? ".toast-errors" : "[role=status]").append(box);
  if (place.closest("dialog")) box.scrollIntoView({ block: "nearest" });
  return box;
}

/** Behind an open dialog nothing can be heard, read or pressed: then it stands in it. */
export function reachable(place) {
  const dialog = document.querySelector("dialog:modal");
  if (!dialog || dialog.contains(place)) return;
  const { parentElement: home, nextSibling: next } = place;
  dialog.append(place);
  dialog.addEventListener("close", () => home.insertBefore(place, next), { once: true });
}

/** Take it away; who stood in it goes on where they were, or at the page's content. */
function drop(box) {
  const stoodHere = box.contains(document.activeElement);
  box.remove();
  if (!stoodHere) return;
  for (const place of [stoodAt, document.getElementById("content")]) {
    if (document.activeElement === document.body) place?.focus({ preventScroll: true });
  }
}

/** Nothing goes from under a hand or the keyboard: then its time begins anew. */
function fade(box, milliseconds) {
  const end = () => (box.matches(":hover, :focus-within") ? fade(box, milliseconds) : drop(box));
  setTimeout(end, milliseconds);
}

/** The page is live again: what was said of not being able to read it is over. */
export function dropUntilLive() {
  for (const box of document.querySelectorAll("#toasts [data-until-live]")) drop(box);
}

/** What a toast announced has happened: it says so, and goes. */
export function confirmToast(box, text) {
  box.querySelector("p").textContent = text;
  fade(box, CONFIRMED_MILLISECONDS);
}

/** Those that the server has drawn, after a form that was sent without scripts or to a page. */
export function adoptToasts() {
  for (const box of document.querySelectorAll("#toasts .toast")) {
    letGo(box, { stays: box.dataset.tone === "red" });
  }
}

function doing(box, { label, act, href }) {
  if (href) {
    const link = document.createElement("a");
    link.className = "button small";
    link.href = href;
    link.textContent = label;
    return link;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = label;
  button.addEventListener("click", () => {
    drop(box);
    act();
  });
  return button;
}

function letGo(box, { stays }) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet small";
  close.textContent = t("close");
  close.addEventListener("click", () => drop(box));
  box.append(close);
  if (!stays) fade(box, SHOWN_MILLISECONDS);
}
