# spkr on a processor:   make image
#
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/work" spkr snakemake --cores 2 -s /spkr/Snakefile --config recipe=mini
#
# What is computed lies in exp/ of the folder that is mounted. Corpora: -v DIR:/corpora -e SPKR_CORPORA=/corpora
FROM python:3.12-slim

# Where torch without CUDA is had, which is much smaller
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

WORKDIR /spkr
COPY requirements.txt .
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -r requirements.txt
COPY . .
RUN pip install --no-cache-dir --no-deps -e .

# For any user of the machine outside, who has no home here
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home spkr
USER spkr
WORKDIR /work
CMD ["spkr", "--help"]
