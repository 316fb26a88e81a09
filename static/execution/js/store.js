// The list as data: which tasks are shown, which wait, which no longer match. No page in here.
//
// Snapshots and frames may arrive in any order: of two images of a task the newer `sequence` wins.

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
  }

  /** Whether older tasks exist than the last one shown. */
  get hasMore() {
    return this.cursor !== null || this.trimmed;
  }

  /** Start from the rows that the server has drawn. */
  load({ tasks, nextCursor }) {
    for (const task of tasks) this.tasks.set(task.taskId, task);
    this.shown = tasks.map((task) => task.taskId);
    this.cursor = nextCursor;
  }

  /** Take in changed tasks; answers the ids of shown tasks that look different now. */
  applyTasks(tasks) {
    const changed = [];
    const shown = new Set(this.shown);
    for (const task of tasks) {
      if (!this.#isNews(task)) continue;
      const { taskId } = task;
      const belongs = matches(task, this.filters, this.now());
      if (shown.has(taskId)) {
        this.tasks.set(taskId, task);
        this.#setLeft(taskId, !belongs);
        changed.push(taskId);
      } else if (belongs && this.#isInRange(task)) {
        this.tasks.set(taskId, task);
        this.waiting.add(taskId);
      } else if (this.waiting.delete(taskId)) {
        this.tasks.delete(taskId);
      }
    }
    return changed;
  }

  /** Take in a fresh read of the list from its top; answers the ids that look different now. */
  applySnapshot({ tasks, sequence, nextCursor }) {
    // From the oldest, so that of tasks created at one instant the first stays on top.
    const changed = this.applyTasks([...tasks].reverse());
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
    return changed;
  }

  /** Add a page of older tasks below. */
  append({ tasks, nextCursor }) {
    for (const task of tasks) {
      if (this.#isNews(task)) this.tasks.set(task.taskId, task);
      this.waiting.delete(task.taskId);
      if (!this.shown.includes(task.taskId)) this.#insert(task.taskId, { belowEquals: true });
    }
    this.cursor = nextCursor;
    this.trimmed = false;
    this.capacity = Math.max(this.capacity, this.shown.length);
  }

  /** Let in those who wait, at their place, and let go of those that no longer match. */
  settle() {
    this.shown = this.shown.filter((taskId) => !this.left.has(taskId));
    for (const taskId of this.left) this.tasks.delete(taskId);
    this.left.clear();
    for (const taskId of this.waiting) this.#insert(taskId, { belowEquals: false });
    this.waiting.clear();
    // A list that is watched for hours must not grow for hours.
    if (this.shown.length > this.capacity + this.pageSize) {
      for (const taskId of this.shown.splice(this.capacity)) this.tasks.delete(taskId);
      this.trimmed = true;
      this.cursor = null;
    }
  }

  /** Whether the list would get a row for a task that it does not know yet. */
  wouldShow(task) {
    if (this.tasks.has(task.taskId)) return false;
    return matches(task, this.filters, this.now()) && this.#isInRange(task);
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
  #isInRange(task) {
    if (!this.hasMore || !this.shown.length) return true;
    return createdKey(task) >= createdKey(this.tasks.get(this.shown.at(-1)));
  }

  #insert(taskId, { belowEquals }) {
    const key = createdKey(this.tasks.get(taskId));
    let low = 0;
    let high = this.shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = createdKey(this.tasks.get(this.shown[middle]));
      if (other > key || (belowEquals && other === key)) low = middle + 1;
      else high = middle;
    }
    this.shown.splice(low, 0, taskId);
  }
}

const HELD_AT_MOST = 2_000;

/** What arrives while the page is paused: the newest image of each task, and a count. */
export class Held {
  tasks = new Map();
  events = 0;
  overflowed = false;
  /** The number that everything held came after. */
  before = null;

  add(frame) {
    this.before ??= frame.previous;
    this.events += frame.events.length;
    for (const task of frame.tasks) this.tasks.set(task.taskId, task);
    if (this.tasks.size > HELD_AT_MOST) {
      this.tasks.clear();
      this.overflowed = true;
    }
  }

  /** Everything held, and empty again; null when it was too much to keep: read the list anew. */
  take() {
    const tasks = this.overflowed ? null : [...this.tasks.values()];
    this.tasks.clear();
    this.events = 0;
    this.overflowed = false;
    this.before = null;
    return tasks;
  }
}
