// What time it is by the server, whose instants the page compares it with: the browser's own clock
// may be wrong, and may be put right while the page is open.

import { data } from "./page-data.js";

// More than clocks that are merely kept right differ by.
const LEAP = 2_000;

let start = -Infinity;
let drift = 0;

/** The server's instant of an answer that has just come: it can only be later by now. */
export function learnTime(instant) {
  start = Math.max(start, Date.parse(instant) - performance.now());
}

/** Milliseconds, as `Date.now()` has them. */
export function now() {
  return start + performance.now();
}

/** Whether the computer may have slept since it was last asked: then time has passed uncounted. */
export function mayHaveSlept() {
  const before = drift;
  drift = Date.now() - performance.now();
  return Math.abs(drift - before) > LEAP;
}

learnTime((data.snapshot ?? data).timestamp);
mayHaveSlept();
