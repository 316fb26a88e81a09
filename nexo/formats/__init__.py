"""Where Django's own forms of dates and times are not those of the pages."""
