// Why something was not done or could not be read, and what to do about it.

import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { data, signInAddress } from "./page-data.js";

// The same may work in a moment; done twice it cannot be, for it names the version it is about.
const UNAVAILABLE = 503;
// Of a page that was drawn before somebody signed in anew.
const STALE = "csrf_failed";

/** Say why something was not done, and offer what helps: signing in, or the same `again`. */
export function sayRefusal(error, again = null) {
  const action = remedy(error, again);
  toast(refusal(error), { error: true, action, untilLive: error.status === 401 });
}

function remedy({ status, code }, again) {
  if (code === STALE) return { label: t("reload"), act: () => location.reload() };
  if (status === 401) return { label: t("signIn"), href: signInAddress() };
  return status === UNAVAILABLE && again ? { label: t("again"), act: again } : null;
}

/** Why something could not be read: nothing was to be done, so nothing is in doubt. */
export function unread(error) {
  if (error.status === undefined || error.status === UNAVAILABLE) return t("unreachable");
  const request = error.requestId ?? "–";
  return error.status >= 500 ? t("read.broken", { request }) : refusal(error);
}

/** Why something was not done, and what to do about it. */
export function refusal(error) {
  if (error.code === "own_task") return error.sentence;
  if (error.code === STALE) return t("action.stale");
  switch (error.status) {
    case undefined:
      return t("action.network");
    case 401:
      return t("signedOut");
    case 403:
      return t("action.forbidden");
    case 404:
      return t("action.gone");
    case 409:
      if (error.code !== "invalid_transition") return t("action.conflict");
      return t("action.illegal", { status: data.statuses[error.details.from] });
    case 429:
      return t("action.throttled");
  }
  // The server knows whether anything can have been changed; what stands before it does not.
  if (error.status === UNAVAILABLE) return error.sentence ?? t("action.unavailable");
  const request = error.requestId ?? "–";
  if (error.status >= 500 || !error.sentence) return t("action.broken", { request });
  return t("action.refused", { error: error.sentence, request });
}
