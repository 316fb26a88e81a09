// Nobody loses the page to the browser's own error page. Where the server may be out of reach, a
// link is followed, and a form is sent, only once the server has answered.

import { t } from "./strings.js";
import { toast } from "./toasts.js";

const ANSWER_WITHIN = 3_000;
let passes = false;

/** Whether there is a reason to ask: the browser has no network, or what is shown is called old. */
function isInDoubt() {
  return !navigator.onLine || document.body.classList.contains("is-old");
}

async function isReachable() {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN);
    return (await fetch("/healthz", { method: "HEAD", cache: "no-store", signal })).ok;
  } catch {
    return false;
  }
}

async function guard(event, leave) {
  event.preventDefault();
  if (await isReachable()) leave();
  else toast(t("unreachable"), { error: true, untilLive: true });
}

/** The link that would take this page away; none for another tab, a download, a place in here. */
function leavingLink(event) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return null;
  const link = event.target.closest("a[href]");
  if (!link || link.origin !== location.origin || link.target || link.hasAttribute("download")) {
    return null;
  }
  const isPlace = link.hash && link.href.split("#")[0] === location.href.split("#")[0];
  return isPlace ? null : link;
}

// On the window: what the page's own scripts do without leaving it has been done by then.
export function guardLeaving() {
  addEventListener("click", (event) => {
    if (event.defaultPrevented || !isInDoubt()) return;
    const link = leavingLink(event);
    if (link) guard(event, () => location.assign(link.href));
  });
  addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (event.defaultPrevented || passes || !isInDoubt()) return;
    if (form.method === "dialog" || form.target) return;
    guard(event, () => {
      passes = true;
      form.requestSubmit(submitter);
      passes = false;
    });
  });
}
