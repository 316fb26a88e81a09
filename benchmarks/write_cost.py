"""Goal 6: what counters, event number, locks and checks add to a write.

The product's own `update_task`, a status change each time, against the bare minimum that leaves the
same trace: one UPDATE and one event row in a transaction, straight through the database's driver.
In one process, on the same database and tables, without a server.
"""

