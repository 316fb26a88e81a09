"""Portuguese: dates in figures, as every list and timeline writes them, in the admin too."""

DATE_FORMAT = "d/m/Y"
DATETIME_FORMAT = "d/m/Y H:i"
