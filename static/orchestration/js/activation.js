// The activation is a form on the page; here it becomes a dialog over it, step by step.

import { openStep, sendForm, showOutcome } from "./forms.js";

export function watchActivation() {
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-activate]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const page = await openStep(link);
    const dialog = page?.getElementById("activation");
    if (!dialog) return;
    document.getElementById("activation")?.remove();
    document.querySelector(".figures").before(dialog);
    setStep(true);
    show(dialog);
  });
  const drawn = document.getElementById("activation");
  if (drawn) show(drawn);
}

function show(dialog) {
  // Not by `close`, whose event would come late and close what was just opened.
  dialog.removeAttribute("open");
  dialog.showModal();
  // Closed, it is a state of the page without it.
  dialog.addEventListener("close", () => leave(dialog));
  dialog.addEventListener("click", (event) => turn(event, dialog));
  dialog.addEventListener("submit", (event) => send(event, dialog));
}

async function turn(event, dialog) {
  const link = event.target.closest("[data-close], [data-back]");
  if (!link) return;
  event.preventDefault();
  if (link.matches("[data-close]")) dialog.close();
  else take(await openStep(link), dialog);
}

async function send(event, dialog) {
  event.preventDefault();
  const page = await sendForm(event.target, event.submitter);
  if (!page) return;
  if (!dialog.open) {
    // Whoever has left meanwhile has to know what was done all the same.
    if (!page.getElementById("activation")) showOutcome(page);
    return;
  }
  if (take(page, dialog)) return;
  // No further step: it is done. Shown once the dialog has been left, which takes the focus too.
  dialog.addEventListener("close", () => showPlan(page));
  dialog.close();
}

function showPlan(page) {
  showOutcome(page);
  const plan = document.getElementById("plan");
  plan.scrollIntoView({ block: "nearest" });
  plan.focus({ preventScroll: true });
}

/** Show the next step's content in the dialog; whether the page has one. */
function take(page, dialog) {
  const next = page?.getElementById("activation");
  if (!next) return false;
  for (const child of [...dialog.childNodes]) if (!isTold(child)) child.remove();
  dialog.prepend(...next.childNodes);
  dialog.querySelector("[autofocus]")?.focus();
  return true;
}

/** What was said while the dialog is open stands in it, and stays. */
const isTold = ({ id }) => id === "toasts" || id === "announcer";

function leave(dialog) {
  dialog.remove();
  setStep(false);
  document.getElementById("open-activation")?.focus();
}

function setStep(isOpen) {
  const address = new URL(location.href);
  if (isOpen) address.searchParams.set("activate", "1");
  else address.searchParams.delete("activate");
  address.hash = "";
  history.replaceState(null, "", address);
}
