// One task as a row shows it: the texts that execution/row_view.py writes, from the same words.
// Pure but for the words, which are the page's.

import { t } from "../../shared/js/strings.js";
import { minutes, span } from "../../shared/js/times.js";
import { isOverdue, timeSpent } from "./tasks.js";

const NOTHING = "—";
const DAY = 24 * 3600_000;
const clocks = new Map();

function clock(zone) {
  if (!clocks.has(zone)) {
    // Day before month and 24 hours in every language, as the server writes it.
    const digits = { day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit" };
    const options = { ...digits, year: "numeric", second: "2-digit", hourCycle: "h23" };
    clocks.set(zone, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  }
  return clocks.get(zone);
}

/** `24/02/2026 14:30:25`, business time; `instant` in RFC 3339 or in milliseconds. */
export function exactText(instant, zone) {
  return clock(zone).format(new Date(instant)).replace(",", "");
}

/** `3 min ago` within a day, else `24/02/2026 14:30`. */
function momentText(iso, zone, now) {
  if (!iso) return NOTHING;
  const age = now - Date.parse(iso);
  if (age >= DAY) return exactText(iso, zone).slice(0, -3);
  const count = Math.max(0, Math.floor(age / 60_000));
  if (count === 0) return t("ago.now");
  return count < 60
    ? t("ago.minutes", { count })
    : t("ago.hours", { count: Math.floor(count / 60) });
}

function markText(channel, detail, names) {
  const { name } = names.channels[channel];
  if (!detail) return t("mark.none", { channel: name });
  const parts = [t("mark.state", { channel: name, state: names.syncStates[detail.state] })];
  if (detail.attempts > 1) parts.push(t("mark.attempts", { count: detail.attempts }));
  if (detail.state !== "planned") parts.push(exactText(detail.updatedAt, names.zone));
  if (detail.error) parts.push(detail.error);
  return parts.join(" · ");
}

function noteText(task, names) {
  if (task.failureReason) return names.failures[task.failureReason];
  return task.attempt > 1 ? t("row.attempt", { count: task.attempt }) : "";
}

/** As execution/texts.py has it: what the words about a failure are kept under. */
function failureKey(task) {
  if (task.failureReason) return task.failureReason;
  if (!task.error) return "";
  return task.status === "completed" ? "overcome" : "noted";
}

/** As execution/texts.py has it: a person ended it, and an error from before is not why. */
function wasDecided({ failureReason }) {
  return failureReason === "rejected" || failureReason === "cancelled";
}

/** Whether why the task ended is in the log alone. */
export function isReasonInLog(task) {
  return Boolean(task.failureReason) && (!task.error || wasDecided(task));
}

/** Cause, consequence and next step; the cause may be in the log alone. */
function failureTexts(task) {
  const key = failureKey(task);
  if (!key) return { causeLabel: "", error: "", effect: "", nextStep: "" };
  const inLog = isReasonInLog(task);
  return {
    causeLabel: t(inLog ? "failure.open.reason" : "failure.open.error"),
    error: inLog ? t("failure.elsewhere") : task.error,
    effect: t(`failure.${key}.effect`, { progress: task.progressAtFailure ?? 0 }),
    nextStep: t(`failure.${key}.next`),
  };
}

/** Minutes used and estimated, and by how much it is late: what is late has used its estimate up. */
function timeTexts(task, now) {
  const isLate = isOverdue(task, now);
  const spent = timeSpent(task, now);
  const used = isLate ? Math.max(spent, task.timeEstimate) : spent;
  return {
    time: `${minutes(used)} / ${minutes(task.timeEstimate)}`,
    over: isLate ? t("row.over", { time: span(used - task.timeEstimate) }) : "",
  };
}

/**
 * `task` as the API gives it, `names` the page's (labels, signs, zone), `now` in milliseconds.
 * Of the answer, `fields` are texts by slot, `marks` signs and tips by channel.
 */
export function rowView(task, names, now) {
  const marks = {};
  for (const channel of Object.keys(names.channels)) {
    const detail = task.syncDetail[channel];
    const sign = detail ? names.signs[detail.state] : "none";
    marks[channel] = { sign, tip: markText(channel, detail, names) };
  }
  return {
    tone: names.tones[task.status],
    icon: task.status,
    bar: task.progress,
    marks,
    fields: {
      status: names.statuses[task.status],
      note: noteText(task, names),
      title: task.title,
      id: task.taskId,
      channel: names.channels[task.channel].name,
      agent: names.agents[task.agentId] ?? task.agentId ?? NOTHING,
      progress: `${task.progress}%`,
      ...timeTexts(task, now),
      started: momentText(task.startedAt, names.zone, now),
      ended: momentText(task.endedAt, names.zone, now),
      ...failureTexts(task),
    },
    instants: { started: task.startedAt, ended: task.endedAt },
  };
}
