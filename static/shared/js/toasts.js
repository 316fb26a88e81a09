// What the user just did, said once. An error stays until it is dismissed.

import { t } from "./strings.js";

const SHOWN_MILLISECONDS = 6000;

export function toast(text, { error = false } = {}) {
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.tone = error ? "red" : "green";
  if (error) box.setAttribute("role", "alert");
  const sentence = document.createElement("p");
  sentence.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button quiet";
  close.textContent = t("close");
  close.addEventListener("click", () => box.remove());
  box.append(sentence, close);
  document.getElementById("toasts").append(box);
  if (!error) setTimeout(() => box.remove(), SHOWN_MILLISECONDS);
}
