"""The same product as tutorials build it, on its own tables: what the effort is compared with.

A stock Channels consumer in a group, a ModelSerializer viewset, a page that reads the list every
five seconds; nothing of the product's own but its models, its sign-in's rows and its database
settings (without those a third of the writes fail on SQLite). What a good hand adds is there: the
targets come in one more query, not one per row.
"""
