// Forms and steps of the overview, taken without leaving it: the server draws the page that follows
// and its parts are put in. Where no answer comes, the page stays and says what is known.

import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { ApiError, whileLate } from "../../execution/js/api.js";
import { data } from "../../execution/js/page-data.js";
import { readPage } from "../../execution/js/pages.js";
import { replaceParts } from "../../execution/js/parts.js";
import { sayRefusal } from "../../execution/js/refusals.js";

// A form that cannot be carried out as it is comes back with its faults.
const BAD_FORM = 400;

/** Send the form as the browser would; answers the page that follows, null when why not is said. */
export async function sendForm(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  return whileBusy(button, "overview.unknown", async () => {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "text/html" },
      body,
    });
    const isSignIn = new URL(response.url).pathname === data.loginUrl;
    if (isSignIn) throw new ApiError(401, null, null);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!response.ok && response.status !== BAD_FORM) {
      const refused = page.querySelector("[data-code]")?.dataset;
      throw new ApiError(response.status, refused, response.headers.get("X-Request-Id"));
    }
    return page;
  });
}

/** Follow a link that asks something; answers its page, null when why not is said. */
export function openStep(link) {
  return whileBusy(link, "overview.unread", () => readPage(link.href));
}

async function whileBusy(button, unanswered, step) {
  // Twice pressed is once meant.
  if (button.getAttribute("aria-busy") === "true") return null;
  button.setAttribute("aria-busy", "true");
  let late = null;
  const sayLate = (isLate) => {
    late?.remove();
    late = isLate ? toast(t("action.late"), { stays: true, tone: "amber" }) : null;
  };
  try {
    return await whileLate(step(), sayLate);
  } catch (error) {
    if (error.status === undefined) toast(t(unanswered), { error: true });
    else sayRefusal(error);
    return null;
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** Show what the page that follows has in its parts, and what it says of what was done. */
export function showOutcome(page) {
  // Before what is new is shown: a page that is paused holds something older.
  document.dispatchEvent(new Event("outcome"));
  replaceParts(page);
  for (const said of page.querySelectorAll("#toasts .toast")) {
    toast(said.textContent.trim(), { error: said.dataset.tone === "red" });
  }
}

/** Forms marked `data-stays`, now and in every later drawing of their part. */
export function watchForms() {
  document.addEventListener("submit", async (event) => {
    if (!event.target.matches("[data-stays]")) return;
    event.preventDefault();
    const place = event.target.closest("[id]")?.id;
    const page = await sendForm(event.target, event.submitter);
    if (!page) return;
    event.target.closest("details")?.removeAttribute("open");
    showOutcome(page);
    // What had the focus may have given way to what undoes it.
    if (document.activeElement === document.body) {
      document.getElementById(place)?.querySelector("[data-lands]")?.focus();
    }
  });
}
