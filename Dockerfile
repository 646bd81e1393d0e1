# syntax=docker/dockerfile:1
# One image a service: docker build --build-arg SERVICE=drift -t millrace/drift:0.1.0 .
# PIP_EXTRA_INDEX_URL may name an index with CPU-only builds of torch: without one, images with models bring CUDA.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG SERVICE
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY constraints.txt ./
COPY libs libs
COPY services/${SERVICE} services/${SERVICE}
COPY contracts contracts
RUN python libs/stack/millrace/stack/closure.py "${SERVICE}" > needed \
    && for lib in libs/*; do grep -qw "./${lib}" needed || rm -rf "${lib}"; done
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install -c constraints.txt hatchling editables \
    && PIP_EXTRA_INDEX_URL="${PIP_EXTRA_INDEX_URL}" /opt/venv/bin/pip install -c constraints.txt --no-build-isolation \
       $(sed 's/ / -e /g; s/^/-e /' needed)

FROM python:${PYTHON}-slim
ARG SERVICE
ENV SERVICE=${SERVICE} PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
RUN mkdir /work && chown 10001:10001 /work
WORKDIR /app
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=3)"]
CMD ["sh", "-c", "exec python -m millrace.${SERVICE}"]
