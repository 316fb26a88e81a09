"""Task logs of other systems, read from CSV: docs/howto/import.md says what is expected of them."""
