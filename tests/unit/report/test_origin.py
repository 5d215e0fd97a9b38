"""What is said of the machine and the code."""

import os
import re

from spkr.report.origin import machine, origin

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) Processor @ 2.10GHz
flags\t\t: fpu avx2 {flags}

processor\t: 1
model name\t: Intel(R) Xeon(R) Processor @ 2.10GHz
flags\t\t: fpu avx2 {flags}
"""


def test_the_machine_has_a_name_its_bfloat16_and_a_number_of_cores(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    file.write_text(CPUINFO.format(flags="avx512_bf16 amx_bf16"))
    assert machine(file) == "Intel(R) Xeon(R) Processor @ 2.10GHz with AMX BF16, 2 cores"
    file.write_text(CPUINFO.format(flags="avx512_bf16"))
    assert machine(file) == "Intel(R) Xeon(R) Processor @ 2.10GHz with AVX-512 BF16, 2 cores"
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1})
    file.write_text(CPUINFO.format(flags="sse"))
    assert machine(file) == "Intel(R) Xeon(R) Processor @ 2.10GHz, 1 core"
    assert re.fullmatch(r"\S.*, 1 core", machine(tmp_path / "none"))  # not Linux


def test_the_code_is_a_digest():
    assert re.fullmatch("[0-9a-f]{12}", origin()["code"])
