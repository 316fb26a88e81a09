"""Handlers that the worker's tests run."""

from nexo_agent.handlers import Job


def photo(job: Job) -> dict[str, str]:
    job.log("abri a foto")
    job.progress(60)
    return {"title": job.held.title}


def broken(job: Job) -> None:
    raise RuntimeError("sem estoque")


def patient(job: Job) -> None:
    """Until it is told to stop, however slow the machine is meanwhile."""
    job.wait(600)


def publishes(job: Job) -> None:
    job.agent.send(job.held)
    job.agent.synced(job.held, *job.held.targets)


def reports_until_refused(job: Job) -> None:
    percent = 50
    while not job.wait(0.1):
        percent = 50 + (percent - 49) % 25
        job.progress(percent)
