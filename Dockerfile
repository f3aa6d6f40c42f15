# syntax=docker/dockerfile:1
# The collector with its dashboard, as one small image: docker build -t llmobserve .
# What is installed is what uv.lock says; the dashboard is built on the way, with the Node that pip brings.
FROM python:3.13-slim AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/llmobserve UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.8
WORKDIR /src
COPY pyproject.toml uv.lock LICENSE ./
COPY web ./web
COPY python ./python
RUN uv sync --locked --no-cache --no-editable --no-default-groups --package llmobserve-server \
    --extra postgresql --extra clickhouse --extra grpc

FROM python:3.13-slim
LABEL org.opencontainers.image.title="llmobserve" \
      org.opencontainers.image.description="Collector and dashboard of llmobserve" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin llmobserve \
    && install --directory --owner=llmobserve --group=llmobserve --mode=0700 /var/lib/llmobserve
COPY --from=build /opt/llmobserve /opt/llmobserve
ENV PATH=/opt/llmobserve/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    LLMOBSERVE_DATA_DIR=/var/lib/llmobserve LLMOBSERVE_HOST=0.0.0.0 LLMOBSERVE_PORT=8000
USER 10001:10001
WORKDIR /var/lib/llmobserve
VOLUME /var/lib/llmobserve
EXPOSE 8000 4317
# Ends in order within 30 s: give it that long (docker stop --time 45).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD \
    ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(f\"http://127.0.0.1:{os.environ['LLMOBSERVE_PORT']}/health\", timeout=4)"]
ENTRYPOINT ["llmobserve"]
CMD ["serve"]
