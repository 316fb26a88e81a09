# The image that serves NEXO: uvicorn workers, hashed static files, no root, no compiler.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
WORKDIR /app
COPY requirements.txt requirements-sentry.txt requirements-celery.txt ./
RUN /opt/venv/bin/python -m pip install --require-hashes -r requirements.txt
# 1: can send errors to Sentry, once SENTRY_DSN is set.
ARG SENTRY=0
RUN if [ "$SENTRY" = 1 ]; then \
    /opt/venv/bin/python -m pip install --require-hashes -r requirements-sentry.txt; fi
# 1: can carry background jobs by Celery, once TASK_ENGINE=celery.
ARG CELERY=0
RUN if [ "$CELERY" = 1 ]; then \
    /opt/venv/bin/python -m pip install --require-hashes -r requirements-celery.txt; fi
COPY . .
RUN NEXO_DATA_DIR=/tmp/build NEXO_COLLECTSTATIC=1 \
    /opt/venv/bin/python manage.py collectstatic --noinput \
    && /opt/venv/bin/python -m compileall -q /app

FROM python:3.11-slim AS web
RUN useradd --system --uid 10001 --create-home nexo \
    && install -d -o nexo -g nexo /data /run/nexo-metrics
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NEXO_DATA_DIR=/data \
    NEXO_PRODUCTION=1 \
    PROMETHEUS_MULTIPROC_DIR=/run/nexo-metrics \
    HOST=0.0.0.0 \
    PORT=8000
USER nexo
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, not ready: a database that is away must not get the web process killed as well.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD \
    python -c "import os, urllib.request as r; \
    r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"
CMD ["bin/serve"]

# For backups: PostgreSQL's programs, of the version that compose.yaml runs. `--target operator`.
FROM web AS operator
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-common \
    && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
    && apt-get install --yes --no-install-recommends postgresql-client-18 \
    && rm -rf /var/lib/apt/lists/*
USER nexo

# What `docker build` makes unless told otherwise.
FROM web
