// The list as data: which tasks are shown, which wait, which no longer match. No page in here.
//
// Snapshots and frames may arrive in any order: of two images of a task the newer `sequence` wins.
// Tasks created at one instant stand as the server has them, the row that came last on top. That row
// is known of what was read, by its place there, and of what was created since; of no other.

import { createdKey, matches } from "./tasks.js";

export class Store {
  /** `filters` as the server gives them; `pageSize` is how many rows a page of the list has. */
  constructor({ filters, pageSize, now = Date.now }) {
    this.filters = filters;
    this.pageSize = pageSize;
    this.now = now;
    this.tasks = new Map();
    this.shown = [];
    this.waiting = new Set();
    this.left = new Set();
    this.cursor = null;
    this.trimmed = false;
    this.capacity = pageSize;
    /** Whether a task has come whose place only another read can tell. */
    this.isUnsure = false;
  }

  // Among tasks of one instant the higher number is above: minus the place in what was read, or the
  // number of the event that created it.
  #ranks = new Map();
  #lowest = 0;

  /** Whether older tasks exist than the last one shown. */
  get hasMore() {
    return this.cursor !== null || this.trimmed;
  }

  /** Start from the rows that the server has drawn. */
  load({ tasks, nextCursor }) {
    for (const task of tasks) this.tasks.set(task.taskId, task);
    this.shown = tasks.map((task) => task.taskId);
    this.cursor = nextCursor;
    this.#rank(tasks, 0);
  }

  /**
   * Take in changed tasks; answers the ids of shown tasks that look different now. `born` are the
   * numbers of the events that created any of them, by id.
   */
  applyTasks(tasks, born = new Map()) {
    const changed = [];
    for (const { taskId } of tasks) {
      if (born.has(taskId) && !this.#ranks.has(taskId)) this.#ranks.set(taskId, born.get(taskId));
    }
    const shown = new Set(this.shown);
    for (const task of tasks) {
      if (!this.#isNews(task)) continue;
      const { taskId } = task;
      const belongs = matches(task, this.filters, this.now());
      if (shown.has(taskId)) {
        this.tasks.set(taskId, task);
        this.#setLeft(taskId, !belongs);
        changed.push(taskId);
      } else if (belongs && this.#hasPlace(task)) {
        this.tasks.set(taskId, task);
        this.waiting.add(taskId);
      } else {
        if (belongs && this.#mayHavePlace(task)) this.isUnsure = true;
        if (this.waiting.delete(taskId)) this.tasks.delete(taskId);
        this.#ranks.delete(taskId);
      }
    }
    return changed;
  }

  /** Take in a fresh read of the list from its top; answers the ids that look different now. */
  applySnapshot({ tasks, sequence, nextCursor }) {
    this.#rank(tasks, 0);
    const changed = this.applyTasks(tasks);
    const read = new Set(tasks.map((task) => task.taskId));
    const oldest = tasks.length ? createdKey(tasks.at(-1)) : "";
    for (const taskId of this.shown) {
      const task = this.tasks.get(taskId);
      const wasRead = nextCursor === null || createdKey(task) > oldest;
      // A task changed after the read may rightly be missing from it.
      if (wasRead && !read.has(taskId) && task.sequence <= sequence && !this.left.has(taskId)) {
        this.left.add(taskId);
        changed.push(taskId);
      }
    }
    this.cursor = nextCursor;
    this.trimmed = false;
    this.isUnsure = false;
    return changed;
  }

  /** Add a page of older tasks below. */
  append({ tasks, nextCursor }) {
    this.#rank(tasks, this.shown.includes(tasks[0]?.taskId) ? 0 : this.#lowest);
    for (const task of tasks) {
      if (this.#isNews(task)) this.tasks.set(task.taskId, task);
      this.waiting.delete(task.taskId);
      if (!this.shown.includes(task.taskId)) this.#insert(task);
    }
    this.cursor = nextCursor;
    this.trimmed = false;
    this.capacity = Math.max(this.capacity, this.shown.length);
  }

  /** Let in those who wait, at their place, and let go of those that no longer match. */
  settle() {
    this.shown = this.shown.filter((taskId) => !this.left.has(taskId));
    for (const taskId of this.left) this.#forget(taskId);
    this.left.clear();
    for (const taskId of this.waiting) this.#insert(this.tasks.get(taskId));
    this.waiting.clear();
    // A list that is watched for hours must not grow for hours.
    if (this.shown.length > this.capacity + this.pageSize) {
      for (const taskId of this.shown.splice(this.capacity)) this.#forget(taskId);
      this.trimmed = true;
      this.cursor = null;
    }
  }

  /** Whether the list would get a row for a task, created since or not, that it does not know yet. */
  wouldShow(task, isBorn) {
    if (this.tasks.has(task.taskId) || !matches(task, this.filters, this.now())) return false;
    return isBorn ? this.#isNotBelow(task) : this.#hasPlace(task);
  }

  #rank(tasks, from) {
    for (const [place, { taskId }] of tasks.entries()) this.#ranks.set(taskId, -(from + place));
    this.#lowest = Math.max(this.#lowest, from + tasks.length);
  }

  #forget(taskId) {
    this.tasks.delete(taskId);
    this.#ranks.delete(taskId);
  }

  #isNews(task) {
    const known = this.tasks.get(task.taskId);
    return !known || task.sequence > known.sequence;
  }

  #setLeft(taskId, hasLeft) {
    if (hasLeft) this.left.add(taskId);
    else this.left.delete(taskId);
  }

  /** Tasks older than the last row come with "more", not by themselves. */
  #isNotBelow(task) {
    if (!this.hasMore || !this.shown.length) return true;
    return createdKey(task) >= createdKey(this.tasks.get(this.shown.at(-1)));
  }

  /** Whether the task belongs in the part of the list that was read, and where is known. */
  #hasPlace(task) {
    if (!this.#isNotBelow(task)) return false;
    if (!this.#ranks.has(task.taskId)) return !this.#hasEqual(task);
    return !this.hasMore || !this.shown.length || this.#isAbove(task, this.shown.at(-1));
  }

  /** Whether it may have one all the same: what filters let in later stands among its equals. */
  #mayHavePlace(task) {
    const { status, agent, overdue, words } = this.filters;
    const letsInLater = status.length || agent || overdue !== null || words.length;
    return letsInLater && !this.#ranks.has(task.taskId) && this.#isNotBelow(task);
  }

  #hasEqual(task) {
    const key = createdKey(task);
    const place = this.#placeOf(task);
    const near = [this.shown[place - 1], this.shown[place], ...this.waiting];
    return near.some((taskId) => taskId && createdKey(this.tasks.get(taskId)) === key);
  }

  #isAbove(task, otherId) {
    const key = createdKey(task);
    const other = createdKey(this.tasks.get(otherId));
    if (key !== other) return key > other;
    return (this.#ranks.get(task.taskId) ?? 0) > (this.#ranks.get(otherId) ?? 0);
  }

  #placeOf(task) {
    let low = 0;
    let high = this.shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#isAbove(task, this.shown[middle])) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #insert(task) {
    this.shown.splice(this.#placeOf(task), 0, task.taskId);
  }
}

const HELD_AT_MOST = 2_000;

/** Of a frame of the feed, the numbers of the events that created tasks, by id. */
export function bornIn({ events }) {
  const created = events.filter(({ kind }) => kind === "created");
  return new Map(created.map(({ taskId, sequence }) => [taskId, sequence]));
}

/** What arrives while the page is paused: the newest image of each task, and a count. */
export class Held {
  tasks = new Map();
  /** The numbers of the events that created any of them, by id. */
  born = new Map();
  events = 0;
  overflowed = false;
  /** The number that everything held came after. */
  before = null;

  add(frame) {
    this.before ??= frame.previous;
    this.events += frame.events.length;
    for (const task of frame.tasks) this.tasks.set(task.taskId, task);
    for (const [taskId, number] of bornIn(frame)) this.born.set(taskId, number);
    if (this.tasks.size > HELD_AT_MOST) {
      this.tasks.clear();
      this.born.clear();
      this.overflowed = true;
    }
  }

  /** Everything held, and empty again; null when it was too much to keep: read the list anew. */
  take() {
    const held = this.overflowed
      ? null
      : { tasks: [...this.tasks.values()], born: new Map(this.born) };
    this.tasks.clear();
    this.born.clear();
    this.events = 0;
    this.overflowed = false;
    this.before = null;
    return held;
  }
}
