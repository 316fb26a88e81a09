// A task that changed while somebody edited it: its form is drawn anew, and says at each field what
// has become of it meanwhile.

import { t } from "../../shared/js/strings.js";

/** What a field was drawn with, as people read it. */
function valueOf(field) {
  const options = [...field.querySelectorAll("option")].filter((one) => one.defaultSelected);
  if (options.length) return options.map((one) => one.text.trim()).join();
  const boxes = [...field.querySelectorAll("[type=checkbox]")];
  const ticked = boxes.filter((one) => one.defaultChecked);
  if (boxes.length) return ticked.map((one) => one.closest("label").textContent.trim()).join(", ");
  return field.querySelector("input, textarea").defaultValue;
}

/** Mark in `fresh` what differs from `form`; the first control of what does, or null. */
export function markNews(fresh, form) {
  const before = [...form.querySelectorAll(".field")].map(valueOf);
  const changed = [...fresh.querySelectorAll(".field")].filter(
    (field, place) => valueOf(field) !== before[place],
  );
  for (const field of changed) {
    const line = document.createElement("p");
    line.className = "small soft";
    line.textContent = t("edit.news", { value: valueOf(field) });
    const control = controlOf(field);
    line.id = `${control.id}_news`;
    control.setAttribute("aria-describedby", line.id);
    field.append(line);
  }
  return changed.length ? controlOf(changed[0]) : null;
}

const controlOf = (field) => field.querySelector("input, select, textarea");
