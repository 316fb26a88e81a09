// What the server tells the scripts about this page: names, addresses, the first snapshot.

export const data = JSON.parse(document.getElementById("page-data").textContent);

export function taskAddress(taskId) {
  return data.taskUrl + encodeURIComponent(taskId);
}

/** Where one signs in, and comes back to this page. */
export function signInAddress() {
  return `${data.loginUrl}?next=${encodeURIComponent(location.pathname + location.search)}`;
}
