"""Backups of the whole database, and what brings one back: `manage.py backup` and `restore`."""
