// The execution page: the server has drawn it; from here it stays true.

import { leaveOutUnset } from "../../shared/js/filter-form.js";
import { formatNumber, plural, t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { asks } from "./actions.js";
import { listFromTop, listPage, whileLate } from "./api.js";
import { Feed } from "./feed.js";
import { watchHand } from "./hand.js";
import { announce, Indicator, tellState } from "./indicator.js";
import { leaveOnEscape, shortcuts, walkRows } from "./keyboard.js";
import { store } from "./list.js";
import { data } from "./page-data.js";
import { readPage } from "./pages.js";
import { Pause } from "./pause.js";
import * as pending from "./pending.js";
import { RowMenu } from "./row-menu.js";
import { exactText, isReasonInLog } from "./row-view.js";
import { Rows } from "./rows.js";
import { bornIn, Held } from "./store.js";
import { Summary } from "./summary.js";
import { hasTurned, sayTurned } from "./turn.js";

const SOCKET_PATH = "/ws/marketplace/tasks/execution/";
const TICK = 1_000;
// A finger gives no sign while somebody reads, and a card is half of a phone's screen.
const touched = matchMedia("(pointer: coarse), (max-width: 640px)");
const SPEAK_EVERY = 60_000;
const CONFIRMED_WITHIN = 2_000;
const READ_AT_MOST_EVERY = 2_000;

const byId = (id) => document.getElementById(id);
const body = byId("rows");
const pill = byId("pill");
const leftButton = byId("left");
const more = byId("more");
const refreshButton = byId("refresh");

const rows = new Rows(body, byId("row-template"), store);
const held = new Held();
const indicator = new Indicator();
const summary = new Summary({ total: data.snapshot.totalTasks, onTotal: showCounts });
let heldSummary = null;
// What was read meanwhile: no frame will tell again of what is in it.
let heldSnapshot = null;
const pause = new Pause({
  feed: () => feed,
  onChange: (isOn) => {
    if (!isOn) takeHeld();
    showFreshness();
  },
});
const isHandThere = watchHand(body);

const feed = new Feed({
  path: SOCKET_PATH,
  position: data.snapshot,
  read: async ({ isInDoubt }) => {
    // Only a page says for whom it is.
    if (isInDoubt) await readPage();
    return listFromTop(Math.max(data.pageSize, store.shown.length));
  },
  maySkipReading: () => pause.isOn,
  on: {
    frame: receive,
    summary: receiveSummary,
    snapshot: receiveSnapshot,
    state: changeState,
    epoch: () => location.reload(),
    readFailed: () => refreshButton.removeAttribute("aria-busy"),
  },
  count: pending,
});

// -- What comes in ---------------------------------------------------------------------------------

function receive(frame) {
  if (pause.isOn) {
    held.add(frame);
    showNews();
    return;
  }
  take(frame.tasks, bornIn(frame));
}

function receiveSummary(latest) {
  if (pause.isOn) heldSummary = latest;
  else summary.receive(latest);
}

function receiveSnapshot(snapshot) {
  if (pause.isOn) heldSnapshot = snapshot;
  else takeSnapshot(snapshot);
}

function takeSnapshot(snapshot) {
  rows.paint(store.applySnapshot(snapshot));
  followTasks();
  summary.read();
  if (!isReading()) settle();
  else showNews();
}

function take(tasks, born) {
  rows.paint(store.applyTasks(tasks, born));
  if (store.isUnsure) readSoon();
  followTasks();
  if (store.waiting.size && !isReading()) settle();
  else showNews();
}

/** What hangs on the tasks' states besides the rows; other scripts of the page hear of it. */
function followTasks() {
  menu.follow(store.tasks);
  confirmBusy();
  body.dispatchEvent(new Event("tasks"));
}

let readTimer = 0;

/** Only the server knows where a task stands that came among others of its instant. */
function readSoon() {
  readTimer ||= setTimeout(() => {
    readTimer = 0;
    feed.refresh();
  }, READ_AT_MOST_EVERY);
}

/** Whether somebody is looking at a place in the list that must not move under them. */
function isReading() {
  return (
    pause.isOn ||
    (touched.matches && store.shown.length > 0) ||
    scrollY > 8 ||
    body.contains(document.activeElement) ||
    menu.isOpen ||
    body.querySelector("[data-pick]:checked") !== null ||
    document.querySelector("dialog[open]") !== null ||
    isHandThere()
  );
}

function settle() {
  store.settle();
  rows.sync();
  showNews();
  showCounts();
}

// -- What is shown around the rows -----------------------------------------------------------------

function showNews() {
  const waiting = store.waiting.size + (pause.isOn ? heldNews() : 0);
  if (waiting && pill.hidden) announce(plural("announce.new", waiting));
  pill.hidden = !waiting;
  if (waiting) pill.lastElementChild.textContent = plural("new", waiting);
  leftButton.hidden = !store.left.size;
  if (store.left.size) leftButton.textContent = plural("left", store.left.size);
}

/** Of the tasks that wait out the pause, how many the list does not know. */
function heldNews() {
  let count = 0;
  for (const [id, task] of held.tasks) count += store.wouldShow(task, held.born.has(id));
  return count;
}

function showCounts() {
  const shown = store.shown.length - store.left.size;
  // The list may be read a moment before the totals are.
  const total = Math.max(summary.total, shown);
  byId("shown").dataset.total = total;
  byId("shown").textContent = t("shown", {
    shown: formatNumber(shown),
    total: formatNumber(total),
  });
  byId("tasks").hidden = !store.shown.length;
  byId("empty").hidden = Boolean(store.shown.length);
  more.hidden = !store.hasMore;
}

function showFreshness() {
  const { state } = feed;
  const { freshAt, isOn: paused } = pause;
  indicator.show({ state, freshAt, paused, waiting: held.events });
  byId("read-at").textContent = exactText(freshAt, data.zone);
}

function changeState(state, before) {
  showFreshness();
  tellState(state, before, { isPaused: pause.isOn });
}

let spokenAt = -SPEAK_EVERY;
let spoken = "";

function speakSummary() {
  if (!summary.latest || performance.now() - spokenAt < SPEAK_EVERY) return;
  const numbers = Object.entries(summary.latest).map(([key, n]) => [key, formatNumber(n)]);
  const sentence = t("announce.summary", Object.fromEntries(numbers));
  if (spoken && spoken !== sentence) announce(sentence);
  spoken = sentence;
  spokenAt = performance.now();
}

// -- Pause, refresh, more --------------------------------------------------------------------------

function takeHeld() {
  pause.mark();
  if (heldSnapshot) takeSnapshot(heldSnapshot);
  heldSnapshot = null;
  const { before } = held;
  const all = held.take();
  if (all) take(all.tasks, all.born);
  else feed.catchUp(before);
  if (heldSummary) summary.receive(heldSummary);
  heldSummary = null;
}

async function refresh() {
  refreshButton.setAttribute("aria-busy", "true");
  const wasRead = await feed.refresh();
  refreshButton.removeAttribute("aria-busy");
  if (wasRead && hasTurned()) location.reload();
  else if (wasRead) {
    // Not before: what is held is nowhere else until a read has brought it.
    takeHeld();
    settle();
    announce(t("announce.read"));
  } else if (!feed.hasEnded) toast(t("readFailed"), { error: true, untilLive: true });
}

let isTurnTold = false;

/** Nothing is taken from under a hand: what somebody does to the old day's list is theirs to end. */
function followDay() {
  // What is known is not given up for a page that cannot be had.
  if (!hasTurned() || !feed.isLive) return;
  if (!isReading() && document.activeElement === document.body) location.reload();
  else if (!isTurnTold) sayTurned();
  isTurnTold = true;
}

async function showMore() {
  more.setAttribute("aria-busy", "true");
  const skeletons = Array.from({ length: 3 }, skeleton);
  body.append(...skeletons);
  try {
    const { shown, pageSize, trimmed, cursor } = store;
    store.append(trimmed ? await listFromTop(shown.length + pageSize) : await listPage(cursor));
    rows.sync();
    showCounts();
    announce(byId("shown").textContent);
    rememberPlace();
  } catch {
    toast(t("moreFailed"), { error: true, untilLive: true });
  } finally {
    for (const row of skeletons) row.remove();
    more.removeAttribute("aria-busy");
  }
}

function skeleton() {
  const row = document.createElement("tr");
  row.className = "task waiting";
  row.setAttribute("aria-hidden", "true");
  row.append(document.createElement("td"));
  return row;
}

// -- Back and forward ------------------------------------------------------------------------------

function rememberPlace() {
  history.replaceState({ count: store.shown.length, top: scrollY }, "");
}

async function restorePlace() {
  const [navigation] = performance.getEntriesByType("navigation");
  if (navigation?.type !== "back_forward" || !(history.state?.count > store.shown.length)) return;
  const { count, top } = history.state;
  try {
    store.append(await listFromTop(count));
    rows.sync();
    showCounts();
    scrollTo(0, top);
  } catch {
    // The first page stands; "more" reads the rest.
  }
}

// -- Actions ---------------------------------------------------------------------------------------

const busy = new Map();

const menu = new RowMenu({
  onAction: (action, task) =>
    withActing(task, async (acting) => {
      const note = asks(action, task) ? await acting.ask(action, task) : "";
      const begin = (seen) => acting.doAction(action, seen, note);
      if (note !== null) await act(acting, action.label, task, begin);
    }),
  onMark: (mark, task) =>
    withActing(task, (acting) =>
      act(acting, mark.label, task, (seen) => acting.markTarget(mark, seen)),
    ),
});

/** What is needed by those alone who do something comes when they do. */
async function withActing(task, use) {
  setBusy(task.taskId, Infinity);
  const module = whileLate(import("./acting.js"), (isLate) => sayLate(task, isLate));
  const acting = await loaded(module);
  setBusy(task.taskId, null);
  if (acting) await use(acting);
}

/** The module, or null where it does not come, which is said. */
async function loaded(module) {
  try {
    return await module;
  } catch {
    toast(t("unreachable"), { error: true, untilLive: true });
    return null;
  }
}

async function act(acting, label, task, begin) {
  setBusy(task.taskId, Infinity);
  const onConflict = (current) => take([current]);
  const onLate = (isLate) => sayLate(task, isLate);
  const again = () => act(acting, label, task, begin);
  const settling = await acting.settled(begin, { task, label, onConflict, onLate, again });
  if (!settling) {
    setBusy(task.taskId, null);
    return;
  }
  const { task: changed, confirm } = settling;
  setBusy(task.taskId, changed.sequence, confirm);
  confirmBusy();
  // No event will come to a page that is paused or cut off; the answer is as true as one.
  if (pause.isOn || !feed.isLive) take([changed]);
  else setTimeout(() => busy.has(task.taskId) && take([changed]), CONFIRMED_WITHIN);
}

function sayLate({ taskId, title }, isLate) {
  rows.say(taskId, isLate ? t("row.late") : null);
  if (isLate) announce(`${title}: ${t("action.late")}`);
}

/** `until` is the event number at which to `confirm` the change; null when nothing is awaited. */
function setBusy(taskId, until, confirm = () => {}) {
  if (until === null) busy.delete(taskId);
  else busy.set(taskId, { until, confirm });
  rows.element(taskId)?.setAttribute("aria-busy", String(until !== null));
}

function confirmBusy() {
  for (const [taskId, { until, confirm }] of busy) {
    if ((store.tasks.get(taskId)?.sequence ?? Infinity) < until) continue;
    setBusy(taskId, null);
    confirm();
  }
}

async function showReason(row) {
  const task = store.tasks.get(row.dataset.task);
  if (!isReasonInLog(task)) return;
  const reason = await loaded(import("./reason.js"));
  reason?.showReason(task, row.querySelector('[data-field="error"]'));
}

async function saveView(event) {
  event.preventDefault();
  const views = await loaded(import("./saved-views.js"));
  views?.saveInPlace(event.target);
}

// It does not bubble.
body.addEventListener(
  "toggle",
  ({ target }) => target.matches(".cause[open]") && showReason(target.closest("tr")),
  { capture: true },
);
body.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-row-menu]");
  if (!opener) return;
  menu.open(opener, store.tasks.get(opener.closest("tr").dataset.task));
  // So that it is there when something is chosen.
  import("./acting.js").catch(() => {});
});

// -- Wiring ----------------------------------------------------------------------------------------

refreshButton.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  refresh();
});
more.addEventListener("click", (event) => {
  event.preventDefault();
  if (more.getAttribute("aria-busy") !== "true") showMore();
});
pill.addEventListener("click", () => {
  if (pause.isOn) takeHeld();
  settle();
  scrollTo({ top: 0 });
  body.querySelector(".title")?.focus({ preventScroll: true });
});
leftButton.addEventListener("click", ({ detail }) => {
  settle();
  // The button is gone. A mouse needs no place to go on from, and the list is to live on under it.
  if (!detail) document.querySelector("#rows .title, #empty:not([hidden]) a")?.focus();
});
byId("filter-form").addEventListener("formdata", leaveOutUnset);
addEventListener("pagehide", rememberPlace);

document.querySelector(".save-view")?.addEventListener("submit", saveView);

const walk = walkRows(body);
leaveOnEscape(byId("search"));
shortcuts({
  "/": () => {
    byId("search").focus();
    byId("search").select();
  },
  j: walk.next,
  k: walk.previous,
  m: walk.menu,
});

setInterval(() => {
  showFreshness();
  rows.tick();
  speakSummary();
  if (store.waiting.size && !isReading()) settle();
  followDay();
}, TICK);
document.addEventListener("visibilitychange", () => document.hidden || rows.tick());

showFreshness();
restorePlace();
feed.start();
