"""The model card: what a packed model is, how well it does, what it was trained on, and what it cannot do."""

from collections.abc import Mapping
from typing import Any

from spkr.packed.about import About

LIMITS = (
    "It compares voices. It does not detect replayed, converted or synthetic speech.",
    "A high ratio is evidence, not a proof of identity: how often it errs is said above, for recordings like those of "
    "the lists. Other microphones, languages and rooms need a list of their own.",
)
INTERVAL = "In brackets: 95 % intervals from resampling speakers."


def card(about: About) -> str:
    """The card as Markdown; ends in a newline."""
    return "\n\n".join(
        [
            f"# {about.name}",
            f"Speaker recognition: {about.network.get('type')} network, embeddings of {about.dim} dimensions, back-end "
            f"{about.backend.name} (`{about.backend.chain}`).",
            "## Results",
            _table(["trials", "trials of the same speaker", "others", "speakers", "EER %", "minDCF 0.01", "Cllr"],
                   [_row(row) for row in about.results]),
            INTERVAL,
            *_thresholds(about),
            "## Trained on",
            "\n".join(f"- {line}" for line in trained_on(about.trained_on)),
            "## Limits",
            "\n".join(f"- {line}" for line in LIMITS),
        ]
    ) + "\n"  # fmt: skip


def _row(row: Mapping[str, Any]) -> list[str]:
    return [
        row["trials"], f"{row['n_target']:,}", f"{row['n_nontarget']:,}", str(row.get("n_speakers") or "-"),
        interval(row, "eer", 2), interval(row, "mindcf_0.01", 3), interval(row, "cllr", 3),
    ]  # fmt: skip


def interval(row: Mapping[str, Any], name: str, decimals: int) -> str:
    """A measure of a row of results with its interval, or -."""
    value, low, high = (row.get(key) for key in (name, f"{name}_lo", f"{name}_hi"))
    if value is None:
        return "-"
    ends = "" if low is None or high is None else f" ({low:.{decimals}f}-{high:.{decimals}f})"
    return f"{value:.{decimals}f}{ends}"


def _thresholds(about: About) -> list[str]:
    """The section on thresholds; empty without any."""
    if not about.thresholds:
        return []
    rows = [
        [
            one.criterion + ("" if one.value is None else f" {one.value:g}"),
            "-" if one.threshold is None else f"{one.threshold:.4g}",
            *("-" if rate is None else f"{100 * rate:.2f}" for rate in (one.p_miss, one.p_fa)),
        ]
        for one in about.thresholds
    ]
    return [
        "## Thresholds",
        f"On scores, chosen on dev; misses and false alarms are those of `{about.trials}`.",
        _table(["criterion", "threshold", "misses %", "false alarms %"], rows),
    ]


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def trained_on(found: Mapping[str, Any]) -> list[str]:
    """What the parts were trained on, a line each."""
    lines, network = [f"corpus: {found['corpus']}"], found.get("network", {})
    if network.get("sets"):
        lines.append(f"network: {network['speakers']} speakers of {', '.join(network['sets'])}")
    if network.get("elsewhere"):
        lines.append(f"network, before that: {network['elsewhere']}" if network.get("sets") else
                     f"network: {network['elsewhere']}")  # fmt: skip
    if backend := found.get("backend"):
        adapted = f", adapted to {backend['adapted_to']}" if backend.get("adapted_to") else ""
        lines.append(f"back-end: {backend.get('from') or ', '.join(backend['sets'])}{adapted}")
    if cohort := found.get("cohort"):
        lines.append(f"cohort: {cohort['members']} members of {', '.join(cohort['sets'])}")
    if calibration := found.get("calibration"):
        of = f" of {calibration['speakers']} speakers" if calibration.get("speakers") else ""
        counts = f"{calibration['target']:,} target and {calibration['nontarget']:,} nontarget trials{of}"
        lines.append(f"calibration and thresholds: {calibration['list']}, {counts}")
    return lines
