// What the user just did, said once. An error stays until it is dismissed.

import { t } from "./strings.js";

const SHOWN_MILLISECONDS = 6000;

/** `action` is what takes it back: {label, act}. */
export function toast(text, { error = false, action = null } = {}) {
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.tone = error ? "red" : "green";
  if (error) box.setAttribute("role", "alert");
  const sentence = document.createElement("p");
  sentence.textContent = text;
  box.append(sentence);
  if (action) box.append(undoing(box, action));
  document.getElementById("toasts").append(box);
  letGo(box, { error });
}

/** Those that the server has drawn, after a form that was sent without scripts or to a page. */
export function adoptToasts() {
  for (const box of document.querySelectorAll("#toasts .toast")) {
    letGo(box, { error: box.dataset.tone === "red" });
  }
}

function undoing(box, { label, act }) {
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

function letGo(box, { error }) {
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet";
  close.textContent = t("close");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  if (!error) setTimeout(() => box.remove(), SHOWN_MILLISECONDS);
}
