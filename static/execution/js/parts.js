// The task page is drawn by the server alone. When something happened, read it again and put in
// the parts that differ: one markup, and never a mixture of old and new within a part.

import { ApiError } from "./api.js";

/** The page as it is now; an expired session answers with the sign-in page instead. */
export async function readPage() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (response.redirected) throw new ApiError(401, null, null);
  if (!response.ok) throw new ApiError(response.status, null, null);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

export function pageDataOf(page) {
  return JSON.parse(page.getElementById("page-data").textContent);
}

/** Put in what differs; a part in which somebody is writing or choosing waits for the next read. */
export function replaceParts(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!fresh || sameContent(part, fresh) || part.querySelector("details[open]")) continue;
    const focused = placeOfFocus(part);
    part.hidden = fresh.hidden;
    part.replaceChildren(...fresh.childNodes);
    focused?.();
  }
}

function sameContent(part, fresh) {
  return withoutTokens(part) === withoutTokens(fresh) && part.hidden === fresh.hidden;
}

/** Every answer masks the CSRF token anew; that alone is no difference. */
function withoutTokens(part) {
  const copy = part.cloneNode(true);
  for (const token of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) token.remove();
  for (const busy of copy.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
  return copy.innerHTML;
}

/** A function that gives the focus back to the element at the same place; null without focus. */
function placeOfFocus(part) {
  const controls = () => [...part.querySelectorAll("a, button, summary, input, [tabindex]")];
  const place = controls().indexOf(document.activeElement);
  return place < 0 ? null : () => controls()[place]?.focus({ preventScroll: true });
}
