// The list as elements. Rows that change wait for the next animation frame, and those out of
// sight until they come into sight: a flood costs what is seen of it.

import { now } from "./clock.js";
import { data, taskAddress } from "./page-data.js";
import { exactText, rowView } from "./row-view.js";
import { t } from "../../shared/js/strings.js";

// Slots whose change people watch for; the others move with the clock.
const FLASHING = new Set(["status", "note", "progress", "agent"]);

export class Rows {
  #body;
  #template;
  #store;
  #elements = new Map();
  #views = new WeakMap();
  #dirty = new Set();
  #visible = new Set();
  #said = new Map();
  #scheduled = false;
  #watcher = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "200px" });

  constructor(body, template, store) {
    this.#body = body;
    this.#template = template;
    this.#store = store;
    for (const element of body.children) this.#adopt(element);
  }

  element(taskId) {
    return this.#elements.get(taskId);
  }

  /** Say a few words on a row, in the place of its note; null: the note again. */
  say(taskId, words) {
    if (words === null) this.#said.delete(taskId);
    else this.#said.set(taskId, words);
    if (this.#elements.has(taskId)) this.paint([taskId]);
  }

  /** Mark rows whose tasks changed. */
  paint(taskIds) {
    for (const taskId of taskIds) this.#dirty.add(taskId);
    this.#schedule();
  }

  /** Let the visible rows follow the clock. */
  tick() {
    this.paint(this.#visible);
  }

  /** Make the elements those of `store.shown`, in its order, moving as few as possible. */
  sync() {
    const wanted = new Set(this.#store.shown);
    for (const [taskId, element] of this.#elements) {
      if (!wanted.has(taskId)) this.#remove(taskId, element);
    }
    let next = this.#body.firstElementChild;
    for (const taskId of this.#store.shown) {
      const element = this.#elements.get(taskId) ?? this.#create(taskId);
      if (element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
  }

  // -- elements -----------------------------------------------------------------------------------

  #adopt(element) {
    this.#elements.set(element.dataset.task, element);
    this.#watcher.observe(element);
  }

  #create(taskId) {
    const element = this.#template.content.querySelector("tr").cloneNode(true);
    element.dataset.task = taskId;
    nameControls(element, taskId);
    this.#fill(element, this.#store.tasks.get(taskId));
    this.#adopt(element);
    return element;
  }

  #remove(taskId, element) {
    this.#watcher.unobserve(element);
    this.#visible.delete(taskId);
    this.#dirty.delete(taskId);
    this.#elements.delete(taskId);
    element.remove();
  }

  // -- painting -----------------------------------------------------------------------------------

  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#visible.add(target.dataset.task);
      else this.#visible.delete(target.dataset.task);
    }
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      for (const taskId of this.#dirty) {
        if (!this.#visible.has(taskId)) continue;
        this.#dirty.delete(taskId);
        this.#fill(this.#elements.get(taskId), this.#store.tasks.get(taskId));
      }
    });
  }

  #fill(element, task) {
    const { view: before, slots } = this.#views.get(element) ?? { slots: findSlots(element) };
    const view = rowView(task, data, now());
    const hasLeft = this.#store.left.has(task.taskId);
    const said = this.#said.get(task.taskId) ?? (hasLeft ? t("row.left") : null);
    view.fields.note = said ?? view.fields.note;
    this.#views.set(element, { view, slots });
    element.dataset.tone = view.tone;
    element.classList.toggle("has-left", hasLeft);
    for (const [name, text] of Object.entries(view.fields)) {
      if (text === before?.fields[name]) continue;
      if (slots[name].textContent !== text) slots[name].textContent = text;
      if (before && FLASHING.has(name)) flash(slots[name]);
    }
    slots.title.title = view.fields.title;
    if (view.bar !== before?.bar) slots.bar.value = view.bar;
    if (view.icon !== before?.icon) slots.icon.setAttribute("href", `#icon-${view.icon}`);
    slots.cause.hidden = !view.fields.error;
    fillInstants(slots, view, before);
    fillMarks(element, view, before);
    if (!before) {
      slots.title.href = taskAddress(task.taskId);
      element.querySelector("[data-copy]").dataset.copy = task.taskId;
    }
  }
}

/** What every row has is told apart by the task's title. */
function nameControls(element, taskId) {
  for (const part of element.querySelectorAll("[id]")) {
    part.id += taskId;
    const isNamed = part.hasAttribute("aria-labelledby");
    if (isNamed) part.setAttribute("aria-labelledby", `${part.id} title-${taskId}`);
  }
}

function findSlots(element) {
  const slots = {};
  for (const slot of element.querySelectorAll("[data-field]")) slots[slot.dataset.field] = slot;
  return slots;
}

function fillInstants(slots, view, before) {
  for (const [name, iso] of Object.entries(view.instants)) {
    if (iso === before?.instants[name]) continue;
    slots[name].dateTime = iso ?? "";
    slots[name].title = iso ? exactText(iso, data.zone) : "";
  }
}

function fillMarks(element, view, before) {
  for (const mark of element.querySelectorAll(".mark")) {
    const { sign, tip } = view.marks[mark.dataset.channel];
    const old = before?.marks[mark.dataset.channel];
    if (tip !== old?.tip) mark.setAttribute("aria-label", tip);
    if (sign === old?.sign) continue;
    mark.dataset.sign = sign;
    mark.querySelector("use").setAttribute("href", `#mark-${sign}`);
    if (before) flash(mark);
  }
}

/** A short fade of the ground; a slot that is fading already is left to finish. */
export function flash(slot) {
  if (slot.classList.contains("changed")) return;
  slot.classList.add("changed");
  slot.addEventListener("animationend", () => slot.classList.remove("changed"), { once: true });
}
