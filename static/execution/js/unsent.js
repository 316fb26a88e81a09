// What was written for an action that has not been done, for when it is asked for again: also once
// the session has ended and one has signed in anew. One at a time, in this tab, for who wrote it.

import { data } from "./page-data.js";

const KEY = "nexo.unsent";

/** `about` is the task's id, or those of several. */
export function keepWords(about, name, words) {
  sessionStorage.setItem(KEY, JSON.stringify({ me: data.me, about, name, words }));
}

export function keptWords(about, name) {
  const kept = JSON.parse(sessionStorage.getItem(KEY));
  if (!kept) return "";
  const isIt = kept.me === data.me && kept.about === about && kept.name === name;
  return isIt ? kept.words : "";
}

/** It was done: whoever asks for it again has another reason. */
export function forgetWords(about) {
  if (JSON.parse(sessionStorage.getItem(KEY))?.about === about) sessionStorage.removeItem(KEY);
}
