// Pages that the server draws, read by a script.

import { ApiError, fetchRead } from "./api.js";
import { data } from "./page-data.js";

/** The page as it is now; an expired session answers with the sign-in page instead. */
export async function readPage(address = location.href) {
  const response = await fetchRead(address, "text/html");
  if (response.redirected && new URL(response.url).pathname === data.loginUrl) {
    throw new ApiError(401, null, null);
  }
  if (!response.ok) throw new ApiError(response.status, null, response.headers.get("X-Request-Id"));
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

export function pageDataOf(page) {
  return JSON.parse(page.getElementById("page-data").textContent);
}
