"""A recipe without its archive: nothing to find, and nobody to ask."""

NO_NETWORK = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}  # nobody listens there


def test_without_archive_or_network_the_message_says_what_to_do(snakemake, tmp_path):
    (tmp_path / "empty").mkdir()
    output = snakemake(tmp_path, ok=False, SPKR_CORPORA=str(tmp_path / "empty"), **NO_NETWORK)
    assert f"an4_sphere.tar.gz was not found under {tmp_path / 'empty'}" in output
    assert "name that folder with `--config corpora=FOLDER` or SPKR_CORPORA" in output
    assert not list((tmp_path / "exp/corpora").glob("an4/**/*"))


def test_the_command_line_goes_before_the_environment(snakemake, tmp_path):
    for name in ("typed", "exported"):
        (tmp_path / name).mkdir()
    folders = {"SPKR_CORPORA": str(tmp_path / "exported")}
    output = snakemake(tmp_path, "--config", f"corpora={tmp_path / 'typed'}", ok=False, **folders, **NO_NETWORK)
    assert f"an4_sphere.tar.gz was not found under {tmp_path / 'typed'}" in output


def test_a_truncated_archive_is_named_and_leaves_nothing(snakemake, tmp_path):
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora/an4_sphere.tar.gz").write_bytes(bytes.fromhex("1f8b0800000000000003ecbd"))
    output = snakemake(tmp_path, ok=False, SPKR_CORPORA=str(tmp_path / "corpora"))
    assert f"{tmp_path / 'corpora/an4_sphere.tar.gz'}: " in output
    assert not list((tmp_path / "exp/corpora").glob("an4/**/*"))
