// A bulk action on what is selected: see what would happen, say why, watch it happen.

import { postJson, whileLate } from "../../execution/js/api.js";
import { data } from "../../execution/js/page-data.js";
import { readPage } from "../../execution/js/pages.js";
import { refusal as reasonOf, unread } from "../../execution/js/refusals.js";
import { keepWords, keptWords } from "../../execution/js/unsent.js";
import { showsNothing } from "../../shared/js/lines.js";
import { formatNumber, plural, t } from "../../shared/js/strings.js";

const READ_EVERY = 2_000;
const OUTCOME = '[data-part="job"] [data-job-state]';

const byId = (id) => document.getElementById(id);
const bar = byId("bulk-bar");
const dialog = byId("bulk-dialog");
const form = byId("bulk-form");
const result = byId("bulk-result");
const fault = byId("bulk-fault");
const note = byId("bulk-note");
const agent = byId("bulk-agent");
const slot = (parent, name) => parent.querySelector(`[data-field="${name}"]`);

// -- Before ----------------------------------------------------------------------------------------

let action = "";
// What is selected, how many that is, and what words about it are kept under.
let picks = null;
let count = () => 0;
let about = "";
// What the preview counted: the order is about exactly these tasks, whatever matches later.
let selectionId = null;

export function openOrder(button, selected) {
  ({ picks, count, about } = selected);
  action = button.dataset.bulk;
  const confirm = slot(form, "confirm");
  const isDestructive = button.classList.contains("danger");
  confirm.classList.toggle("danger", isDestructive);
  confirm.classList.toggle("primary", !isDestructive);
  offer(true);
  byId("bulk-effect").hidden = false;
  form.hidden = false;
  result.hidden = true;
  note.value = keptWords(about, action);
  fault.textContent = "";
  dialog.showModal();
  (action === "assign" ? agent : note).focus();
  preview();
}

/** Nothing is asked for where nothing can be done. */
function offer(isOffered) {
  slot(form, "agent-field").hidden = !isOffered || action !== "assign";
  slot(form, "note-field").hidden = slot(form, "confirm").hidden = !isOffered;
  if (!isOffered) slot(form, "back").focus();
}

function order(fields) {
  return { action, ...selection(), ...fields };
}

function selection() {
  if (!picks.isAll) return { taskIds: [...picks.ids] };
  if (selectionId) return { selectionId };
  return { filter: Object.fromEntries(new URLSearchParams(data.apiQuery)) };
}

/** Title and button say how many tasks would change, once that is known and where any would. What
    would come of it goes by what is selected until then. */
function name(willChange) {
  const bare = bar.querySelector(`[data-bulk="${action}"]`).dataset.title;
  const title = willChange ? plural(`bulk.title.${action}`, willChange) : bare;
  byId("bulk-title").textContent = title;
  byId("bulk-effect").textContent = plural(`bulk.effect.${action}`, willChange || count());
  slot(form, "confirm").textContent = title;
}

async function preview() {
  const confirm = slot(form, "confirm");
  const asked = action;
  confirm.disabled = true;
  selectionId = null;
  name(0);
  say(t("bulk.asking"));
  try {
    const answer = postJson(bar.dataset.api, order({ dryRun: true }));
    const told = await whileLate(answer, (isLate) => isLate && say(t("action.late")));
    if (asked !== action || !dialog.open) return;
    selectionId = told.selectionId;
    name(told.done);
    say(foretold(told), told.refused);
    confirm.disabled = !told.done;
    if (told.done) return;
    // No word of what would come of it beside that it cannot be done.
    byId("bulk-effect").hidden = true;
    offer(false);
  } catch (error) {
    if (asked !== action || !dialog.open) return;
    say(whyUnasked(error));
    if (mayWorkLater(error)) slot(form, "preview").append(again());
  }
}

function foretold({ done, total: asked }) {
  if (!done) return plural("bulk.none", asked);
  const values = { done: formatNumber(done), total: formatNumber(asked) };
  return plural(done === asked ? "bulk.willAll" : "bulk.will", done, values);
}

function whyUnasked(error) {
  if (isSaid(error)) return t("bulk.refused", { error: sentence(error) });
  return error.status === undefined ? t("bulk.unasked") : unread(error);
}

/** What is wrong with the order itself is so the next time too. */
function mayWorkLater({ status }) {
  return status === undefined || status === 429 || status >= 500;
}

/** Whether the server's own sentence is about this order; the rest has words of the page's. */
function isSaid({ status, sentence: told }) {
  return [400, 409].includes(status) && told !== null;
}

function again() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = t("again");
  button.addEventListener("click", () => {
    // The button goes with what it is about.
    note.focus();
    preview();
  });
  return button;
}

function say(sentence, refused = []) {
  const line = document.createElement("p");
  line.textContent = sentence;
  const parts = [line];
  if (refused.length) {
    const list = document.createElement("ul");
    list.className = "bulk-refusals";
    list.append(...refused.map(refusal));
    parts.push(list);
  }
  slot(form, "preview").replaceChildren(...parts);
}

function refusal({ code, count: refused }) {
  const item = document.createElement("li");
  const number = document.createElement("strong");
  number.textContent = plural("bulk.tasks", refused);
  item.append(number, `: ${plural(`bulk.code.${code}`, refused)}`);
  return item;
}

// -- The order -------------------------------------------------------------------------------------

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const confirm = slot(form, "confirm");
  if (confirm.disabled || !isComplete()) return;
  confirm.disabled = true;
  confirm.setAttribute("aria-busy", "true");
  const fields = { reason: note.value.trim() };
  if (action === "assign") fields.agentId = agentId(agent.value.trim());
  try {
    const answer = postJson(bar.dataset.api, order(fields));
    const { jobId } = await whileLate(answer, (isLate) => {
      fault.textContent = isLate ? t("action.late") : "";
    });
    watch(jobId, confirm.textContent);
  } catch (error) {
    fault.textContent = whyNot(error);
    confirm.disabled = false;
  }
  confirm.removeAttribute("aria-busy");
});

function whyNot(error) {
  if (isSaid(error)) return t("bulk.refused", { error: sentence(error) });
  const isUnknown = error.status === undefined || (error.status >= 500 && error.status !== 503);
  return isUnknown ? t("bulk.unknown") : reasonOf(error);
}

/** What is wrong, without the name that programs know the field by. */
function sentence({ details, code, sentence: told }) {
  return code === "validation_error" ? Object.values(details)[0][0] : told;
}

/** People know agents by their names. */
function agentId(text) {
  const name = text.toLowerCase();
  const found = Object.entries(data.agents).find(([, known]) => known.toLowerCase() === name);
  return found?.[0] ?? text;
}

function isComplete() {
  const missing = action === "assign" && !agent.value.trim() ? agent : null;
  const field = missing ?? (showsNothing(note.value) ? note : null);
  agent.setAttribute("aria-invalid", String(field === agent));
  note.setAttribute("aria-invalid", String(field === note));
  fault.textContent = field ? t(field === agent ? "bulk.needsAgent" : "bulk.needsNote") : "";
  field?.focus();
  return !field;
}

note.addEventListener("input", () => keepWords(about, action, note.value));
slot(form, "back").addEventListener("click", () => dialog.close());

// -- While it runs, and after ----------------------------------------------------------------------

let watched = "";

function watch(jobId, title) {
  watched = bar.dataset.page.replace(/0$/, encodeURIComponent(jobId));
  form.hidden = true;
  result.hidden = false;
  slot(result, "title").textContent = title;
  slot(result, "page").href = watched;
  slot(result, "outcome").replaceChildren();
  slot(result, "fault").textContent = "";
  slot(result, "title").focus();
  picks.pickShown(false);
  read(watched);
}

/** The outcome as the job's own page has it, again and again until the job is done. */
async function read(address) {
  let isDone = false;
  try {
    const fresh = (await readPage(address)).querySelector(OUTCOME);
    if (address !== watched || !dialog.open) return;
    const shown = slot(result, "outcome");
    if (shown.firstElementChild?.outerHTML !== fresh.outerHTML) shown.replaceChildren(fresh);
    isDone = fresh.dataset.jobState === "done";
    slot(result, "fault").textContent = "";
  } catch {
    slot(result, "fault").textContent = t("bulk.unread");
  }
  if (!isDone && dialog.open) setTimeout(() => read(address), READ_EVERY);
}

slot(result, "close").addEventListener("click", () => dialog.close());
