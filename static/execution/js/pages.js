// Pages that the server draws, read by a script.

import { ApiError, fetchRead } from "./api.js";
import { learnTime } from "./clock.js";
import { data } from "./page-data.js";

const TOKEN = "[name=csrfmiddlewaretoken]";

/**
 * The page as it is now; an expired session answers with the sign-in page instead. Where it is
 * another person's, this one begins anew: what was drawn for one is never used by the next.
 */
export async function readPage(address = location.href) {
  const response = await fetchRead(address, "text/html");
  if (response.redirected && new URL(response.url).pathname === data.loginUrl) {
    throw new ApiError(401, null, null);
  }
  if (!response.ok) throw new ApiError(response.status, null, response.headers.get("X-Request-Id"));
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = pageDataOf(page);
  learnTime((fresh.snapshot ?? fresh).timestamp);
  if (fresh.me !== data.me) {
    location.reload();
    return new Promise(() => {});
  }
  takeToken(page);
  return page;
}

/** Who has signed in anew sends another token than the page was drawn with. */
function takeToken(page) {
  const { value } = page.querySelector(TOKEN);
  for (const field of document.querySelectorAll(TOKEN)) field.value = value;
}

export function pageDataOf(page) {
  return JSON.parse(page.getElementById("page-data").textContent);
}
