// Which tasks of the list are selected: some by name, or all that match its filter.

import { store } from "../../execution/js/list.js";
import { t } from "../../shared/js/strings.js";

const BOX = "[data-pick]";

export class Picks {
  ids = new Set();
  /** Whether all that match are meant, also those that the page does not show. */
  isAll = false;
  #body;
  #anchor = null;
  #onChange;

  constructor(body, { onChange }) {
    this.#body = body;
    this.#onChange = onChange;
    for (const row of body.children) this.#adopt(row);
    const watcher = new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const row of addedNodes) this.#adopt(row);
    });
    watcher.observe(body, { childList: true });
    body.addEventListener("click", (event) => {
      const box = event.target.closest(BOX);
      if (box) this.#pick(box, event.shiftKey);
    });
  }

  get isEmpty() {
    return !this.isAll && !this.ids.size;
  }

  /** The row that has the focus, as a click on its box would. */
  toggleFocused() {
    document.activeElement.closest?.("tr.task")?.querySelector(BOX)?.click();
  }

  pickShown(isPicked) {
    this.isAll = false;
    for (const box of this.#body.querySelectorAll(BOX)) this.#set(box, isPicked);
    if (!isPicked) this.ids.clear();
    this.#onChange();
  }

  pickAll() {
    this.isAll = true;
    this.#tickMatching();
    this.#onChange();
  }

  /** Tasks have changed: where all that match are meant, those that have left are not. */
  follow() {
    if (this.isAll) this.#tickMatching();
  }

  #tickMatching() {
    for (const box of this.#body.querySelectorAll(BOX)) {
      this.#set(box, !store.left.has(box.closest("tr").dataset.task));
    }
  }

  get hasAllShown() {
    if (this.isAll) return true;
    const boxes = [...this.#body.querySelectorAll(BOX)];
    return boxes.length > 0 && boxes.every((box) => box.checked);
  }

  #adopt(row) {
    const box = row.querySelector?.(BOX);
    if (!box) return;
    if (this.isAll) this.ids.add(row.dataset.task);
    box.checked = this.ids.has(row.dataset.task);
    box.setAttribute("aria-label", t("bulk.pick", { title: row.querySelector(".title").title }));
  }

  #pick(box, isRange) {
    this.isAll = false;
    const boxes = [...this.#body.querySelectorAll(BOX)];
    const here = boxes.indexOf(box);
    const there = isRange && this.#anchor ? boxes.indexOf(this.#anchor) : here;
    const [from, to] = there < 0 ? [here, here] : [Math.min(here, there), Math.max(here, there)];
    for (const one of boxes.slice(from, to + 1)) this.#set(one, box.checked);
    this.#anchor = box;
    this.#onChange();
  }

  #set(box, isPicked) {
    box.checked = isPicked;
    const { task } = box.closest("tr").dataset;
    if (isPicked) this.ids.add(task);
    else this.ids.delete(task);
  }
}
