// The list's tasks as the page knows them, for every script of the page.

import { data } from "./page-data.js";
import { Store } from "./store.js";

export const store = new Store({ filters: data.filters, pageSize: data.pageSize });
store.load(data.snapshot);
