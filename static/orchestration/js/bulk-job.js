// A bulk job's page reads itself again while the job runs, or is being undone.

import { followPage } from "../../execution/js/follower.js";
import { replaceParts } from "../../execution/js/parts.js";

const isRunning = () => document.querySelector("[data-running]") !== null;

followPage({
  concerns: isRunning,
  isHurried: isRunning,
  show: ({ page }) => replaceParts(page),
});
