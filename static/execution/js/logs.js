// The log of a task, line by line over a socket of its own. Whatever happens to the socket, the next
// one begins after the last line shown: no gap, nothing twice.

import { backoff, SILENCE } from "./feed.js";

const CLOSED_FOR_GOOD = [4401, 4403, 4404];
// While nobody reads further up, older lines make room; the API has them all.
const MOST_LINES = 2_000;

export class Logs {
  #socket = null;
  #attempt = 0;
  #timer = 0;
  #isPaused = false;
  #hasEnded = false;

  /** `place` holds the lines, `template` is one; `follow` is a checkbox. */
  constructor({ place, template, follow, path, cursor, levels, zone }) {
    this.place = place;
    this.template = template;
    this.follow = follow;
    this.path = path;
    this.cursor = cursor;
    this.levels = levels;
    // As the server writes them, in every language.
    const digits = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: zone };
    const exact = { ...digits, day: "2-digit", month: "2-digit", year: "numeric" };
    this.exact = new Intl.DateTimeFormat("en-GB", exact);
  }

  start() {
    this.#connect();
    this.#showFollowing();
    this.follow.addEventListener("change", () => this.#showFollowing());
    // Whoever scrolls up reads; whoever is at the end again follows.
    this.place.addEventListener("scroll", () => {
      if (this.follow.checked === this.#isAtEnd() || this.#isBehind) return;
      this.follow.checked = !this.follow.checked;
      this.#showFollowing({ scroll: false });
    });
    addEventListener("online", () => this.#connect());
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
  }

  /** Who it was closed to may watch again. */
  goOn() {
    this.#hasEnded = false;
    this.#connect();
  }

  /** A paused log asks for nothing; on resuming it gets what it missed. */
  setPaused(value) {
    this.#isPaused = value;
    if (value) this.#drop();
    else this.#connect();
  }

  /** The lines of a page that was read meanwhile, as far as they follow on from those shown. */
  take(lines) {
    const isWhole = lines.length && Number(lines[0].dataset.id) <= this.cursor;
    const isFirst = this.place.querySelector("[data-empty]") !== null;
    if (!isWhole && !isFirst) return;
    this.#append(lines.filter((line) => Number(line.dataset.id) > this.cursor));
  }

  // -- socket -----------------------------------------------------------------------------------

  #connect() {
    clearTimeout(this.#timer);
    if (this.#socket || this.#isPaused || this.#hasEnded) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}?after=${this.cursor}`);
    this.#socket = socket;
    let watchdog = 0;
    const heard = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => socket === this.#socket && this.#lost(), SILENCE);
    };
    heard();
    socket.addEventListener("message", (event) => {
      if (socket !== this.#socket) return;
      heard();
      this.#attempt = 0;
      const message = JSON.parse(event.data);
      if (message.type === "logs") this.#append(message.logs.map((line) => this.#made(line)));
    });
    socket.addEventListener("close", (event) => {
      clearTimeout(watchdog);
      if (socket !== this.#socket) return;
      this.#hasEnded = CLOSED_FOR_GOOD.includes(event.code);
      this.#lost();
    });
  }

  #lost() {
    this.#drop();
    if (this.#hasEnded || this.#isPaused) return;
    this.#timer = setTimeout(() => this.#connect(), backoff(this.#attempt));
    this.#attempt += 1;
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  // -- lines ------------------------------------------------------------------------------------

  #made({ id, level, message, at }) {
    const line = this.template.content.firstElementChild.cloneNode(true);
    line.dataset.id = id;
    line.dataset.level = level;
    const time = line.querySelector("time");
    time.dateTime = at;
    const [day, clock] = this.exact.format(new Date(at)).split(", ");
    time.title = `${day} ${clock}`;
    time.textContent = `${day.slice(0, 5)} ${clock}`;
    line.querySelector(".log-level").textContent = this.levels[level] ?? level;
    line.querySelector(".words").textContent = message;
    return line;
  }

  #append(lines) {
    const fresh = lines.filter((line) => Number(line.dataset.id) > this.cursor);
    if (!fresh.length) return;
    this.cursor = Number(fresh.at(-1).dataset.id);
    this.place.querySelector("[data-empty]")?.remove();
    this.place.append(...fresh);
    if (!this.follow.checked) return;
    while (this.place.childElementCount > MOST_LINES) this.place.firstElementChild.remove();
    this.#scrollToEnd();
  }

  // -- place ------------------------------------------------------------------------------------

  // Between our own scrolling and the event that it causes, more may have been written.
  #isBehind = false;

  #isAtEnd() {
    return this.place.scrollHeight - this.place.scrollTop - this.place.clientHeight < 8;
  }

  #scrollToEnd() {
    this.#isBehind = true;
    this.place.scrollTop = this.place.scrollHeight;
    requestAnimationFrame(() => requestAnimationFrame(() => (this.#isBehind = false)));
  }

  /** Lines are read out as they come only to those who follow. */
  #showFollowing({ scroll = true } = {}) {
    this.place.setAttribute("aria-live", this.follow.checked ? "polite" : "off");
    if (this.follow.checked && scroll) this.#scrollToEnd();
  }
}
