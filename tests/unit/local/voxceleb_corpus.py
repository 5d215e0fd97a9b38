"""Recordings and lists in VoxCeleb's layout."""

from pathlib import Path

from tests.unit.local.himia_corpus import write_audio

VIDEOS = ("5r0dWxy17C8", "-x6uYqmx_kE", "8jEAjG6SegY")
SPEAKERS = {
    "vox1_dev": ("id10001", "id10269", "id11251"),
    "vox1_test": ("id10270", "id10309"),
    "vox2_dev": ("id00012", "id00015", "id00016", "id00018", "id00019", "id09272"),
}
BELOW = {"vox1_dev": "wav", "vox1_test": "wav", "vox2_dev": "dev/aac"}  # where the archives have the speakers
FILES = {"O": "veri_test", "E": "list_test_all", "H": "list_test_hard"}


def write_part(folder: Path, part: str, samples=8000) -> None:
    """Two recordings of each video of each speaker, each of another length."""
    everybody = [spk for speakers in SPEAKERS.values() for spk in speakers]
    for spk in SPEAKERS[part]:
        for j, video in enumerate(VIDEOS):
            for k in (1, 2):
                write_audio(
                    folder / BELOW[part] / spk / video / f"{k:05d}.wav",
                    samples + 600 * everybody.index(spk) + 200 * j + k,
                )


def lists() -> dict[str, str]:
    """Lists by file name: O of test speakers, E and H of all of VoxCeleb1; the cleaned ones lack the last trial."""
    found = {}
    for name, speakers in (("O", SPEAKERS["vox1_test"]), ("E", SPEAKERS["vox1_dev"] + SPEAKERS["vox1_test"])):
        first = [f"{spk}/{VIDEOS[0]}/00001.wav" for spk in speakers]
        second = [f"{spk}/{VIDEOS[1]}/00002.wav" for spk in speakers]
        lines = [f"{int(a[:7] == b[:7])} {a} {b}\n" for a in first for b in second]
        found[f"{FILES[name]}.txt"] = "".join(lines)
        found[f"{FILES[name]}2.txt"] = "".join(lines[:-1])
    return found | {f"list_test_hard{end}": found[f"list_test_all{end}"] for end in (".txt", "2.txt")}


def counts() -> dict[str, list[int]]:
    """What `corpus.options.expect` says of this corpus."""
    found = {part: [6 * len(speakers), len(speakers)] for part, speakers in SPEAKERS.items()}
    for name, speakers in (("O", 2), ("E", 5), ("H", 5)):
        found[f"test/trials_{name}"] = [speakers**2, speakers]
        found[f"test/trials_{name}_cleaned"] = [speakers**2 - 1, speakers - 1]
    return found
