# The app as an image: `docker build -t iris . && docker run -p 8000:8000 -v history:/data iris`.
# A model of your own: -v ./my.pkl:/app/model.pkl. Settings: -e API_KEY=... and so on.

FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.txt requirements.lock ./
# Every file must have a hash of the lock. The server needs no test tools: what comes below the line
# "# The tests." stays out.
RUN python -m venv /venv \
    && sed '/^# The tests/,$d' requirements.txt > server.txt \
    && /venv/bin/pip download --no-cache-dir --require-hashes -r requirements.lock -d wheels \
    && /venv/bin/pip install --no-index --find-links wheels -r server.txt

FROM python:3.13-slim
RUN useradd --uid 1000 --no-create-home app && install --directory --owner=app /data
ENV PATH=/venv/bin:$PATH \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=sqlite:////data/history.db
COPY --from=build /venv /venv
WORKDIR /app
COPY main.py model.pkl ./
# A number, so that an orchestrator can tell that it is not root.
USER 1000
VOLUME /data
EXPOSE 8000
# 503 and no answer both raise: status 1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD ["python", "main.py"]
