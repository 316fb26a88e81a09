class BackupFailed(Exception):
    """A sentence for whoever ran the command; nothing has been changed."""
