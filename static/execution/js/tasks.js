// What can be said of a task without the page around it. Pure: values in, values out.

/** `createdAt` padded so that text order is time order: fractions of a second vary in length. */
export function createdKey(task) {
  const [seconds, fraction = ""] = task.createdAt.slice(0, -1).split(".");
  return `${seconds}.${fraction.padEnd(6, "0")}`;
}

function ended(task, now) {
  return task.endedAt ? Date.parse(task.endedAt) : now;
}

/** Whole minutes from creation to the end, or to `now` (milliseconds). */
export function timeSpent(task, now) {
  return Math.max(0, Math.floor((ended(task, now) - Date.parse(task.createdAt)) / 60_000));
}

/** As it was told; of an open task that was in time, by its estimate, which is told rounded. */
export function isOverdue(task, now) {
  if (task.overdue || task.endedAt) return task.overdue;
  return now > Date.parse(task.createdAt) + task.timeEstimate * 60_000;
}

/** Without case and accents, as the server compares text: "ß" as "ss", each sigma alike. */
function folded(text) {
  const letters = text.normalize("NFKD").replace(/\p{Mn}/gu, "");
  return letters.toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

/** Whether the list under `filters` (the page's, from the server) holds the task. */
export function matches(task, filters, now) {
  if (filters.status.length && !filters.status.includes(task.status)) return false;
  if (filters.channel.length && !filters.channel.includes(task.channel)) return false;
  if (filters.agent && task.agentId !== filters.agent) return false;
  if (filters.taskType && task.taskType !== filters.taskType) return false;
  if (filters.createdAfter && createdKey(task) < createdKey({ createdAt: filters.createdAfter })) {
    return false;
  }
  if (filters.createdBefore && createdKey(task) >= createdKey({ createdAt: filters.createdBefore })) {
    return false;
  }
  if (filters.createdUpTo && createdKey(task) > createdKey({ createdAt: filters.createdUpTo })) {
    return false;
  }
  if (filters.overdue !== null && isOverdue(task, now) !== filters.overdue) return false;
  const text = folded(`${task.title} ${task.taskId} ${task.externalId ?? ""}`);
  return filters.words.every((word) => text.includes(word));
}
