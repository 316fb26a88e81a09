// What may be done with a task: the legal actions, and whether they ask for words first.

import { t } from "../../shared/js/strings.js";
import { data } from "./page-data.js";

export const SYNCING = "marketplace_sync";
// No step of the life cycle: targets that are not synced are queued again.
export const RESYNC = { name: "sync", label: t("menu.resync"), note: "none", isDestructive: false };
const OPEN_TARGETS = ["planned", "queued"];

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
