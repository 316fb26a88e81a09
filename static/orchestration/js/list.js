// The inbox's rows as elements: which are there, which are chosen, which have been decided.

export class List {
  #body;
  #more;

  constructor(body, more) {
    this.#body = body;
    this.#more = more;
  }

  get size() {
    return this.#body.children.length;
  }

  /** How many are shown that no longer wait. */
  get left() {
    return this.#body.querySelectorAll(".has-left").length;
  }

  row(taskId) {
    return this.#body.querySelector(`[data-task="${CSS.escape(taskId)}"]`);
  }

  rowsOf(page) {
    const rows = [...page.getElementById("rows").children];
    return new Map(rows.map((row) => [row.dataset.task, row]));
  }

  hasLeft(row) {
    return row.classList.contains("has-left");
  }

  /** Whether something can be decided of it now. */
  isOpen(row) {
    return !this.hasLeft(row) && row.getAttribute("aria-busy") !== "true";
  }

  boxes() {
    return [...this.#body.querySelectorAll("[name=task]:not(:disabled)")];
  }

  chosen() {
    return this.boxes()
      .filter((box) => box.checked)
      .map((box) => box.closest(".pending"));
  }

  current() {
    return document.activeElement.closest?.(".pending") ?? null;
  }

  /** Tasks younger than the last row come with "more", not by themselves. */
  isInRange(task) {
    const last = this.#body.lastElementChild;
    if (this.#more.hidden || !last) return true;
    return Date.parse(task.createdAt) <= Date.parse(last.dataset.created);
  }

  step(by) {
    const rows = [...this.#body.children];
    const here = rows.indexOf(this.current());
    const next = here < 0 ? rows[0] : rows[here + by];
    next?.querySelector(".title").focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  // -- rows that come and go ------------------------------------------------------------------------

  /** Say on the row what became of it; nothing more can be done with it here. */
  leave(row, fate) {
    this.#holdFocus(row, ".pick, .acts, .refused");
    row.classList.add("has-left");
    this.say(row, fate);
    this.refuse(row, "");
    for (const control of row.querySelectorAll("input, button")) {
      control.checked = false;
      control.disabled = true;
    }
  }

  /** Stand on the row's title, for who stands on one of the `parts` of it that now go. */
  #holdFocus(row, parts) {
    if (document.activeElement.closest?.(parts) && row.contains(document.activeElement)) {
      this.stand(row);
    }
  }

  stand(row) {
    row.querySelector(".title").focus({ preventScroll: true });
  }

  /** In the place of the buttons, so that no row grows; nothing: the buttons again. */
  say(row, sentence) {
    if (sentence) this.#holdFocus(row, ".acts");
    const slot = row.querySelector('[data-field="fate"]');
    slot.textContent = sentence;
    slot.hidden = !sentence;
  }

  /** That it was not done, with the reason a press away: what the row says of itself moves nothing. */
  refuse(row, sentence) {
    row.querySelector('[data-field="refusal"]').textContent = sentence;
    row.querySelector('[data-field="refused"]').hidden = !sentence;
    row.querySelector(".about").hidden = Boolean(sentence);
  }

  /** Take a row out; who stood on it goes on with the next. */
  remove(row) {
    const stoodHere = row.contains(document.activeElement) || document.activeElement === document.body;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    if (stoodHere) next?.querySelector(".title").focus();
  }

  letGo() {
    for (const row of this.#body.querySelectorAll(".has-left")) this.remove(row);
  }

  /** Take over what a page read anew says of the rows that are shown. */
  follow(fresh, { isWhole, except, onGone }) {
    const last = [...fresh.values()].at(-1)?.dataset.created ?? "";
    for (const row of [...this.#body.children]) {
      if (except.has(row.dataset.task)) continue;
      const now = fresh.get(row.dataset.task);
      const wasRead = isWhole || Date.parse(row.dataset.created) < Date.parse(last);
      if (now && (this.hasLeft(row) || now.dataset.version !== row.dataset.version)) {
        this.#replace(row, now.cloneNode(true));
      } else if (!now && wasRead && !this.hasLeft(row)) {
        onGone(row);
      }
    }
  }

  #replace(row, now) {
    const stoodHere = row.contains(document.activeElement);
    const box = now.querySelector("[name=task]");
    box.checked = !box.disabled && row.querySelector("[name=task]").checked;
    row.replaceWith(now);
    if (stoodHere) this.stand(now);
  }

  /** Put the wanted ones of the fresh rows in their places; answers those that came. */
  letIn(fresh, wanted) {
    const came = [];
    let before = null;
    for (const [taskId, now] of fresh) {
      let row = this.row(taskId);
      if (!row && wanted.has(taskId)) {
        row = now.cloneNode(true);
        if (before) before.after(row);
        else this.#body.prepend(row);
        came.push(row);
      }
      before = row ?? before;
    }
    return came;
  }

  append(page) {
    for (const [taskId, row] of this.rowsOf(page)) {
      if (!this.row(taskId)) this.#body.append(row);
    }
    const more = page.getElementById("more");
    this.#more.href = more.getAttribute("href");
    this.#more.hidden = more.hidden;
  }
}
