// The drawer takes the focus when it opens and gives it back to its card when it closes. Both are
// links to a place in another state of the page, so that they work without this too.

import { isTyping } from "../../shared/js/frame.js";

export function watchDrawer() {
  focusPlace();
  addEventListener("hashchange", focusPlace);
  // Before the frame hears of it: an open menu has the first right to the key.
  document.addEventListener("keydown", closeOnEscape, { capture: true });
}

/** Not every browser focuses the place that the address names. */
function focusPlace() {
  const place = document.getElementById(location.hash.slice(1));
  if (place && !place.contains(document.activeElement)) place.focus({ preventScroll: true });
}

function closeOnEscape(event) {
  if (event.key !== "Escape" || isTyping(event)) return;
  if (document.querySelector("details[data-menu][open]")) return;
  document.querySelector("[data-close]")?.click();
}
