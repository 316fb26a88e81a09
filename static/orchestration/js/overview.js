// The overview: what changed a task's status makes it read itself again.

import { followPage } from "../../execution/js/follower.js";
import { replaceParts } from "../../execution/js/parts.js";
import { watchActivation } from "./activation.js";
import { watchForms } from "./forms.js";

// Reports from work under way change no count.
const REPORTS = ["progress", "sync", "error", "result", "edited"];

watchActivation();
watchForms();
followPage({
  concerns: (kind) => !REPORTS.includes(kind),
  show: ({ page }) => replaceParts(page),
});
