import re

import pytest

from spkr.errors import InputError
from spkr.feats import Fbank, make_front_end
from tests.unit.feats.extraction import SEED


def test_settings_survive_the_model_file():
    for front_end in (Fbank(), SEED):
        assert make_front_end(front_end.to_dict()) == front_end
    assert make_front_end({"frame_length": 20}).frame_length == 20.0
    assert make_front_end({"num_mel_bins": 40.0}).num_mel_bins == 40  # YAML's 4e1


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_mel_bin": 80}, "feats.num_mel_bin: no such key; did you mean num_mel_bins?"),
        (
            {"allow_downsample": True},
            "feats.allow_downsample: no such key; it is `resample`, down in place of true now",
        ),
        ({"resample": "up"}, "feats.resample: 'up'; expected never, down or any"),
        ({"vad": {"context": 2}}, "feats.vad.context: no such key; did you mean frames_context?"),
        ({"cmvn": "none"}, "feats.cmvn: 'none'; expected settings: keys with values"),
        ({"num_mel_bins": "80"}, "feats.num_mel_bins: '80'; expected a whole number"),
        ({"num_mel_bins": True}, "feats.num_mel_bins: true; expected a whole number"),
        ({"num_mel_bins": 80.5}, "feats.num_mel_bins: 80.5; expected a whole number"),
        ({"num_mel_bins": 0}, "feats.num_mel_bins: 0; expected at least 1"),
        ({"num_mel_bins": 1_000_000_000}, "feats.num_mel_bins: 1000000000; expected at most 65536"),
        ({"num_ceps": 10**12, "type": "mfcc"}, "feats.num_ceps: 1000000000000; expected at most 2147483647"),
        ({"frame_length": 1e9}, "feats.frame_length: 1000000000.0; expected at most 10000"),
        ({"sample_frequency": 2_000_000}, "feats.sample_frequency: 2000000; expected at most 1000000"),
        ({"vad": {"frames_context": 20_000}}, "feats.vad.frames_context: 20000; expected at most 10000"),
        ({"frame_length": float("nan")}, "feats.frame_length: nan; expected a number"),
        ({"dither": float("inf")}, "feats.dither: inf; expected a number"),
        ({"compress": 1}, "feats.compress: 1; expected true or false"),
        ({"type": "plp"}, "feats: type 'plp'; expected fbank, mfcc, logmel"),
        ({"window_type": "kaiser"}, "feats.window_type: 'kaiser'; expected povey, hamming,"),
        ({"cmvn": {"type": "slide"}}, "feats.cmvn.type: 'slide'"),
        ({"cmvn": {"window": 0}}, "feats.cmvn.window: 0"),
        ({"vad": {"frames_context": -1}}, "feats.vad.frames_context: -1"),
        ({"high_freq": 9000}, "feats: low_freq 20 and high_freq 9000 leave no band below 8000 Hz"),
        ({"low_freq": 8000}, "leave no band"),
        ({"frame_shift": 0.01}, "feats.frame_shift: 0.01 ms are 0 samples; expected at least 1"),
        ({"frame_length": -25}, "feats.frame_length: -25; expected more than 0"),
        ({"sample_frequency": 0}, "feats.sample_frequency: 0"),
        ({"dither": -1}, "feats.dither: -1"),
        ({"shards": 0}, "feats.shards: 0"),
        ({"shards": 100_000}, "feats.shards: 100000; expected at most 10000"),
        ({"type": "mfcc", "num_mel_bins": 20}, "feats.num_ceps: 30; expected at most num_mel_bins, 20"),
        ({"type": "logmel", "dither": 1.0}, "feats.dither: no such key; "),
        ({"num_ceps": 20}, "feats.num_ceps: no such key; "),
    ],
)
def test_wrong_setting_is_named(settings, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make_front_end(settings)
