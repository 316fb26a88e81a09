// The drawer takes the focus when it opens and gives it back to its card when it closes. Both are
// links to a place in another state of the page, so that they work without this too.

import { belongsElsewhere } from "../../shared/js/frame.js";

export function watchDrawer() {
  focusPlace();
  // The browser goes to the drawer once the page has loaded: after that, to what opened it.
  addEventListener("load", () => setTimeout(showOpened));
  addEventListener("hashchange", focusPlace);
  // Before the frame hears of it: an open menu has the first right to the key.
  document.addEventListener("keydown", closeOnEscape, { capture: true });
}

/** Not every browser focuses the place that the address names. */
function focusPlace() {
  const place = document.getElementById(location.hash.slice(1));
  if (place && !place.contains(document.activeElement)) place.focus({ preventScroll: true });
}

/** Beside the drawer its card stays in sight; on a phone the drawer has the window to itself. */
function showOpened() {
  if (location.hash !== "#agent" || !matchMedia("(min-width: 60.0625em)").matches) return;
  document.querySelector(".agent.is-open")?.scrollIntoView({ block: "nearest" });
}

function closeOnEscape(event) {
  if (event.key !== "Escape" || belongsElsewhere(event)) return;
  if (document.querySelector("details[data-menu][open]")) return;
  document.querySelector("[data-close]")?.click();
}
