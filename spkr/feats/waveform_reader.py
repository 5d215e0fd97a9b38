"""Features that no ark holds (spkr.feats.ssl): the reader makes them of the recordings when it is asked for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spkr.config.front_end_options import FrontEnd, Reading
from spkr.errors import InputError
from spkr.feats.extract import Source
from spkr.feats.provenance import NAME, read_front_end
from spkr.feats.reader import FeatureReader
from spkr.kaldi.datadir import check_data_dir
from spkr.kaldi.maps import read_map

SEED = 1  # of augmented copies, as of `spkr feats` by default


def open_features(
    feats_dirs: Sequence[str | Path], data_dirs: Sequence[str | Path], front_end: FrontEnd
) -> FeatureReader:
    """The reader of sets of features: from arks, or from the recordings where arks do not hold this front end's.

    Args: data_dirs are the data directories of `feats_dirs`, one of each. Raises InputError as the readers do.
    """
    if front_end.in_arks:
        return FeatureReader(list(feats_dirs), front_end)
    return WaveformReader(feats_dirs, data_dirs, front_end)


class WaveformReader(FeatureReader):
    """Random access to features that are computed of recordings, also of augmented copies, at each request.

    Which frames there are, and how recordings are read, is as when the folders of features were made. Raises
    InputError if a folder and its data directory have different utterances, and as `spkr feats` does for a recording
    that cannot be used.
    """

    def __init__(self, feats_dirs: Sequence[str | Path], data_dirs: Sequence[str | Path], front_end: FrontEnd):
        super().__init__(list(feats_dirs), front_end)
        self.sources: dict[str, Source] = {}
        for feats_dir, data_dir in zip(feats_dirs, data_dirs, strict=True):
            record, made = Path(feats_dir) / NAME, front_end
            if record.exists():
                made = front_end.replace(**read_front_end(record).only(Reading))
            files = check_data_dir(data_dir)
            source = Source(data_dir, files, (), made, SEED)
            self.sources |= dict.fromkeys(read_map(Path(data_dir) / "utt2spk"), source)

    def raw(self, utt: str) -> np.ndarray:
        """(frames, dim) float32, computed of the recording."""
        source, frames = self.sources[utt], len(self.vad[utt])
        source.check([utt])
        found, _ = source.features(utt)
        if len(found) != frames:
            raise InputError(
                f"{self.vad.where(utt)}: {utt} has {frames} frames, and its recording {len(found)}; make the features "
                "again (spkr feats)"
            )
        return found
