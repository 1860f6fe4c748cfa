# One image for every process of rsvpq; docker-compose.yml says which one a container runs. `--target simulator` makes the
# image of the pretend Exchange for the demo; nothing of it is in that of rsvpq, which is the default.

ARG PYTHON=python:3.13-slim-trixie

FROM ${PYTHON} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# What others wrote comes first: this layer stays as long as the lock does. Exactly these files, and no compiling.
COPY locks/run.txt locks/run.txt
RUN python -m venv /opt/rsvpq \
    && /opt/rsvpq/bin/pip install --require-hashes --only-binary=:all: -r locks/run.txt

FROM dependencies AS build
COPY pyproject.toml README.md ./
COPY rsvpq rsvpq
COPY producer producer
COPY workers workers
COPY deploy/systemd deploy/systemd
COPY deploy/flowerconfig.py deploy/flowerconfig.py
RUN pip wheel --no-deps --wheel-dir /wheels . \
    && /opt/rsvpq/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/rsvpq/bin/pip uninstall --yes pip

FROM ${PYTHON} AS base
# The same number in docker-compose.yml and in docs/deployment.md: the group that may read the secrets.
RUN groupadd --gid 10001 rsvpq \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin rsvpq
ENV PATH=/opt/rsvpq/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001

FROM base AS simulator
LABEL org.opencontainers.image.title="rsvpq-simulator" \
      org.opencontainers.image.description="A pretend Exchange for the demo of rsvpq"
COPY --from=dependencies /opt/rsvpq /opt/rsvpq
WORKDIR /opt/simulator
COPY simulator simulator
CMD ["python", "-m", "simulator", "--help"]

FROM base AS production
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rsvpq" \
      org.opencontainers.image.description="Answers meeting requests in Exchange 2000/2003 mailboxes" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/rsvpq /opt/rsvpq
WORKDIR /etc/rsvpq
CMD ["rsvpq", "--help"]
