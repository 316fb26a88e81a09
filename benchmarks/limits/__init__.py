"""What the product is compared with: servers that do the same work without a framework."""

# Where the limit of the tasks finds its database: a SQLite file or a PostgreSQL URL.
DATABASE_VARIABLE = "NEXO_BENCHMARK_DATABASE"
