// Bulk actions on the list: what is selected, and what can be done with it.

import { announce } from "../../execution/js/indicator.js";
import { shortcuts } from "../../execution/js/keyboard.js";
import { store } from "../../execution/js/list.js";
import { data } from "../../execution/js/page-data.js";
import { hasTurned, sayTurned } from "../../execution/js/turn.js";
import { forgetWords } from "../../execution/js/unsent.js";
import { addStrings, formatNumber, plural, t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { Picks } from "./picks.js";

// What is written is kept for what is selected, also where a row or two join it or leave it.
const SELECTION = "selection";

const byId = (id) => document.getElementById(id);
addStrings(JSON.parse(byId("bulk-strings").textContent));

const bar = byId("bulk-bar");
const shownBox = byId("pick-shown");
const slot = (name) => bar.querySelector(`[data-field="${name}"]`);
// The likeliest first, as the server has them.
const buttons = [...bar.querySelectorAll("[data-bulk]")];
const picks = new Picks(byId("rows"), { onChange: showPicked });

// -- The bar ---------------------------------------------------------------------------------------

function total() {
  return Number(byId("shown").dataset.total);
}

function showPicked() {
  if (picks.isEmpty) forgetWritten();
  // Nobody is to wait for it, or to lack it once the connection is gone.
  else loadOrder().catch(() => {});
  arrangeButtons();
  showBar();
  // Of all that match the number moves on by itself: it is told when somebody selects.
  if (!picks.isEmpty) announce(slot("count").textContent);
}

function showBar() {
  const hasCome = bar.hidden && !picks.isEmpty;
  bar.hidden = picks.isEmpty;
  // It must not cover the row that it came for.
  if (hasCome) document.activeElement.closest?.("tr.task")?.scrollIntoView({ block: "nearest" });
  const all = slot("all");
  const count = formatNumber(total());
  slot("count").textContent = picks.isAll
    ? t("bulk.allPicked", { count })
    : plural("bulk.picked", picks.ids.size);
  all.hidden = picks.isAll || total() <= picks.ids.size;
  all.textContent = t("bulk.all", { count });
  shownBox.checked = picks.hasAllShown;
  shownBox.indeterminate = !shownBox.checked && !picks.isEmpty;
}

function pickedCount() {
  return picks.isAll ? total() : picks.ids.size;
}

/** Done, or given up: the next selection has another reason. */
function forgetWritten() {
  byId("bulk-form").reset();
  forgetWords(SELECTION);
}

/** The statuses of what is selected; null where the page does not know them all. */
function pickedStatuses() {
  if (picks.isAll) return data.filters.status.length ? data.filters.status : null;
  const found = [...picks.ids].map((taskId) => store.tasks.get(taskId)?.status);
  return found.includes(undefined) ? null : found;
}

/** What can be done with none of the tasks stays where it is, and says so. */
function showPossible() {
  if (picks.isEmpty) return;
  const statuses = pickedStatuses();
  const none = plural("bulk.none", pickedCount());
  for (const button of buttons) {
    const sources = button.dataset.statuses.split(",");
    const isLegal = !statuses || statuses.some((status) => sources.includes(status));
    button.setAttribute("aria-disabled", String(!isLegal));
    button.title = isLegal ? "" : none;
  }
}

/** What can be done comes first. Only a selection moves the buttons, never a task that changes. */
function arrangeButtons() {
  showPossible();
  const ordered = [...buttons.filter(isPossible), ...buttons.filter((one) => !isPossible(one))];
  const shown = [...bar.querySelectorAll("[data-bulk]")];
  if (ordered.every((button, place) => button === shown[place])) return;
  slot("buttons").prepend(...ordered);
  bar.scrollLeft = 0;
}

function isPossible(button) {
  return button.getAttribute("aria-disabled") !== "true";
}

/** The bar goes, and the focus with it: back to the row in hand, else to the first. */
function standInList() {
  const rows = byId("rows");
  (rows.querySelector('[data-pick][tabindex="0"]') ?? rows.querySelector(".title"))?.focus();
}

/** Few who look on select: what asks and orders comes with the first selection. */
const loadOrder = () => import("./bulk-order.js");

async function order(button) {
  try {
    const { openOrder } = await loadOrder();
    openOrder(button, { picks, count: pickedCount, about: SELECTION });
  } catch {
    toast(t("unreachable"), { error: true, untilLive: true });
  }
}

shownBox.addEventListener("change", () => picks.pickShown(shownBox.checked));
slot("all").addEventListener("click", () => {
  picks.pickAll();
  bar.querySelector("[data-bulk]").focus();
});
slot("clear").addEventListener("click", () => {
  picks.pickShown(false);
  standInList();
});
// Once ordered nothing is selected any more, and the button that opened it is gone.
byId("bulk-dialog").addEventListener("close", () => {
  if (document.activeElement.matches("body, dialog *")) standInList();
});
bar.addEventListener("click", (event) => {
  const button = event.target.closest("[data-bulk]");
  if (!button || !isPossible(button)) return;
  // All that match are yesterday's here, and the totals beside them today's.
  if (picks.isAll && hasTurned()) sayTurned();
  else order(button);
});
byId("rows").addEventListener("tasks", () => {
  picks.follow();
  showPossible();
});
// How many match changes while somebody selects.
new MutationObserver(showBar).observe(byId("shown"), { attributeFilter: ["data-total"] });
shortcuts({ x: () => picks.toggleFocused() });
showBar();
