// How many tasks wait for approval, beside their place in the bar. No frame of the feed carries the
// number (the summary counts approved tasks with them), so it is read again once a frame tells of a
// task that began or ceased to wait, at most every two seconds.

import { formatNumber } from "../../shared/js/strings.js";
import { getJson } from "./api.js";

const READ_AT_MOST_EVERY = 2_000;

// Only who may approve sees it.
const badge = document.querySelector("[data-pending]");
let lastRead = -READ_AT_MOST_EVERY;
let timer = 0;

/** Whether a frame's events changed how many wait. */
export function movesPending({ events }) {
  return events.some(({ from, to }) => (from === "pending") !== (to === "pending"));
}

export function readPending() {
  if (!badge) return;
  timer ||= setTimeout(read, Math.max(0, lastRead + READ_AT_MOST_EVERY - performance.now()));
}

async function read() {
  timer = 0;
  lastRead = performance.now();
  try {
    show((await getJson(badge.dataset.read)).totalTasks);
  } catch {
    // The feed says that the connection is lost, and reads again.
  }
}

function show(total) {
  badge.hidden = !total;
  const text = formatNumber(total);
  if (badge.firstChild.data !== text) badge.firstChild.data = text;
}
