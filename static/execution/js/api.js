// The API as the scripts call it; errors carry what the envelope says.

import { learnTime } from "./clock.js";
import { data } from "./page-data.js";

const LARGEST_PAGE = 500;
// A read that takes longer is given up: whoever waits is told, and another one is begun.
const READ_WITHIN = 10_000;
// After this long without an answer people want to know that it is being waited for.
const LATE = 8_000;

/** `sentence` is the server's, for people; null where the answer had none. */
export class ApiError extends Error {
  constructor(status, body, requestId) {
    super(`HTTP ${status}`);
    this.sentence = body?.error ?? null;
    this.status = status;
    this.code = body?.code ?? null;
    this.details = body?.details ?? null;
    this.requestId = requestId;
  }
}

async function answer(response) {
  const isJson = response.headers.get("Content-Type")?.includes("json");
  const body = isJson ? await response.json() : null;
  if (body?.timestamp) learnTime(body.timestamp);
  if (response.ok && body) return body;
  const status = response.redirected ? 401 : response.status;
  throw new ApiError(status, body, response.headers.get("X-Request-Id"));
}

/** Read what changes nothing; no answer in time is no answer. */
export function fetchRead(url, accept) {
  return fetch(url, { headers: { Accept: accept }, signal: AbortSignal.timeout(READ_WITHIN) });
}

export async function getJson(url) {
  return answer(await fetchRead(url, "application/json"));
}

/** Await `change`; `say(true)` when its answer is late, `say(false)` once that is over. */
export async function whileLate(change, say) {
  const timer = setTimeout(() => say(true), LATE);
  try {
    return await change;
  } finally {
    clearTimeout(timer);
    say(false);
  }
}

function writing(headers = {}) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  return { Accept: "application/json", "X-CSRFToken": token, ...headers };
}

/** A page's own form, answered as JSON. */
export async function postForm(address, body) {
  return answer(await fetch(address, { method: "POST", headers: writing(), body }));
}

export async function postJson(url, body, method = "POST") {
  const headers = writing({ "Content-Type": "application/json" });
  return answer(await fetch(url, { method, headers, body: JSON.stringify(body) }));
}

/** Approve, reject, retry, cancel or sync. */
export function postCommand(taskId, command, body) {
  return postJson(`${data.apiUrl}/${encodeURIComponent(taskId)}/${command}`, body);
}

export function listPage(cursor, limit = data.pageSize) {
  const query = new URLSearchParams(data.apiQuery);
  query.set("limit", limit);
  if (cursor) query.set("cursor", cursor);
  return getJson(`${data.apiUrl}?${query}`);
}

/** At least the first `count` tasks of the list, in as few pages as the API allows. */
export async function listFromTop(count) {
  const first = await listPage(data.cursor, Math.min(count, LARGEST_PAGE));
  const tasks = first.tasks;
  let { nextCursor } = first;
  while (nextCursor && tasks.length < count) {
    const page = await listPage(nextCursor, Math.min(count - tasks.length, LARGEST_PAGE));
    tasks.push(...page.tasks);
    nextCursor = page.nextCursor;
  }
  return { ...first, tasks, nextCursor };
}
