// Ages and durations as people read them; the server's templates say the same.

import { t } from "./strings.js";

/** "há 2 s", "há 3 min": for what is younger than a day. */
export function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return t("ago.seconds", { count: seconds });
  if (seconds < 3600) return t("ago.minutes", { count: Math.floor(seconds / 60) });
  return t("ago.hours", { count: Math.floor(seconds / 3600) });
}

/** By how much a task is late: less than a minute is not nothing. */
export function span(value) {
  return value ? minutes(value) : t("row.over.barely");
}

/** Minutes up to 60, then hours; a whole hour prints without minutes (docs/reference/lifecycle.md). */
export function minutes(value) {
  if (value <= 60) return `${value}min`;
  const hours = Math.floor(value / 60);
  const rest = value % 60;
  return rest ? `${hours}h ${rest}min` : `${hours}h`;
}
