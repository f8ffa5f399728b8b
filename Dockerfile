# Airflow and this project, from the lock files. Two stages: what builds it is not in it.
FROM python:3.11.13-slim-bookworm AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt /build/requirements.txt
RUN pip install --only-binary :all: --require-hashes -r /build/requirements.txt
COPY infra/docker/requirements.txt /build/driver.txt
RUN pip install --only-binary :all: --require-hashes -r /build/driver.txt
COPY setup.cfg pyproject.toml README.md LICENSE /build/
COPY openaq_assets /build/openaq_assets
COPY openaq_simulator /build/openaq_simulator
RUN pip install --no-build-isolation --no-deps /build
# Without .pyc files every start compiles Airflow again: ten seconds instead of two. -OO is PYTHONOPTIMIZE=2.
RUN python -OO -m compileall -q -j 0 /opt/venv/lib || true

FROM python:3.11.13-slim-bookworm
RUN useradd --uid 50000 --gid 0 --home-dir /opt/airflow --create-home --shell /usr/sbin/nologin airflow \
    && mkdir -p /opt/airflow/logs /opt/airflow/config && chown -R 50000:0 /opt/airflow
COPY --from=build /opt/venv /opt/venv
COPY conf /opt/openaq/conf
COPY views /opt/openaq/views
COPY dags /opt/openaq/dags
COPY plugins /opt/openaq/plugins
COPY glue_jobs /opt/openaq/glue_jobs
COPY infra /opt/openaq/infra
COPY infra/docker/airflow_local_settings.py /opt/airflow/config/
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 AIRFLOW_HOME=/opt/airflow OPENAQ_PROJECT=/opt/openaq
RUN OPENAQ_CACHE=/opt/openaq/cache python -OO -m openaq_assets.openaq.dashboard.charts
WORKDIR /opt/openaq
USER 50000:0
ENTRYPOINT ["sh", "/opt/openaq/infra/docker/entrypoint.sh"]
CMD ["openaq-assets", "--help"]
