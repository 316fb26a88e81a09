// After midnight "Today" is another day: the list is still of the one before, and only a new page is
// of the new one.

import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { now } from "./clock.js";
import { data } from "./page-data.js";

export function hasTurned() {
  return data.turnsAt !== null && now() >= Date.parse(data.turnsAt);
}

export function sayTurned() {
  const action = { label: t("reload"), act: () => location.reload() };
  toast(t("turned"), { action, stays: true, tone: "amber" });
}
