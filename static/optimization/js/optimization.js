// The optimization page, kept true by the feed: what ended or was decided makes it read itself
// again, at most every two seconds.

import { readPage, pageDataOf, replaceParts } from "../../execution/js/parts.js";
import { Feed } from "../../execution/js/feed.js";
import { announce, Indicator, showHalt } from "../../execution/js/indicator.js";
import { data } from "../../execution/js/page-data.js";
import { t } from "../../shared/js/strings.js";
import { toast } from "../../shared/js/toasts.js";
import { drawCharts } from "./charts.js";
import { watchWeights } from "./weights.js";

const SOCKET_PATH = "/ws/marketplace/tasks/execution/";
const TICK = 1_000;
const READ_AT_MOST_EVERY = 2_000;
// Reports of progress change no score.
const FACTS = ["created", "approved", "started", "completed", "failed", "undone", "retried"];

const refreshButton = document.getElementById("refresh");
const indicator = new Indicator();
let lastRead = Date.now();
let timer = 0;

const feed = new Feed({
  path: SOCKET_PATH,
  position: data,
  read: async () => {
    const page = await readPage();
    return { ...pageDataOf(page), page };
  },
  on: {
    frame: ({ events }) => events.some(({ kind }) => FACTS.includes(kind)) && readSoon(),
    summary: () => {},
    snapshot: show,
    state: changeState,
    epoch: () => location.reload(),
  },
});

function readSoon() {
  const wait = Math.max(0, lastRead + READ_AT_MOST_EVERY - Date.now());
  timer ||= setTimeout(() => {
    timer = 0;
    feed.refresh();
  }, wait);
}

function show(snapshot) {
  lastRead = Date.now();
  replaceParts(snapshot.page);
  drawCharts(snapshot.charts);
}

function showFreshness() {
  indicator.show({ state: feed.state, freshAt: feed.freshAt });
}

function changeState(state, before) {
  showFreshness();
  showHalt(state);
  const isOld = !["live", "connecting"].includes(state);
  document.body.classList.toggle("is-old", isOld);
  if (isOld && before === "live") announce(t("announce.lost"));
  if (state === "live" && before !== "connecting") announce(t("announce.live"));
}

refreshButton.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  refreshButton.setAttribute("aria-busy", "true");
  const wasRead = await feed.refresh();
  refreshButton.removeAttribute("aria-busy");
  if (!wasRead && !feed.hasEnded) toast(t("readFailed"), { error: true });
});
setInterval(showFreshness, TICK);

drawCharts(data.charts);
watchWeights();
showFreshness();
feed.start();
