// How fresh the page is, in words: live, paused, reconnecting or offline, and since when.

import { plural, t } from "../../shared/js/strings.js";
import { ago } from "../../shared/js/times.js";
import { dropUntilLive, reachable, toast } from "../../shared/js/toasts.js";
import { now } from "./clock.js";
import { signInAddress } from "./page-data.js";

const TONES = {
  live: "green",
  paused: "neutral",
  connecting: "neutral",
  reconnecting: "amber",
  noFeed: "amber",
};
const WORDS = { noFeed: "stopped", notAllowed: "stopped" };
// A sentence that is said twice is heard twice only if the place was empty in between.
const BREATH = 100;
const HALTS = ["signedOut", "notAllowed"];

export class Indicator {
  #faces = [...document.querySelectorAll("#live, #live-here")].map((element) => new Face(element));

  /** Where there is a second place, it says the same once the head of the page is out of sight. */
  constructor() {
    const standIn = document.getElementById("live-here");
    if (!standIn) return;
    const watcher = new IntersectionObserver((entries) => {
      standIn.classList.toggle("is-needed", !entries.at(-1).isIntersecting);
    });
    watcher.observe(document.getElementById("live"));
  }

  /** Say the feed's `state` and the age of what is shown; while paused, how many events wait. */
  show({ state, freshAt, paused = false, waiting = 0 }) {
    const shown = paused && (state === "live" || state === "connecting") ? "paused" : state;
    const age = ago(now() - freshAt);
    for (const face of this.#faces) {
      face.show(shown, {
        age: shown === "live" || shown === "paused" ? age : t("live.age", { age }),
        waiting: paused && waiting ? plural("live.waiting", waiting) : "",
      });
    }
  }
}

class Face {
  #element;
  #age;
  #waiting;

  constructor(element) {
    this.#element = element;
  }

  show(state, { age, waiting }) {
    if (this.#element.dataset.state !== state) this.#say(state);
    setText(this.#age, age);
    setText(this.#waiting, waiting);
  }

  /** Another state is another sentence, not the old one moved. */
  #say(state) {
    this.#element.dataset.tone = TONES[state] ?? "red";
    this.#element.dataset.state = state;
    const dot = this.#part("dot");
    dot.className = "dot";
    dot.setAttribute("aria-hidden", "true");
    const word = this.#part("word");
    word.className = "word";
    word.textContent = t(`live.${WORDS[state] ?? state}`);
    this.#age = this.#part("age");
    this.#waiting = this.#part("waiting");
    this.#element.replaceChildren(dot, word, this.#age, this.#waiting);
  }

  #part(name) {
    const part = document.createElement("span");
    part.dataset.field = name;
    return part;
  }
}

/** The feed is in another state: mark what is shown as old, and tell those who hear the page. */
export function tellState(state, before, { isPaused = false } = {}) {
  showHalt(state);
  const isOld = !["live", "connecting"].includes(state);
  document.body.classList.toggle("is-old", isOld);
  if (state === "live") dropUntilLive();
  if (isOld && before === "live") announce(t(isPaused ? "announce.lostPaused" : "announce.lost"));
  if (state === "live" && before !== "connecting") announce(t("announce.live"));
}

/** What ended the feed, and the one thing to do about it. */
function showHalt(state) {
  document.getElementById("halt")?.remove();
  if (!HALTS.includes(state)) return;
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.id = "halt";
  notice.dataset.tone = "red";
  notice.setAttribute("role", "alert");
  const sentence = document.createElement("p");
  sentence.textContent = t(state);
  notice.append(sentence);
  if (state === "signedOut") {
    const link = document.createElement("a");
    link.href = signInAddress();
    link.textContent = t("signIn");
    notice.append(link);
  }
  document.getElementById("content").prepend(notice);
  if (document.querySelector("dialog:modal")) toast(sentence.textContent, { error: true, untilLive: true });
}

/** Speak to those who hear the page: rarely, and only whole sentences. */
export function announce(sentence) {
  const place = document.getElementById("announcer");
  reachable(place);
  place.textContent = "";
  setTimeout(() => (place.textContent = sentence), BREATH);
}

/** A live region tells whatever is written into it, the same once more too. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
