// The audit by keyboard; everything else is links and a form.

import { leaveOutUnset } from "../../shared/js/filter-form.js";
import { belongsElsewhere } from "../../shared/js/frame.js";

const rows = [...document.querySelectorAll("#rows > tr")];

function step(by) {
  const here = rows.indexOf(document.activeElement.closest("tr"));
  const next = here < 0 ? rows[0] : rows[here + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

document.getElementById("filter-form").addEventListener("formdata", leaveOutUnset);

const KEYS = {
  "/": () => document.getElementById("filter-who").focus(),
  j: () => step(1),
  k: () => step(-1),
};

document.addEventListener("keydown", (event) => {
  if (belongsElsewhere(event)) return;
  if (event.key === "Enter" && event.target.matches("#rows > tr")) {
    event.target.querySelector(".object-title > a, .object-id > a.id")?.click();
    return;
  }
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
