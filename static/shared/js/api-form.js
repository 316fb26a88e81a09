// Sends the browsable API's JSON forms with their method, and shows the answer below.

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-api-method]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  const box = form.querySelector(".answer-box");
  button.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.dataset.apiUrl, {
      method: form.dataset.apiMethod,
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
      },
      body: form.elements.body.value,
    });
    show(box, `HTTP ${response.status}\n${pretty(await response.text())}`);
  } catch {
    show(box, form.dataset.unanswered);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(box, text) {
  box.hidden = false;
  box.querySelector("pre").textContent = text;
}
