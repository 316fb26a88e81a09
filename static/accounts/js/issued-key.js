// Copy a new token's key. The admin's pages have no toasts: what came of it is said beside the button.

const button = document.querySelector("[data-copy]");
const said = document.getElementById("copied");

async function copy() {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    said.textContent = said.dataset.copied;
  } catch {
    getSelection().selectAllChildren(document.getElementById("issued-key"));
    said.textContent = said.dataset.notCopied;
  }
}

if (button) {
  button.hidden = false;
  button.addEventListener("click", copy);
}
