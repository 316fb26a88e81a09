"""What Prometheus is told of the live feed."""

from prometheus_client import Counter, Gauge

SOCKETS = Gauge("nexo_feed_sockets", "Open sockets.", multiprocess_mode="livesum")
FRAMES = Counter("nexo_feed_frames", "Frames of changes sent.")
RESETS = Counter("nexo_feed_resets", "Sockets told to read the snapshot again.")
LAG = Gauge(
    "nexo_feed_lag_seconds",
    "From the newest doorbell, rung after a commit, to its frame.",
    multiprocess_mode="livemax",
)
