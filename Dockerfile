# The command line, as a user without rights, without corpora:
#   docker build -t crnn-audio .
#   docker run --rm -v "$PWD:/sound" crnn-audio transcribe an4 recording.wav
FROM python:3.12-slim
WORKDIR /opt/crnn-audio
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY crnn_audio crnn_audio
COPY recipes recipes
RUN python -m venv .venv && .venv/bin/python -m pip install --quiet 'uv>=0.8,<1'
RUN .venv/bin/uv pip install --python .venv/bin/python --no-cache --compile-bytecode --constraints requirements.lock '.[export,media]'
RUN useradd --create-home --uid 1000 runner && mkdir /sound && chown runner /sound
USER runner
ENV PATH=/opt/crnn-audio/.venv/bin:$PATH OMP_WAIT_POLICY=PASSIVE
WORKDIR /sound
ENTRYPOINT ["crnn-audio"]
CMD ["--help"]
