// The frame that every page has: menus, dialogs, copy buttons, the help on "?", no way out into nothing.

import { guardLeaving } from "./reach.js";
import { t } from "./strings.js";
import { showTips } from "./tips.js";
import { adoptToasts, toast } from "./toasts.js";

// What is pressed or ticked takes no letters.
const PRESSED = ["checkbox", "radio", "button", "submit", "reset", "image", "file", "color"];
const WRITTEN = `input:not(${PRESSED.map((type) => `[type="${type}"]`).join()}), textarea`;
const OWN_KEYS = `${WRITTEN}, select, dialog, [contenteditable]`;
// What F6 goes round, and what it goes to there.
const PLACES = "#decisions, #bulk-bar, #toasts";
const STOP = "button:enabled:not([hidden], [tabindex='-1'], [aria-disabled='true']), a";

const page = document.documentElement;
const keysBox = document.getElementById("keys-on");

/**
 * Whether a key belongs to a field, a menu or a dialog rather than to the page; a character to
 * nobody where single keys are turned off, as for who speaks what they write.
 */
export function belongsElsewhere(event) {
  if (event.key.length === 1 && page.classList.contains("no-keys")) return true;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return true;
  return event.target.closest(OWN_KEYS) !== null;
}

keysBox.checked = !page.classList.contains("no-keys");
keysBox.addEventListener("change", () => {
  page.classList.toggle("no-keys", !keysBox.checked);
  localStorage.setItem("nexo.keys", keysBox.checked ? "on" : "off");
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    const menu = opener.closest("details[data-menu]");
    if (menu) close(menu);
    document.getElementById(opener.dataset.opens).showModal();
  }
  const copier = event.target.closest("[data-copy]");
  if (copier) copy(copier.dataset.copy, copier.dataset.copied);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details[data-menu][open]");
    if (menu) close(menu);
  }
  if (event.key === "F6" && !event.ctrlKey && goRound()) event.preventDefault();
  if (event.key === "?" && !belongsElsewhere(event)) document.getElementById("help").showModal();
});

// Where F6 was pressed first: there it leads back to.
let leftAt = null;

/**
 * On to what stands beside the list, and past all of it in the order of Tab: what acts on those
 * selected, and the toasts. Answers whether there is anything of it.
 */
function goRound() {
  const around = document.querySelector("dialog:modal") ?? document;
  const stops = [...around.querySelectorAll(PLACES)]
    .filter((place) => place.checkVisibility())
    .flatMap((place) => place.querySelector(STOP) ?? []);
  const here = stops.findIndex((stop) => placeOf(stop) === placeOf(document.activeElement));
  if (here < 0) leftAt = document.activeElement;
  if (!stops.length) return false;
  const isThere = leftAt?.isConnected && leftAt !== document.body;
  (stops[here + 1] ?? (isThere ? leftAt : document.getElementById("content"))).focus();
  return true;
}

const placeOf = (element) => element.closest(PLACES);

/** Who stands in it goes to what opened it, from where a dialog can give the focus back too. */
function close(menu) {
  const stoodHere = menu.contains(document.activeElement);
  menu.open = false;
  if (stoodHere) menu.querySelector("summary").focus();
}

// One that Tab has left would lie over what has the focus then; with words in it, it stays. A click
// beside its buttons gives the focus to what is around it.
document.addEventListener("focusout", ({ target, relatedTarget: next }) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    const isLeft = next && menu.contains(target) && !menu.contains(next) && !next.contains(menu);
    if (isLeft && !isWrittenIn(menu)) menu.open = false;
  }
});

function isWrittenIn(menu) {
  const fields = [...menu.querySelectorAll("input, textarea")];
  return fields.some((field) => field.value !== field.defaultValue);
}

// A menu that asks for a word is ready to be written in. The event of a toggle does not rise.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (target.open && target.matches("[data-menu]")) target.querySelector("[data-asks]")?.focus();
  },
  { capture: true },
);

async function copy(text, said = t("copied", { text })) {
  try {
    await navigator.clipboard.writeText(text);
    toast(said);
  } catch {
    toast(t("notCopied", { text }), { error: true });
  }
}

// Of a strip that is longer than its place, what is chosen comes into sight, and what the keyboard
// comes to: browsers leave what is half in sight where it is.
for (const strip of document.querySelectorAll(".segments, .chips")) {
  const chosen = strip.querySelector('[aria-current="true"]');
  if (chosen) scrollStrip(strip, chosen);
  strip.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible")) scrollStrip(strip, target);
  });
}

/** To the middle, as far as it goes; the page stays where it is. */
function scrollStrip(strip, item) {
  const [place, around] = [item, strip].map((one) => one.getBoundingClientRect());
  strip.scrollLeft += place.x + place.width / 2 - (around.x + around.width / 2);
}

adoptToasts();
showTips(document.body, ".mark");
guardLeaving();
