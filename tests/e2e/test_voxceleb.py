"""The recipe voxceleb, cut small, from archives, parts and a folder to the results."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.local.himia_corpus import write_audio
from tests.unit.local.voxceleb_corpus import counts, lists, write_part

LISTS = [f"trials_{name}{kind}" for name in "OEH" for kind in ("", "_cleaned")]


def write_zip(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as z:
        for path in sorted(folder.rglob("*.wav")):
            z.write(path, path.relative_to(folder))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    """VoxCeleb1 dev as two parts, its test part as an archive, VoxCeleb2 unpacked; MUSAN and RIRS_NOISES; the lists."""
    root = tmp_path_factory.mktemp("corpora")
    for part in ("vox1_dev", "vox1_test"):
        write_part(root / part, part, samples=12000)
        write_zip(root / part, root / f"{part}_wav.zip")
        shutil.rmtree(root / part)
    whole = (root / "vox1_dev_wav.zip").read_bytes()
    for k, part in enumerate(("partaa", "partab")):
        (root / f"vox1_dev_wav_{part}").write_bytes(whole[k * 100_000 : 100_000 if k == 0 else None])
    (root / "vox1_dev_wav.zip").unlink()
    write_part(root / "voxceleb2/dev", "vox2_dev", samples=12000)
    for sounds in ("noise", "music", "speech"):
        write_audio(root / f"musan/{sounds}/a/a-0001.wav", 32000)
    write_audio(root / "RIRS_NOISES/simulated_rirs/smallroom/Room001/1.wav", 800)
    for name, text in lists().items():
        (root / "voxceleb" / name).parent.mkdir(exist_ok=True)
        (root / "voxceleb" / name).write_text(text)
    return root


def test_a_corpus_of_its_shape_goes_through_every_stage(snakemake, corpora, tmp_path):
    expect = tmp_path / "expect.yaml"
    expect.write_text(json.dumps({"corpus": {"options": {"expect": counts()}}}))
    config = ("--configfile", str(ROOT / "tests/e2e/voxceleb.yaml"), str(expect))
    snakemake(tmp_path, *config, SPKR_CORPORA=str(corpora))
    with (tmp_path / "exp/voxceleb/main/results/results.tsv").open() as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    found = {row["trials"]: (int(row["n_target"]), int(row["n_nontarget"])) for row in rows}
    expected = {f"trials_{name.partition('_')[2]}": count for name, count in counts().items() if "trials" in name}
    assert found == {name: (same, total - same) for name, (total, same) in expected.items()} | {
        "dev_trials_pairs": (2, 4)
    }
    assert list(found) == [*LISTS, "dev_trials_pairs"]
    assert not (tmp_path / "exp/corpora/downloads").exists()
    assert (tmp_path / "exp/corpora/voxceleb/vox2_dev/dev").is_symlink()
    assert "Nothing to be done" in snakemake(tmp_path, "-n", *config, SPKR_CORPORA=str(corpora))
