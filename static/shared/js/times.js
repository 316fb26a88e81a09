// Instants and durations as people read them; the server's templates say the same.

import { language, t } from "./strings.js";

// Business time, wherever the browser is: two people must read the same hour.
const ZONE = document.documentElement.dataset.zone || "America/Sao_Paulo";

const formats = new Map();

function format(name, options) {
  if (!formats.has(name)) {
    formats.set(name, new Intl.DateTimeFormat(language(), { timeZone: ZONE, ...options }));
  }
  return formats.get(name);
}

export function exact(instant) {
  const date = new Date(instant);
  const day = format("day", { day: "2-digit", month: "2-digit", year: "numeric" }).format(date);
  return `${day} ${clockTime(date)}`;
}

function clockTime(date) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return format("time", options).format(date);
}

/** The hour today, else day and hour. */
export function short(instant) {
  const date = new Date(instant);
  const options = { day: "2-digit", month: "2-digit" };
  const day = format("short-day", options).format(date);
  if (day === format("short-day", options).format(new Date())) return clockTime(date);
  const hour = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return `${day} ${format("hour", hour).format(date)}`;
}

/** "há 2 s", "há 3 min": for what is younger than a day. */
export function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return t("ago.seconds", { count: seconds });
  if (seconds < 3600) return t("ago.minutes", { count: Math.floor(seconds / 60) });
  return t("ago.hours", { count: Math.floor(seconds / 3600) });
}

/** How long something took: what took no whole minute did not take none. */
export function span(value) {
  return value ? minutes(value) : "<1min";
}

/** Minutes up to 60, then hours; a whole hour prints without minutes (CONTRACT 2). */
export function minutes(value) {
  if (value <= 60) return `${value}min`;
  const hours = Math.floor(value / 60);
  const rest = value % 60;
  return rest ? `${hours}h ${rest}min` : `${hours}h`;
}
