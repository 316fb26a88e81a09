// The audit by keyboard; everything else is links and a form.

import { isTyping } from "../../shared/js/frame.js";

const rows = [...document.querySelectorAll("#rows > tr")];

function step(by) {
  const here = rows.indexOf(document.activeElement.closest("tr"));
  const next = here < 0 ? rows[0] : rows[here + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const form = document.getElementById("filter-form");
form.addEventListener("submit", () => {
  // Filters that are not set stay out of the address.
  for (const field of form.elements) if (!field.value) field.disabled = true;
});
// Whoever comes back finds them as they were.
addEventListener("pageshow", () => {
  for (const field of form.elements) field.disabled = false;
});

const KEYS = {
  "/": () => document.getElementById("filter-who").focus(),
  j: () => step(1),
  k: () => step(-1),
};

document.addEventListener("keydown", (event) => {
  if (isTyping(event)) return;
  if (event.key === "Enter" && event.target.matches("#rows > tr")) {
    event.target.querySelector(".object-title > a, .object-id > a.id")?.click();
    return;
  }
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
