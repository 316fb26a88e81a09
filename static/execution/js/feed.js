// The live feed: one socket, resumed where it broke, and the API read meanwhile.
//
// A frame is applied only when it follows on from the last one. Whatever else happens (a gap, a
// silence, a close), the socket is opened again with the number reached so far.

import { mayHaveSlept, now } from "./clock.js";

const FIRST_DELAY = 500;
const LAST_DELAY = 15_000;
const READ_EVERY = 5_000;
// What makes one page start anew makes all of them: their reads are spread over so long.
const SPREAD = 1_000;
// The server speaks at least every 20 s; on a socket that is silent for longer nothing can be called
// live any more. A new one costs little, and loses nothing if the word was only late.
export const SILENCE = 23_000;

// What ended may have been the session, or a right or password only: a read tells.
const CLOSED_IN_DOUBT = 4401;
const NOT_ALLOWED = 4403;
const ENDED_BY = { 401: "signedOut", 403: "notAllowed" };

/** Exponential, capped, and spread so that a restarted server is not stormed. */
export function backoff(attempt, random = Math.random) {
  const longest = Math.min(LAST_DELAY, FIRST_DELAY * 2 ** attempt);
  return longest * (0.5 + random() / 2);
}

export class Feed {
  state = "connecting";
  freshAt = now();
  #socket = null;
  #attempt = 0;
  #timers = new Set();
  #reading = null;
  #next = null;
  #lackedSince = null;
  #hasSocketPath = true;
  #isInDoubt = false;

  /**
   * `position` is {sequence, epoch} of the page's snapshot. `read` gives a new snapshot with its
   * own position, or throws {status}; whether it is the same person's page yet is its to ask where
   * it hears that this `isInDoubt`. `on` hears `state()`, `frame(frame)`, `summary(summary)`,
   * `snapshot(snapshot)` and `epoch()`, which means that the database is another one. What the page
   * counts besides, `count`, is to `follow(frame)` and to `read()` itself where frames leave a gap.
   * While `maySkipReading()` nothing is read, and whether there is a connection is the socket's to
   * tell.
   */
  constructor({ path, position, read, on, count, maySkipReading = () => false }) {
    this.path = path;
    this.sequence = position.sequence;
    this.epoch = position.epoch;
    this.read = read;
    this.on = on;
    this.count = count;
    this.maySkipReading = maySkipReading;
  }

  start() {
    this.#run();
    // A network that went away closes nothing: the socket would only be silent.
    addEventListener("offline", () => this.#reconnectNow());
    addEventListener("online", () => this.#connectNow());
    // A page with an open socket is not kept for "back"; without it the page comes back as it was.
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => event.persisted && this.#connect());
    // Who comes back may have signed in again in another tab.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.hasEnded) this.refresh();
    });
  }

  #run() {
    this.#connect();
    this.#every(READ_EVERY, () => this.#readInTurn());
  }

  get isLive() {
    return this.state === "live";
  }

  get hasEnded() {
    return Object.values(ENDED_BY).includes(this.state);
  }

  /** Read now, whatever the socket does. What is asked for during a read needs one begun later. */
  refresh() {
    if (this.#reading) {
      this.#next ??= this.#reading.then(() => {
        this.#next = null;
        return this.refresh();
      });
      return this.#next;
    }
    this.#reading = this.#read().finally(() => (this.#reading = null));
    return this.#reading;
  }

  /** Of what came after the number `before`, some was not kept: read it, or have it sent again. */
  async catchUp(before) {
    if (await this.refresh()) return;
    this.sequence = before;
    this.#reconnectNow();
  }

  // -- socket -----------------------------------------------------------------------------------

  #connect() {
    if (this.#socket || this.hasEnded) return;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = new URLSearchParams({ since: this.sequence, epoch: this.epoch });
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}?${query}`);
    this.#socket = socket;
    let isAnswered = false;
    let watchdog = 0;
    const heard = () => {
      clearTimeout(watchdog);
      // A socket that was dropped may be long in closing, while the next one is well.
      watchdog = setTimeout(() => socket === this.#socket && this.#reconnectNow(), SILENCE);
    };
    heard();
    socket.addEventListener("open", () => (isAnswered = true));
    socket.addEventListener("message", (event) => {
      if (socket !== this.#socket) return;
      heard();
      this.#receive(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      clearTimeout(watchdog);
      if (socket === this.#socket) this.#closed(event.code, { isAnswered });
    });
  }

  #receive(message) {
    switch (message.type) {
      case "hello":
        this.#attempt = 0;
        this.#fresh("live");
        this.on.summary(message.summary);
        // What the bar was drawn with may be some seconds old.
        this.count.read();
        break;
      case "changes":
        if (message.previous !== this.sequence) {
          this.#reconnectNow();
          return;
        }
        this.sequence = message.sequence;
        this.#fresh("live");
        this.on.frame(message);
        this.on.summary(message.summary);
        this.count.follow(message);
        break;
      case "reset":
        if (message.epoch !== this.epoch) {
          this.on.epoch();
          return;
        }
        this.#startAnew(message.sequence);
        break;
      case "ping":
        if (message.sequence > this.sequence) this.#reconnectNow();
        else this.#fresh("live");
        break;
    }
  }

  /** The socket goes on from `sequence`; what lies before it comes with a read begun after it. */
  #startAnew(sequence) {
    const isToRead = this.#lackedSince !== null;
    this.#lackedSince ??= this.sequence;
    this.sequence = sequence;
    if (isToRead) return;
    this.#after(SPREAD * Math.random(), () => {
      const before = this.#lackedSince;
      this.#lackedSince = null;
      this.catchUp(before);
    });
  }

  #closed(code, { isAnswered = true } = {}) {
    this.#socket = null;
    if (code === NOT_ALLOWED) {
      this.#become("notAllowed");
      return;
    }
    if (code === 4404) this.#hasSocketPath = false;
    if (!isAnswered && this.maySkipReading()) this.#become("offline");
    else if (this.isLive || this.state === "connecting") this.#become("reconnecting");
    if (code === CLOSED_IN_DOUBT) {
      this.#isInDoubt = true;
      this.refresh().then(() => this.hasEnded || this.#connectLater());
    } else this.#connectLater();
  }

  #connectLater() {
    const delay = backoff(this.#attempt);
    this.#attempt += 1;
    if (this.#hasSocketPath) this.#after(delay, () => this.#connect());
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #reconnectNow() {
    this.#drop();
    this.#closed(0);
  }

  /** A socket that was begun on a network that is gone may wait for long. */
  #connectNow() {
    if (!this.isLive) this.#drop();
    this.#connect();
  }

  // -- reading ----------------------------------------------------------------------------------

  /** While the socket is down, and once after a sleep, for what the time is. */
  #readInTurn() {
    const hasSlept = mayHaveSlept();
    if (this.hasEnded || (!hasSlept && (this.isLive || this.maySkipReading()))) return;
    this.refresh();
  }

  async #read() {
    const isInDoubt = this.#isInDoubt || this.hasEnded;
    try {
      const snapshot = await this.read({ isInDoubt });
      if (snapshot.epoch !== this.epoch) {
        this.on.epoch();
        return false;
      }
      // A socket that is open, or opening, counts on from the number it was opened with.
      if (!this.#socket) this.sequence = Math.max(this.sequence, snapshot.sequence);
      this.on.snapshot(snapshot);
      this.count.read();
      if (isInDoubt) this.#isInDoubt = false;
      const goesOn = this.hasEnded;
      this.#fresh(this.isLive ? "live" : this.#hasSocketPath ? "reconnecting" : "noFeed");
      if (goesOn) this.#run();
      return true;
    } catch (error) {
      if (error.status in ENDED_BY) this.#become(ENDED_BY[error.status]);
      else if (!this.isLive && !this.hasEnded) this.#become("offline");
      this.on.readFailed?.(error);
      return false;
    }
  }

  // -- state ------------------------------------------------------------------------------------

  #fresh(state) {
    this.freshAt = now();
    this.#become(state);
  }

  #become(state) {
    const before = this.state;
    this.state = state;
    if (this.hasEnded) {
      this.#drop();
      for (const timer of this.#timers) clearTimeout(timer);
      this.#timers.clear();
      this.#lackedSince = null;
    }
    if (before !== state) this.on.state(state, before);
  }

  #after(delay, act) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delay);
    this.#timers.add(timer);
  }

  #every(delay, act) {
    this.#timers.add(setInterval(act, delay));
  }
}
