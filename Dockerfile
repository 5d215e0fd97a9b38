# spkr on a processor:   make image
#
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/work" spkr snakemake --cores 2 -s /spkr/Snakefile --config recipe=mini
#
# What is computed lies in exp/ of the folder that is mounted. Corpora: -v DIR:/corpora -e SPKR_CORPORA=/corpora
FROM python:3.12-slim

# Options of pip, such as an --extra-index-url with builds of torch without CUDA, which are much smaller
ARG PIP_OPTIONS=""

WORKDIR /spkr
COPY requirements.txt .
RUN pip install --no-cache-dir $PIP_OPTIONS -r requirements.txt
COPY . .
RUN pip install --no-cache-dir --no-deps -e .

# For any user of the machine outside, who has no home here
ENV HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home spkr
USER spkr
WORKDIR /work
CMD ["spkr", "--help"]
