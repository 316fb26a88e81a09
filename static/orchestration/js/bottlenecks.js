// While somebody is at the bottlenecks each keeps its place: who is none any more says so there, and
// who has become one comes last. Once nobody is there they stand as the server has them.

import { t } from "../../shared/js/strings.js";
import { watchHand } from "../../execution/js/hand.js";
import { replaceParts } from "../../execution/js/parts.js";

const part = document.getElementById("bottlenecks");
const isHandThere = part && watchHand(part);
let due = null;

function isRead() {
  return isHandThere() || part.contains(document.activeElement);
}

/** Before the parts of `page` are put in. */
export function keepPlaces(page) {
  due = null;
  const fresh = page.getElementById("bottlenecks");
  const list = fresh?.querySelector("ol");
  const shown = part?.querySelector("ol");
  if (!list || !shown || !isRead()) return;
  const coming = [...list.children];
  const stay = [...shown.children].map(
    (item) => coming.find(({ id }) => id === item.id) ?? left(item),
  );
  const ordered = [...stay, ...coming.filter((item) => !stay.includes(item))];
  if (ordered.every((item, place) => item === coming[place])) return;
  due = fresh.cloneNode(true);
  list.replaceChildren(...ordered);
}

function left(item) {
  const copy = item.cloneNode(true);
  const link = copy.querySelector("a");
  link.textContent = t("bottleneck.left");
  link.removeAttribute("aria-label");
  return copy;
}

export function settlePlaces() {
  if (!due || isRead()) return;
  const page = document.createElement("div");
  page.append(due);
  due = null;
  replaceParts(page);
}
