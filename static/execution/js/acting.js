// Doing something with a task: the words it asks for, the request, its answer. Nothing is shown as
// done here: the task changes when the feed brings the change.

import { showsNothing } from "../../shared/js/lines.js";
import { t } from "../../shared/js/strings.js";
import { confirmToast, toast } from "../../shared/js/toasts.js";
import { RESYNC, SYNCING } from "./actions.js";
import { postForm, postJson, whileLate } from "./api.js";
import { data, taskAddress } from "./page-data.js";
import { sayRefusal } from "./refusals.js";
import { forgetWords, keepWords, keptWords } from "./unsent.js";

// What moves while an agent works. Nobody decides by it: what differs in nothing else is tried again.
const MOVING = new Set(["version", "sequence", "progress", "lastUpdate", "timeSpent", "overdue"]);
const MOST_TRIES = 3;

function patchTask(body) {
  return postJson(data.apiUrl, body, "PATCH");
}

/** The task page's own form. */
function postAction(taskId, fields) {
  return postForm(taskAddress(taskId), new URLSearchParams(fields));
}

/** Have targets sent again: one marketplace's, or, given "", all that are not synced. */
export function resend({ taskId, version }, channel) {
  return postAction(taskId, { action: RESYNC.name, channel, version });
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
