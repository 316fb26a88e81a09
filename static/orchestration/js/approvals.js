// The approvals inbox: the server has drawn it; here it is decided without leaving it, and follows
// the feed. What others decide turns grey and stays until one lets it go; what comes new waits.

import { formatNumber, plural, t } from "../../shared/js/strings.js";
import { showFaults } from "../../shared/js/faults.js";
import { toast } from "../../shared/js/toasts.js";
import { restore, written } from "../../shared/js/written.js";
import { ask } from "../../execution/js/acting.js";
import { postCommand, postForm, whileLate } from "../../execution/js/api.js";
import { now } from "../../execution/js/clock.js";
import { Feed } from "../../execution/js/feed.js";
import { announce, Indicator, setText, tellState } from "../../execution/js/indicator.js";
import { shortcuts } from "../../execution/js/keyboard.js";
import { data } from "../../execution/js/page-data.js";
import { PagePause } from "../../execution/js/page-pause.js";
import { pageDataOf, readPage } from "../../execution/js/pages.js";
import * as pending from "../../execution/js/pending.js";
import { sayRefusal, unread } from "../../execution/js/refusals.js";
import { matches } from "../../execution/js/tasks.js";
import { forgetWords, keepWords, keptWords } from "../../execution/js/unsent.js";
import { markNews } from "./edit-news.js";
import { List } from "./list.js";
import { fateText, tickWaiting } from "./telling.js";

const SOCKET_PATH = "/ws/marketplace/tasks/execution/";
const TICK = 1_000;
const READ_AT_MOST_EVERY = 500;
// A click this soon after something else came under the pointer was meant for what stood there.
const HAND_STEADY = 600;

const byId = (id) => document.getElementById(id);
const list = new List(byId("rows"), byId("more"));
const indicator = new Indicator();
const pill = byId("pill");
const leftButton = byId("left");
const all = byId("all");
const refreshButton = byId("refresh");
const editDialog = byId("edit-dialog");
const here = refreshButton.href;
const waiting = new Set();
// What this page is deciding itself: the feed may tell of it before the answer does.
const deciding = new Set();
// The tasks that the open dialog is about.
let inDialog = [];
let newest = null;
// The tasks that frames have told of since the last read was begun, which may not know of that.
let heard = new Set();
// The toast that asks for a selection, until there is one.
let asked = null;
let timer = 0;
// When rows moved up last, or a dialog above them closed.
let movedAt = -HAND_STEADY;

const pause = new PagePause({ feed: () => feed, show: reconcile, onChange: showFreshness });

const feed = new Feed({
  path: SOCKET_PATH,
  position: data,
  read: async () => {
    heard = new Set();
    const page = await readPage(here);
    return { ...pageDataOf(page), page };
  },
  on: {
    frame: receive,
    summary: () => {},
    snapshot: (snapshot) => pause.receive(snapshot),
    state: changeState,
    epoch: () => location.reload(),
  },
  maySkipReading: () => pause.isOn,
  count: pending,
});

// -- What comes in ---------------------------------------------------------------------------------

function receive({ events, tasks }) {
  if (pause.holds(events)) return;
  const last = new Map();
  for (const event of events) {
    last.set(event.taskId, event);
    count(event, tasks);
  }
  for (const task of tasks) {
    heard.add(task.taskId);
    take(task, last.get(task.taskId));
  }
  showState();
}

function take(task, event) {
  const row = list.row(task.taskId);
  const belongs = task.status === "pending" && matches(task, data.filters, now());
  if (!row) {
    if (belongs && list.isInRange(task)) waiting.add(task.taskId);
    else waiting.delete(task.taskId);
  } else if (!belongs) {
    if (!deciding.has(task.taskId)) leave(row, fateText(task, event));
  } else if (list.hasLeft(row) || task.version !== Number(row.dataset.version)) {
    readSoon();
  }
}

/** Somebody else has decided; who was about to hears so. */
function leave(row, fate) {
  const isInHand = row.contains(document.activeElement) || inDialog.includes(row.dataset.task);
  list.leave(row, fate);
  if (isInHand) announce(`${titleOf(row)}: ${fate}`);
}

function count({ taskId, from, to }, tasks) {
  const change = (to === "pending") - (from === "pending");
  if (!change) return;
  // Whose a task was before it was edited, no frame tells.
  if (data.filters.agent || data.filters.taskType) {
    readSoon();
    return;
  }
  const channel = tasks.find((task) => task.taskId === taskId)?.channel;
  for (const chip of document.querySelectorAll(".chip[data-channel]")) {
    if (chip.dataset.channel && chip.dataset.channel !== channel) continue;
    const slot = slotOf(chip);
    slot.textContent = formatNumber(Math.max(0, numberIn(slot) + change));
  }
}

const slotOf = (chip) => chip.querySelector('[data-field="count"]');
const numberIn = (slot) => Number(slot.textContent.replace(/\D/g, ""));

function countAnew(page) {
  for (const chip of document.querySelectorAll(".chip[data-channel]")) {
    const { channel } = chip.dataset;
    const fresh = page.querySelector(`.chip[data-channel="${CSS.escape(channel)}"]`);
    if (fresh) slotOf(chip).textContent = slotOf(fresh).textContent;
  }
}

/**
 * A page read anew: rows that changed are replaced, those that are gone turn grey, new ones wait.
 * What frames have told of meanwhile stays as they told it.
 */
function reconcile(snapshot) {
  newest = snapshot.page;
  if (!heard.size) countAnew(newest);
  const fresh = list.rowsOf(newest);
  for (const taskId of waiting) if (!heard.has(taskId)) waiting.delete(taskId);
  for (const taskId of fresh.keys()) {
    if (!list.row(taskId) && !heard.has(taskId)) waiting.add(taskId);
  }
  const isWhole = newest.getElementById("more").hidden;
  list.follow(fresh, { isWhole, except: heard, onGone: (row) => leave(row, t("fate.gone")) });
  // Nobody reads an empty list: there is nothing to keep still.
  if (!list.size) {
    list.append(newest);
    waiting.clear();
  }
  showState();
}

function readSoon() {
  timer ||= setTimeout(() => {
    timer = 0;
    feed.refresh();
  }, READ_AT_MOST_EVERY);
}

async function settle() {
  if (waiting.size) {
    if (!(await feed.refresh())) {
      if (!feed.hasEnded) toast(t("readFailed"), { error: true, untilLive: true });
      return;
    }
    pause.takeHeld();
  }
  list.letGo();
  const [first] = newest && waiting.size ? list.letIn(list.rowsOf(newest), waiting) : [];
  waiting.clear();
  showState();
  first?.querySelector(".title").focus();
}

// -- What is shown around the rows -----------------------------------------------------------------

function showState() {
  if (waiting.size && !list.size) readSoon();
  if (waiting.size && pill.hidden) announce(plural("announce.new", waiting.size));
  pill.hidden = !waiting.size;
  if (waiting.size) pill.lastElementChild.textContent = plural("new", waiting.size);
  leftButton.hidden = !list.left;
  if (list.left) leftButton.textContent = plural("left", list.left);
  showWhich();
  showChosen();
}

/** The rows, or that there are none; who stood on what goes stands on what comes. */
function showWhich() {
  const isEmpty = !list.size;
  if (byId("rows").hidden === isEmpty) return;
  const stood = document.activeElement;
  const isLost = isEmpty ? stood === document.body : byId("empty").contains(stood);
  byId("rows").hidden = isEmpty;
  byId("empty").hidden = !isEmpty;
  if (isLost) standAtTop();
}

function standAtTop() {
  const link = byId(list.size ? "rows" : "empty").querySelector(".title, .button");
  link.focus({ preventScroll: true });
}

function showChosen() {
  const boxes = list.boxes();
  const chosen = boxes.filter((box) => box.checked).length;
  if (chosen) asked?.remove();
  setText(byId("chosen"), chosen ? plural("chosen", chosen) : "");
  all.checked = chosen > 0 && chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
}

function showFreshness() {
  const { freshAt, isOn: paused, waiting: unseen } = pause;
  indicator.show({ state: feed.state, freshAt, paused, waiting: unseen });
}

function changeState(state, before) {
  showFreshness();
  tellState(state, before, { isPaused: pause.isOn });
}

// -- Decisions -------------------------------------------------------------------------------------

const titleOf = (row) => row.querySelector(".title").textContent;
const keyOf = (row) => `${row.dataset.task}:${row.dataset.version}`;

/** Send the form, show what became of each row, and say it. */
async function decide(fields, rows, command) {
  const ids = rows.map((row) => row.dataset.task);
  // Twice pressed is once meant.
  if (ids.some((id) => deciding.has(id))) return;
  for (const row of rows) row.setAttribute("aria-busy", "true");
  for (const id of ids) deciding.add(id);
  try {
    const answer = postForm(here, new URLSearchParams(fields));
    const { results } = await whileLate(answer, (isLate) => sayLate(rows, isLate));
    if (results.every(({ code }) => code === "done")) forgetWords(ids.join());
    for (const result of results) showOutcome(result);
    tell(results, command);
  } catch (error) {
    if (error.status === 400) toast(error.sentence, { error: true });
    else sayRefusal(error, () => decide(fields, rows, command));
  } finally {
    for (const row of rows) row.removeAttribute("aria-busy");
    for (const id of ids) deciding.delete(id);
    showState();
  }
}

function sayLate(rows, isLate) {
  const sentence = isLate ? t("action.late") : "";
  if (isLate) announce(sentence);
  for (const row of rows) if (!list.hasLeft(row)) list.say(row, sentence);
}

function showOutcome({ taskId, code, sentence }) {
  const row = list.row(taskId);
  if (!row) return;
  if (code === "done") {
    list.remove(row);
    showWhich();
    noteMove();
  } else if (code === "version_conflict") {
    // What it is now has to be seen before it is decided.
    if (pause.isOn) pause.set(false);
    readSoon();
  } else if (code === "invalid_transition" || code === "not_found") list.leave(row, t("fate.gone"));
  else list.refuse(row, sentence);
}

function tell(results, command) {
  const done = results.filter(({ code }) => code === "done");
  const refused = results.filter(({ code }) => code !== "done");
  if (results.length === 1) {
    for (const { title, sentence, code } of refused) {
      const said = code === "version_conflict" ? t("action.conflict") : sentence;
      toast(t("refused.one", { title, sentence: said }), { error: true });
    }
  } else if (refused.length) {
    toast(plural("refused.many", refused.length), { error: true });
  }
  if (!done.length) return;
  if (done.length > 1) {
    toast(t(`done.${command}.many`, { count: formatNumber(done.length) }));
    return;
  }
  const [{ title, taskId }] = done;
  const again = { label: t("retry"), act: () => retry(taskId, title) };
  const canUndo = command === "reject" && data.mayRetry;
  toast(t(`done.${command}`, { title }), canUndo ? { action: again } : {});
}

async function retry(taskId, title) {
  try {
    await postCommand(taskId, "retry", {});
    toast(t("retried", { title }));
  } catch (error) {
    sayRefusal(error);
  }
}

async function approve(row) {
  if (list.isOpen(row) && !row.querySelector('[data-act="approve"]').disabled) {
    await decide({ approve: keyOf(row) }, [row], "approve");
  } else {
    announce(row.querySelector(".note:not([hidden])")?.textContent ?? "");
  }
}

async function reject(rows) {
  inDialog = rows.map((row) => row.dataset.task);
  const taskId = inDialog.join();
  const note = await (rows.length === 1
    ? ask(data.reject, { taskId, title: titleOf(rows[0]) })
    : ask({ ...data.reject, ...rejectMany(rows.length) }, { taskId, title: "" }));
  inDialog = [];
  comeBack(rows[0].dataset.task);
  if (note === null) return;
  const fields = rows.map((row) => ["task", keyOf(row)]);
  await decide([["do", "reject"], ["note", note], ...fields], rows, "reject");
}

/** A dialog about the task has closed: what opened it may have gone meanwhile. */
function comeBack(taskId) {
  const row = list.row(taskId);
  const isLost = document.activeElement.matches("body, dialog *");
  if (row && isLost) list.stand(row);
}

function rejectMany(count) {
  return { label: plural("reject.many", count), effect: t("reject.effect") };
}

/** What a key acts on: those that are selected, else the one in hand. */
function inHand() {
  const chosen = list.chosen();
  const current = list.current();
  if (chosen.length) return chosen;
  return current && list.isOpen(current) ? [current] : [];
}

function askToChoose() {
  asked = toast(t("chooseFirst"), { error: true });
}

async function approveChosen() {
  const rows = list.chosen();
  if (!rows.length) {
    askToChoose();
    return;
  }
  const fields = rows.map((row) => ["task", keyOf(row)]);
  await decide([["do", "approve"], ...fields], rows, "approve");
}

// -- Edit, then approve ----------------------------------------------------------------------------

async function edit(row) {
  const link = row.querySelector('[data-act="edit"]');
  if (!link || !list.isOpen(row)) return;
  row.setAttribute("aria-busy", "true");
  try {
    const form = await drawEdit(link.href);
    if (!form) return;
    editDialog.showModal();
    form.elements.title.focus();
  } catch (error) {
    toast(unread(error), { error: true, untilLive: true });
  } finally {
    row.removeAttribute("aria-busy");
  }
}

/** The form as it is now, with what was written for it before; null where nothing is to be decided. */
async function drawEdit(address) {
  const page = await readPage(address);
  const form = page.querySelector("#decide form[data-edit]");
  if (!form) {
    // Whoever decided meanwhile is told by the feed.
    await feed.refresh();
    pause.takeHeld();
    return null;
  }
  byId("edit-dialog-title").textContent = page.getElementById("decide-title").textContent.trim();
  editDialog.querySelector('[data-field="form"]').replaceChildren(form);
  editDialog.dataset.address = address;
  inDialog = [form.dataset.edit];
  restore(form, keptWords(form.dataset.edit, "edit"));
  return form;
}

/** What was written stays, for the task as it has become. */
async function editAnew(form) {
  const fresh = await drawEdit(editDialog.dataset.address);
  if (!fresh) {
    editDialog.close();
    return;
  }
  const changed = markNews(fresh, form);
  (changed ?? fresh.elements.title).focus();
  fresh.querySelector('[data-field="error"]').textContent = t("action.conflict");
}

editDialog.addEventListener("input", () => {
  const form = editDialog.querySelector("[data-edit]");
  keepWords(form.dataset.edit, "edit", written(form));
});
editDialog.addEventListener("click", (event) => {
  if (!event.target.closest("[data-back]")) return;
  event.preventDefault();
  editDialog.close();
});
editDialog.addEventListener("close", () => {
  inDialog = [];
  comeBack(editDialog.querySelector("[data-edit]").dataset.edit);
});
editDialog.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const row = list.row(form.dataset.edit);
  const button = form.querySelector("button.primary");
  const fault = form.querySelector('[data-field="error"]');
  if (deciding.has(form.dataset.edit)) return;
  button.setAttribute("aria-busy", "true");
  fault.textContent = "";
  deciding.add(form.dataset.edit);
  try {
    const answer = postForm(here, new URLSearchParams(new FormData(form)));
    const { results } = await whileLate(answer, (isLate) => {
      fault.textContent = isLate ? t("action.late") : "";
    });
    const isConflict = results.some(({ code }) => code === "version_conflict");
    if (!isConflict) {
      forgetWords(form.dataset.edit);
      editDialog.close();
      // From a row that goes, the focus goes on to the next.
      comeBack(form.dataset.edit);
    }
    for (const result of results) showOutcome(result);
    if (isConflict) await editAnew(form);
    else tell(results, "approve");
  } catch (error) {
    if (error.status === 400) fault.textContent = showFaults(form, error.details).join(" ");
    else sayRefusal(error);
  } finally {
    deciding.delete(form.dataset.edit);
    button.removeAttribute("aria-busy");
    if (row?.isConnected) row.removeAttribute("aria-busy");
    showState();
  }
});

// -- Wiring ----------------------------------------------------------------------------------------

const ACTS = { approve, edit, reject: (row) => reject([row]) };

function noteMove() {
  movedAt = performance.now();
}

/** Whether a click is the second of a double, or came just as its row did. Keys click without one. */
function isStray({ detail }) {
  return detail > 1 || (detail > 0 && performance.now() - movedAt < HAND_STEADY);
}

byId("rows").addEventListener("click", (event) => {
  const act = event.target.closest("[data-act]");
  if (!act || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!isStray(event)) ACTS[act.dataset.act](act.closest(".pending"));
});
// It does not bubble.
document.addEventListener("close", noteMove, { capture: true });
byId("nothing").addEventListener("click", (event) => event.preventDefault());
byId("rows").addEventListener("change", showChosen);
all.addEventListener("change", () => {
  for (const box of list.boxes()) box.checked = all.checked;
  showChosen();
});
byId("approve-chosen").addEventListener("click", (event) => {
  event.preventDefault();
  if (!isStray(event)) approveChosen();
});
byId("reject-chosen").addEventListener("click", (event) => {
  event.preventDefault();
  const rows = list.chosen();
  if (rows.length) reject(rows);
  else askToChoose();
});
pill.addEventListener("click", settle);
leftButton.addEventListener("click", () => {
  list.letGo();
  showState();
  standAtTop();
});
refreshButton.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  refreshButton.setAttribute("aria-busy", "true");
  const wasRead = await feed.refresh();
  refreshButton.removeAttribute("aria-busy");
  if (wasRead) {
    pause.takeHeld();
    await settle();
    announce(t("announce.read"));
  } else if (!feed.hasEnded) toast(t("readFailed"), { error: true, untilLive: true });
});
byId("more").addEventListener("click", async (event) => {
  event.preventDefault();
  const more = event.currentTarget;
  if (more.getAttribute("aria-busy") === "true") return;
  more.setAttribute("aria-busy", "true");
  try {
    const before = list.size;
    list.append(await readPage(more.href));
    showState();
    announce(plural("announce.more", list.size - before));
  } catch {
    toast(t("moreFailed"), { error: true, untilLive: true });
  } finally {
    more.removeAttribute("aria-busy");
  }
});
/** A letter decides for who is at the tasks or nowhere, not on the way through something else. */
function atTasks(act) {
  return () => {
    if (document.activeElement.matches("body, #content, #rows *, #decisions *")) act();
  };
}

shortcuts({
  j: () => list.step(1),
  k: () => list.step(-1),
  x: () => {
    const box = list.current()?.querySelector("[name=task]");
    if (box && !box.disabled) box.checked = !box.checked;
    showChosen();
  },
  a: atTasks(() => {
    if (list.chosen().length) approveChosen();
    else if (list.current()) approve(list.current());
  }),
  r: atTasks(() => inHand().length && reject(inHand())),
  e: () => list.current() && edit(list.current()),
});
setInterval(() => {
  showFreshness();
  if (!document.hidden) tickWaiting(byId("rows"), data.waitsLongAfter);
}, TICK);

showFreshness();
showChosen();
byId("results")?.focus();
feed.start();
