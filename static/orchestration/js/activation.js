// The activation is a form on the page; here it becomes a dialog over it.

export function watchActivation() {
  const dialog = document.getElementById("activation");
  if (!dialog) return;
  // Not by `close`, whose event would come late and close what was just opened.
  dialog.removeAttribute("open");
  dialog.showModal();
  // Closed, it is a state of the page without it.
  dialog.addEventListener("close", leave);
  dialog.querySelector("[data-close]")?.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.querySelector("form").addEventListener("submit", (event) => {
    // Twice pressed is once meant.
    if (dialog.dataset.sent) event.preventDefault();
    dialog.dataset.sent = "true";
  });
  addEventListener("pageshow", () => delete dialog.dataset.sent);
}

function leave() {
  document.getElementById("activation").remove();
  const address = new URL(location.href);
  address.searchParams.delete("activate");
  address.hash = "";
  history.replaceState(null, "", address);
  document.getElementById("open-activation")?.focus();
}
