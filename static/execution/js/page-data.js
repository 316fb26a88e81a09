// What the server tells the scripts about this page: names, addresses, the first snapshot.

export const data = JSON.parse(document.getElementById("page-data").textContent);

export function taskAddress(taskId) {
  return data.taskUrl + encodeURIComponent(taskId);
}
