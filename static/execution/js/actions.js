// What may be done with a task: the legal actions, the words they ask for, the request, its answer.
// Nothing is shown as done here: the task changes when the feed brings the change.

import { showsNothing } from "../../shared/js/lines.js";
import { t } from "../../shared/js/strings.js";
import { confirmToast, toast } from "../../shared/js/toasts.js";
import { patchTask, postAction, whileLate } from "./api.js";
import { data, signInAddress } from "./page-data.js";
import { forgetWords, keepWords, keptWords } from "./unsent.js";

const SYNCING = "marketplace_sync";
// No step of the life cycle: targets that are not synced are queued again.
const RESYNC = { name: "sync", label: t("menu.resync"), note: "none", isDestructive: false };
// The same may work in a moment; done twice it cannot be, for it names the version it is about.
const UNAVAILABLE = 503;
// Of a page that was drawn before somebody signed in anew.
const STALE = "csrf_failed";
const OPEN_TARGETS = ["planned", "queued"];
// What moves while an agent works. Nobody decides by it: what differs in nothing else is tried again.
const MOVING = new Set(["version", "sequence", "progress", "lastUpdate", "timeSpent", "overdue"]);
const MOST_TRIES = 3;

/** What can be done with `task` now, the likeliest first; nothing for those who may only look. */
export function legalActions(task) {
  const steps = data.actions.filter((action) => action.sources.includes(task.status));
  return canResend(task) ? [...steps, RESYNC] : steps;
}

function canResend({ status, targets, syncDetail }) {
  const { statuses, states } = data.resend;
  return (
    data.mayOperate &&
    statuses.includes(status) &&
    targets.some((channel) => states.includes(syncDetail[channel].state))
  );
}

/** Have targets sent again: one marketplace's, or, given "", all that are not synced. */
export function resend({ taskId, version }, channel) {
  return postAction(taskId, { action: RESYNC.name, channel, version });
}

/** The targets that can be marked by hand: [{channel, label, synced}]. */
export function targetMarks(task) {
  if (!data.mayOperate || task.status !== SYNCING) return [];
  return task.targets
    .filter((channel) => task.syncDetail[channel].state !== "not_required")
    .map((channel) => {
      const synced = !task.syncStatus[channel];
      const key = synced ? "mark.synced" : "mark.unsynced";
      return { channel, synced, label: t(key, { channel: data.channels[channel].name }) };
    });
}

/** Whether the action asks something first: a reason, or a yes to what it withdraws. */
export function asks(action, task) {
  if (action.note === "optional") {
    return task.targets.some((channel) => OPEN_TARGETS.includes(task.syncDetail[channel].state));
  }
  return action.note !== "none";
}

/** Do `action` with the task as it was seen; by its name, so that no page has rules of its own. */
export function doAction({ name }, { taskId, version }, note) {
  return postAction(taskId, { action: name, note, version });
}

export function markTarget({ channel, synced }, task) {
  return patchTask({
    taskId: task.taskId,
    status: SYNCING,
    syncStatus: { [channel]: synced },
    version: task.version,
  });
}

/**
 * Await what `begin(task)` begins, for the task as it was seen. Answers the task as it then is, and
 * `confirm` to call when the page shows it; null when refused, and why is said.
 * `onLate` hears whether the answer is late; `again` does it all once more.
 */
export async function settled(begin, { task: seen, label, onConflict, onLate, again }) {
  try {
    const { task } = await whileLate(tried(begin, seen), onLate);
    forgetWords(seen.taskId);
    const sent = toast(t("action.sent", { action: label }));
    return { task, confirm: () => confirmToast(sent, t("action.done", { action: label })) };
  } catch (error) {
    if (error.code === "version_conflict") onConflict(error.details.task);
    sayRefusal(error, again);
    return null;
  }
}

async function tried(begin, task, tries = MOST_TRIES) {
  try {
    return await begin(task);
  } catch (error) {
    const current = error.code === "version_conflict" ? error.details.task : null;
    if (!current || tries === 1 || !isSameMatter(task, current)) throw error;
    return tried(begin, current, tries - 1);
  }
}

/** Whether what people decide by is as it was. */
function isSameMatter(task, other) {
  const lasting = (name, value) => (MOVING.has(name) ? undefined : value);
  return JSON.stringify(task, lasting) === JSON.stringify(other, lasting);
}

/** Say why something was not done, and offer what helps: signing in, or the same `again`. */
export function sayRefusal(error, again = null) {
  toast(refusal(error), { error: true, action: remedy(error, again) });
}

function remedy({ status, code }, again) {
  if (code === STALE) return { label: t("reload"), act: () => location.reload() };
  if (status === 401) return { label: t("signIn"), href: signInAddress() };
  return status === UNAVAILABLE && again ? { label: t("again"), act: again } : null;
}

/** Why something could not be read: nothing was to be done, so nothing is in doubt. */
export function unread(error) {
  if (error.status === undefined || error.status === UNAVAILABLE) return t("unreachable");
  const request = error.requestId ?? "–";
  return error.status >= 500 ? t("read.broken", { request }) : refusal(error);
}

/** Why something was not done, and what to do about it. */
export function refusal(error) {
  if (error.code === "own_task") return error.sentence;
  if (error.code === STALE) return t("action.stale");
  switch (error.status) {
    case undefined:
      return t("action.network");
    case 401:
      return t("signedOut");
    case 403:
      return t("action.forbidden");
    case 404:
      return t("action.gone");
    case 409:
      if (error.code !== "invalid_transition") return t("action.conflict");
      return t("action.illegal", { status: data.statuses[error.details.from] });
    case 429:
      return t("action.throttled");
  }
  // The server knows whether anything can have been changed; what stands before it does not.
  if (error.status === UNAVAILABLE) return error.sentence ?? t("action.unavailable");
  const request = error.requestId ?? "–";
  if (error.status >= 500 || !error.sentence) return t("action.broken", { request });
  return t("action.refused", { error: error.sentence, request });
}

/**
 * Ask for the action's words in the dialog; answers them, or null when the person goes back. Words
 * that were written are kept until it is done.
 */
export function ask(action, task) {
  const dialog = document.getElementById("action-dialog");
  const slot = (name) => dialog.querySelector(`[data-field="${name}"]`);
  const note = document.getElementById("action-note");
  const fault = document.getElementById("action-note-error");
  const isNeeded = action.note !== "optional";
  document.getElementById("action-title").textContent = action.label;
  document.getElementById("action-effect").textContent = action.effect;
  slot("task").textContent = task.title;
  slot("task").hidden = !task.title;
  slot("optional").hidden = isNeeded;
  slot("confirm").textContent = action.label;
  slot("confirm").classList.toggle("danger", action.isDestructive);
  slot("confirm").classList.toggle("primary", !action.isDestructive);
  const { taskId } = task;
  note.value = keptWords(taskId, action.name);
  note.required = isNeeded;
  showFault("");
  dialog.showModal();
  note.focus();

  function showFault(sentence) {
    fault.textContent = sentence;
    note.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  return new Promise((resolve) => {
    const gone = new AbortController();
    const listen = (target, type, act) => target.addEventListener(type, act, gone);
    let words = null;
    listen(dialog.querySelector("form"), "submit", (event) => {
      if (isNeeded && showsNothing(note.value)) {
        event.preventDefault();
        showFault(t("action.needsNote"));
        note.focus();
        return;
      }
      words = note.value.trim();
    });
    listen(note, "input", () => {
      showFault("");
      keepWords(taskId, action.name, note.value);
    });
    listen(slot("back"), "click", () => dialog.close());
    listen(dialog, "close", () => {
      gone.abort();
      resolve(words);
    });
  });
}
