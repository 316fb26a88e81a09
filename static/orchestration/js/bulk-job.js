// A bulk job's page reads itself again while the job runs.

import { readPage, replaceParts } from "../../execution/js/parts.js";

const READ_EVERY = 2_000;

function isRunning() {
  return document.querySelector("[data-job-state]").dataset.jobState !== "done";
}

async function read() {
  if (!document.hidden) {
    try {
      replaceParts(await readPage());
    } catch {
      // What stands here is as old as the last answer; the next is asked for all the same.
    }
  }
  if (isRunning()) setTimeout(read, READ_EVERY);
}

if (isRunning()) setTimeout(read, READ_EVERY);
