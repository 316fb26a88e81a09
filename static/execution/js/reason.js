// Why a task failed: a reason is in the log alone, and is read when somebody wants to know.

import { t } from "../../shared/js/strings.js";
import { getJson } from "./api.js";
import { data } from "./page-data.js";
import { unread } from "./refusals.js";

export async function showReason(task, slot) {
  try {
    // Without one, the error may have come with the end, or before it.
    const none = t(task.error ? "failure.elsewhere" : "failure.unknown");
    slot.textContent = (await failureReason(task.taskId)) ?? none;
  } catch (refused) {
    slot.textContent = unread(refused);
  }
}

/** In the words of whoever ended it last; null when they gave none. */
async function failureReason(taskId) {
  const { events } = await getJson(`${data.apiUrl}/${encodeURIComponent(taskId)}/events`);
  return events.findLast(({ kind }) => kind === "failed")?.reason || null;
}
