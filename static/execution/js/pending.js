// How many tasks wait for approval, beside their place in the bar. No frame of the feed carries the
// number (the summary counts approved tasks with them): it follows the events, and is read again
// soon after, at most every two seconds, for what the page was drawn with may be some seconds old.

import { formatNumber } from "../../shared/js/strings.js";
import { getJson } from "./api.js";

const READ_AT_MOST_EVERY = 2_000;

// Only who may approve sees it.
const badge = document.querySelector("[data-pending]");
let lastRead = -READ_AT_MOST_EVERY;
let timer = 0;

/** Tasks that began to wait, and those that ceased to, by a frame's events. */
export function follow({ events }) {
  if (!badge) return;
  const changes = events.map(({ from, to }) => (to === "pending") - (from === "pending"));
  if (changes.every((change) => !change)) return;
  show(Math.max(0, changes.reduce((sum, one) => sum + one, Number(badge.dataset.pending))));
  read();
}

export function read() {
  if (!badge) return;
  timer ||= setTimeout(readNow, Math.max(0, lastRead + READ_AT_MOST_EVERY - performance.now()));
}

async function readNow() {
  timer = 0;
  lastRead = performance.now();
  try {
    show((await getJson(badge.dataset.read)).totalTasks);
  } catch {
    // The feed says that the connection is lost, and reads again.
  }
}

function show(total) {
  badge.dataset.pending = total;
  badge.hidden = !total;
  const text = formatNumber(total);
  if (badge.firstChild.data !== text) badge.firstChild.data = text;
}
