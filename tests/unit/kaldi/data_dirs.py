"""The files of small data directories, and `spkr data` run on them."""

from spkr.cli import main

RATE = 16000
COUNTS = {"a": 3, "b": 5, "c": 2, "d": 6}
UTT2SPK = {f"{spk}-{i}": spk for spk, n in COUNTS.items() for i in range(n)}
FILES = {
    "wav.scp": {utt: f"{utt}.wav" for utt in UTT2SPK},
    "utt2spk": UTT2SPK,
    "utt2dur": {utt: str(1 + i * 7 % 16) for i, utt in enumerate(UTT2SPK)},
    "utt2mic": dict.fromkeys(UTT2SPK, "near"),
    "spk2gender": dict(zip(COUNTS, "fmfm", strict=True)),
}
SEGMENTED = {
    "wav.scp": {f"r{spk}": f"{spk}.wav" for spk in COUNTS},
    "reco2dur": {f"r{spk}": "100" for spk in COUNTS},
    "segments": {utt: f"r{spk} {i} {i + 1}" for i, (utt, spk) in enumerate(UTT2SPK.items())},
    "utt2spk": UTT2SPK,
}


def contents(path):
    return {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}


def command(caplog, *args):
    """Exit status, and what the command logged."""
    caplog.clear()
    caplog.set_level("INFO")
    try:
        main(["data", *map(str, args)])
        status = 0
    except SystemExit as e:
        status = e.code
    return status, caplog.text
