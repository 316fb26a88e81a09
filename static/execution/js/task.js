// A task's page, kept true by the same feed: an event of this task makes it read itself again.

import { clearFaults, showFaults } from "../../shared/js/faults.js";
import { showsNothing } from "../../shared/js/lines.js";
import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { doAction, markTarget, resend, settled } from "./acting.js";
import { Feed } from "./feed.js";
import { announce, Indicator, tellState } from "./indicator.js";
import { Logs } from "./logs.js";
import { data } from "./page-data.js";
import { PagePause } from "./page-pause.js";
import { pageDataOf, readPage } from "./pages.js";
import { replaceParts } from "./parts.js";
import * as pending from "./pending.js";
import { exactText } from "./row-view.js";
import { keepWords, keptWords } from "./unsent.js";

const SOCKET_PATH = "/ws/marketplace/tasks/execution/";
const TICK = 1_000;
const READ_AT_MOST_EVERY = 500;
const FORMS = "form[data-action], form[data-mark], form[data-resync]";

const refreshButton = document.getElementById("refresh");
// Log lines leave no event: they have a socket of their own.
const logs = new Logs({
  place: document.getElementById("logs"),
  template: document.getElementById("log-line"),
  follow: document.getElementById("follow"),
  path: `/ws/marketplace/tasks/${encodeURIComponent(data.task.taskId)}/logs/`,
  cursor: data.logCursor,
  levels: data.logLevels,
  zone: data.zone,
});
const indicator = new Indicator();
let { task } = data;
const pause = new PagePause({
  feed: () => feed,
  show,
  onChange: (isOn) => {
    logs.setPaused(isOn);
    showFreshness();
  },
});
let timer = 0;

const feed = new Feed({
  path: SOCKET_PATH,
  position: data,
  read: async () => {
    const page = await readPage();
    return { ...pageDataOf(page), page };
  },
  maySkipReading: () => pause.isOn,
  on: {
    frame: receive,
    summary: () => {},
    snapshot: (snapshot) => pause.receive(snapshot),
    state: changeState,
    epoch: () => location.reload(),
  },
  count: pending,
});

function receive({ events }) {
  const own = events.filter((event) => event.taskId === task.taskId);
  if (own.length && !pause.holds(own)) readSoon();
}

function readSoon() {
  timer ||= setTimeout(() => {
    timer = 0;
    feed.refresh();
  }, READ_AT_MOST_EVERY);
}

function show(snapshot) {
  const before = task.status;
  ({ task } = snapshot);
  const hadFocus = document.activeElement !== document.body;
  replaceParts(snapshot.page);
  if (hadFocus && document.activeElement === document.body) focusNext();
  if (task.status !== before) tellStatus();
  confirmSent();
  logs.take([...snapshot.page.querySelectorAll("#logs > .log")]);
}

/** What had the focus is gone, as a step is once it has been taken: on to what can be done next. */
function focusNext() {
  const next = document.querySelector('[data-part="actions"] :is(button:enabled, summary)');
  (next ?? document.querySelector("h1")).focus({ preventScroll: true });
}

/** Its new status is on the badge; that it failed, and why, in a panel that nobody looks for. */
function tellStatus() {
  const badge = document.querySelector(".task-line .badge").textContent.trim();
  const cause = document.querySelector('[data-part="error"] dd')?.textContent.trim();
  announce(`${task.title}: ${badge}.${cause ? ` ${cause}` : ""}`);
}

// What was done here and is not shown yet: {task, confirm, form}.
let sent = [];
// The forms that were sent and whose change is not shown yet.
const underWay = new Set();

function confirmSent() {
  for (const done of sent.filter((one) => one.task.sequence <= task.sequence)) {
    done.confirm();
    underWay.delete(done.form);
  }
  sent = sent.filter((done) => done.task.sequence > task.sequence);
}

function showFreshness() {
  const { state } = feed;
  const { freshAt, isOn: paused, waiting } = pause;
  indicator.show({ state, freshAt, paused, waiting });
  document.getElementById("read-at").textContent = exactText(freshAt, data.zone);
}

function changeState(state, before) {
  showFreshness();
  tellState(state, before, { isPaused: pause.isOn });
  if (state === "live" && before !== "connecting") logs.goOn();
}

function submit(event) {
  const form = event.target.closest(FORMS);
  if (!form) return;
  event.preventDefault();
  const { note } = form.elements;
  // A browser takes a blank for a reason.
  if (note?.required && showsNothing(note.value)) {
    showFaults(form, { note: [t("action.needsNote")] });
    return;
  }
  // Twice pressed is once meant.
  if (!underWay.has(form)) act(form, known(), changeOf(form));
}

/** Of a double, the second click may find another step in the place of the one that was meant. */
function ignoreSecondClick(event) {
  if (event.detail > 1 && event.target.closest("button")?.closest(FORMS)) event.preventDefault();
}

/** The task as it is shown, and with what was done here since. */
function known() {
  return sent.at(-1)?.task ?? task;
}

async function act(form, seen, begin) {
  const button = form.querySelector("button");
  button.setAttribute("aria-busy", "true");
  underWay.add(form);
  const done = await settled(begin, {
    task: seen,
    label: button.textContent,
    onConflict: () => feed.refresh(),
    onLate,
    again: () => act(form, seen, begin),
  });
  button.removeAttribute("aria-busy");
  if (!done) {
    underWay.delete(form);
    return;
  }
  sent.push({ ...done, form });
  confirmSent();
  closeMenu(form.closest("details"));
  // The event will bring it; to a page that is paused or cut off nothing comes.
  if (pause.isOn) pause.set(false);
  if (!feed.isLive) feed.refresh();
}

/** Its opener has the focus then, as long as it is there. */
function closeMenu(menu) {
  if (menu?.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu?.removeAttribute("open");
}

let lateToast = null;

function onLate(isLate) {
  lateToast?.remove();
  lateToast = isLate ? toast(t("action.late"), { stays: true, tone: "amber" }) : null;
}

/** What sends the form for a task, with the words as they were written. */
function changeOf(form) {
  const { action: name, mark: channel, resync } = form.dataset;
  if (resync !== undefined) return (seen) => resend(seen, resync);
  const action = data.actions.find((one) => one.name === name);
  const note = form.elements.note?.value.trim() ?? "";
  const synced = form.elements.synced?.value === "true";
  return action
    ? (seen) => doAction(action, seen, note)
    : (seen) => markTarget({ channel, synced }, seen);
}

/** What was written before one had to sign in again is there when its form is opened. */
function restoreWords() {
  for (const form of document.querySelectorAll("form[data-action]")) {
    const { note } = form.elements;
    if (note) note.value ||= keptWords(task.taskId, form.dataset.action);
  }
}

document.addEventListener("input", ({ target }) => {
  const form = target.closest("form[data-action]");
  if (!form) return;
  clearFaults(form);
  keepWords(task.taskId, form.dataset.action, target.value);
});
refreshButton.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  refreshButton.setAttribute("aria-busy", "true");
  const wasRead = await feed.refresh();
  refreshButton.removeAttribute("aria-busy");
  if (wasRead) {
    pause.takeHeld();
    announce(t("announce.read"));
  } else if (!feed.hasEnded) toast(t("readFailed"), { error: true, untilLive: true });
});
document.addEventListener("click", ignoreSecondClick);
document.addEventListener("submit", submit);
setInterval(showFreshness, TICK);
showFreshness();
restoreWords();
logs.start();
feed.start();
