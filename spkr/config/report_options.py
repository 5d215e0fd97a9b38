"""The section `report`: what the page of a run's results holds."""

from typing import Annotated

from pydantic import Field

from spkr.config.options import Flag, Options, Positive, option


class ReportOptions(Options):
    """The HTML report, results/report.html."""

    map: Flag = option(True, "the map of embeddings, by PCA and t-SNE")
    worst: Annotated[Positive, Field(le=1000)] = option(
        20, "false acceptances and false rejections to list, of each kind"
    )
    audio: Flag = option(
        False, "with recordings of them to listen to: whoever has the page then has the voices; at most 10 s of each"
    )
