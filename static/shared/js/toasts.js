// What the user just did, said once. An error stays until it is dismissed, and the same one again
// takes the place of the first.

import { t } from "./strings.js";

const SHOWN_MILLISECONDS = 6000;
const CONFIRMED_MILLISECONDS = 2500;

/**
 * `action` is what can be done about it, such as taking it back: {label, act}. What `stays` is
 * there until somebody takes it away. Answers the toast's element.
 */
export function toast(text, { error = false, action = null, stays = error, tone = "green" } = {}) {
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.tone = error ? "red" : tone;
  if (error) box.setAttribute("role", "alert");
  const sentence = document.createElement("p");
  sentence.textContent = text;
  box.append(sentence);
  if (action) box.append(doing(box, action));
  const place = document.getElementById("toasts");
  for (const other of [...place.children]) {
    if (other.querySelector("p")?.textContent === text) other.remove();
  }
  place.append(box);
  letGo(box, { stays });
  return box;
}

/** What a toast announced has happened: it says so, and goes. */
export function confirmToast(box, text) {
  box.querySelector("p").textContent = text;
  setTimeout(() => box.remove(), CONFIRMED_MILLISECONDS);
}

/** Those that the server has drawn, after a form that was sent without scripts or to a page. */
export function adoptToasts() {
  for (const box of document.querySelectorAll("#toasts .toast")) {
    letGo(box, { stays: box.dataset.tone === "red" });
  }
}

function doing(box, { label, act }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = label;
  button.addEventListener("click", () => {
    box.remove();
    act();
  });
  return button;
}

function letGo(box, { stays }) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet";
  close.textContent = t("close");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  if (!stays) setTimeout(() => box.remove(), SHOWN_MILLISECONDS);
}
