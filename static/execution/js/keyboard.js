// The keyboard does everything: j and k walk the rows, arrows walk the marks of one row. Of the
// controls inside the rows only those of the row in hand are in the tab order.

import { belongsElsewhere } from "../../shared/js/frame.js";

const CONTROLS = "[data-pick], [data-copy], [data-row-menu]";

export function walkRows(body) {
  let current = null;

  body.addEventListener("focusin", ({ target }) => {
    const row = target.closest("tr");
    if (row === current) return;
    if (current) setTabbable(current, false);
    setTabbable(row, true);
    current = row;
  });
  body.addEventListener("keydown", (event) => {
    const mark = event.target.closest(".mark");
    if (!mark) return;
    const next = { ArrowRight: mark.nextElementSibling, ArrowLeft: mark.previousElementSibling };
    const other = next[event.key];
    if (!other) return;
    event.preventDefault();
    mark.tabIndex = -1;
    other.tabIndex = 0;
    other.focus();
  });

  function step(by) {
    const rows = [...body.children];
    const row = document.activeElement.closest?.("tr") ?? rowInHand();
    const here = rows.indexOf(row);
    const next = here < 0 ? firstInSight(rows) : rows[here + by];
    next?.querySelector(".title").focus();
  }

  /** Who left it for the search and came back goes on from there, while it is in sight. */
  function rowInHand() {
    const { top, bottom } = current?.getBoundingClientRect() ?? {};
    return bottom > 0 && top < innerHeight ? current : null;
  }

  return {
    next: () => step(1),
    previous: () => step(-1),
    menu: () => document.activeElement.closest?.("tr")?.querySelector("[data-row-menu]")?.click(),
  };
}

function setTabbable(row, isTabbable) {
  const tabIndex = isTabbable ? 0 : -1;
  for (const control of row.querySelectorAll(CONTROLS)) control.tabIndex = tabIndex;
  for (const mark of row.querySelectorAll(".mark")) mark.tabIndex = -1;
  row.querySelector(".mark").tabIndex = tabIndex;
}

function firstInSight(rows) {
  const covered = document.querySelector(".filters").getBoundingClientRect().bottom;
  return rows.find((row) => row.getBoundingClientRect().top >= covered) ?? rows[0];
}

/** Escape gives up what was typed: the field says again what the list is filtered by. */
export function leaveOnEscape(field) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.preventDefault();
    field.value = field.defaultValue;
    field.blur();
  });
}

/** `keys` maps a key to what it does; fields, menus and dialogs keep their keys. */
export function shortcuts(keys) {
  document.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || belongsElsewhere(event)) return;
    event.preventDefault();
    keys[event.key]();
  });
}
