// The menu of a row: one for the page, filled with what is legal for the task when it opens. What
// moves the task on comes first, what takes back or ends it badly last. Where the task changes
// meanwhile, what can no longer be done stays in its place and says so: nothing moves under a hand.

import { t } from "../../shared/js/strings.js";
import { asks, legalActions, targetMarks } from "./actions.js";
import { taskAddress } from "./page-data.js";

const GAP = 4;

export class RowMenu {
  #menu = document.getElementById("row-menu");
  #opener = null;
  #task = null;
  #onAction;
  #onMark;

  constructor({ onAction, onMark }) {
    this.#onAction = onAction;
    this.#onMark = onMark;
    this.#menu.addEventListener("keydown", (event) => this.#move(event));
    this.#menu.addEventListener("toggle", (event) => {
      this.#opener?.setAttribute("aria-expanded", String(event.newState === "open"));
    });
    addEventListener("scroll", () => this.isOpen && this.close(), { passive: true });
  }

  get isOpen() {
    return this.#menu.matches(":popover-open");
  }

  open(opener, task) {
    this.#opener = opener;
    this.#task = task;
    this.#menu.replaceChildren(...this.#items(task));
    this.#menu.setAttribute("aria-label", task.title);
    this.#menu.showPopover();
    this.#place(opener.getBoundingClientRect());
    this.#menu.scrollTop = 0;
    this.#menu.querySelector("[role=menuitem]").focus({ preventScroll: true });
  }

  /** Take over what has become of the task that the menu is about; `tasks` by id. */
  follow(tasks) {
    if (!this.isOpen) return;
    const task = tasks.get(this.#task.taskId);
    if (task === this.#task) return;
    this.#task = task ?? this.#task;
    const legal = new Set(task ? [...legalActions(task), ...targetMarks(task)].map(keyOf) : []);
    for (const item of this.#menu.querySelectorAll("[data-key]")) {
      item.setAttribute("aria-disabled", String(!legal.has(item.dataset.key)));
    }
  }

  close({ focus = false } = {}) {
    this.#menu.hidePopover();
    if (focus) this.#opener?.focus({ preventScroll: true });
  }

  #items(task) {
    const actions = legalActions(task).map((action) => {
      const label = asks(action, task) ? `${action.label}…` : action.label;
      const item = button(label, () => this.#onAction(action, this.#task));
      item.dataset.key = keyOf(action);
      item.classList.toggle("danger", action.isDestructive);
      return { what: action, item };
    });
    const marks = targetMarks(task).map((mark) => {
      const item = button(mark.label, () => this.#onMark(mark, this.#task));
      item.dataset.key = keyOf(mark);
      return { what: mark, item };
    });
    const open = document.createElement("a");
    open.setAttribute("role", "menuitem");
    open.tabIndex = -1;
    open.href = taskAddress(task.taskId);
    open.textContent = t("menu.open");
    const copy = button(t("menu.copy"), () => {});
    copy.dataset.copy = task.taskId;
    for (const { item } of [...actions, ...marks, { item: copy }]) {
      item.addEventListener("click", (event) => this.#press(event), { capture: true });
    }
    const groups = [
      only(marks, (mark) => mark.synced),
      only(actions, (action) => !action.isDestructive),
      [open, copy],
      only(marks, (mark) => !mark.synced),
      only(actions, (action) => action.isDestructive),
    ].filter((group) => group.length);
    return groups.flatMap((group, place) => (place ? [rule(), ...group] : group));
  }

  #press(event) {
    if (event.currentTarget.getAttribute("aria-disabled") === "true") {
      event.stopImmediatePropagation();
      return;
    }
    this.close({ focus: true });
  }

  /** Below its opener, else above it; where neither has the room, over it, and all of it in sight. */
  #place({ top, bottom, right }) {
    const { offsetWidth: width, offsetHeight: height } = this.#menu;
    const isBelow = bottom + GAP + height + GAP <= innerHeight || top < innerHeight - bottom;
    const wanted = isBelow ? bottom + GAP : top - GAP - height;
    const lowest = innerHeight - GAP - height;
    this.#menu.style.top = `${Math.max(GAP, Math.min(wanted, lowest))}px`;
    this.#menu.style.left = `${Math.max(GAP, right - width)}px`;
  }

  #move(event) {
    // The page's own keys rest while the menu is open.
    event.stopPropagation();
    const items = [...this.#menu.querySelectorAll("[role=menuitem]")];
    const here = items.indexOf(document.activeElement);
    const places = {
      ArrowDown: (here + 1) % items.length,
      ArrowUp: (here - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    if (event.key in places) {
      event.preventDefault();
      items[places[event.key]].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      this.close({ focus: true });
    }
  }
}

/** An action by its name, a mark by what it would say of which marketplace. */
function keyOf({ name, channel, synced }) {
  return name ?? `${channel}:${synced}`;
}

function only(entries, wanted) {
  return entries.filter(({ what }) => wanted(what)).map(({ item }) => item);
}

function button(label, act) {
  const item = document.createElement("button");
  item.type = "button";
  item.setAttribute("role", "menuitem");
  item.tabIndex = -1;
  item.textContent = label;
  item.addEventListener("click", act);
  return item;
}

function rule() {
  const line = document.createElement("hr");
  line.setAttribute("role", "separator");
  return line;
}
