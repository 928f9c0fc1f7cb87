# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /src
# Dependencies first: these layers change only with the locks. All of it comes with hashes.
COPY requirements-build.lock requirements.lock ./
RUN python -m venv /build \
    && /build/bin/pip install --require-hashes --requirement requirements-build.lock \
    && python -m venv --without-pip /app \
    && /build/bin/uv pip install --python /app/bin/python --require-hashes --requirement requirements.lock
COPY pyproject.toml LICENSE ./
COPY schemas ./schemas
COPY cxstream ./cxstream
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /build/bin/uv pip install --python /app/bin/python --no-deps /wheels/*.whl

FROM python:3.13-slim-bookworm AS runtime
RUN groupadd --gid 10001 cxstream \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin cxstream
COPY --from=build --chown=root:root /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /
EXPOSE 6066
STOPSIGNAL SIGTERM
ENTRYPOINT ["cxstream"]
CMD ["worker"]
