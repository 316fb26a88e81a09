// What is said of a pending task: how long it waits, and who decided it.

import { t } from "../../shared/js/strings.js";
import { now } from "../../execution/js/clock.js";
import { data } from "../../execution/js/page-data.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The same words as the server's, orchestration/approvals/inbox.py. */
function waitingText(waited) {
  if (waited < MINUTE) return t("waiting.now");
  if (waited < HOUR) return t("waiting.minutes", { count: Math.floor(waited / MINUTE) });
  if (waited < 2 * DAY) return t("waiting.hours", { count: Math.floor(waited / HOUR) });
  return t("waiting.days", { count: Math.floor(waited / DAY) });
}

export function tickWaiting(body, longAfterSeconds) {
  for (const row of body.children) {
    const waited = now() - Date.parse(row.dataset.since);
    const slot = row.querySelector('[data-field="waiting"]');
    const text = waitingText(waited);
    if (slot.textContent !== text) slot.textContent = text;
    slot.parentElement.classList.toggle("is-long", waited >= longAfterSeconds * 1000);
  }
}

function actorText(actor) {
  if (actor === data.me) return t("you");
  const [kind, ...rest] = actor.split(":");
  const name = rest.join(":");
  if (kind === "user") return name;
  return kind === "agent" ? t("agent", { name: data.agents[name] ?? name }) : t("system");
}

/** Who decided, in a few words; only that it is decided when the deed is not known. */
export function fateText(task, event) {
  if (!event || event.to !== task.status) return t("fate.gone");
  const actor = actorText(event.actor);
  if (task.status === "approved") return t("fate.approved", { actor });
  if (task.status === "in_progress") return t("fate.started", { actor });
  if (task.status !== "failed") return t("fate.gone");
  const key = { rejected: "rejected", cancelled: "cancelled" }[task.failureReason] ?? "failed";
  return t(`fate.${key}`, { actor });
}
