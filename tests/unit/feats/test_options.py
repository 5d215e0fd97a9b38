import pytest

from spkr.errors import InputError
from spkr.feats.options import FrontEnd
from tests.unit.feats.extraction import SEED


def test_settings_survive_the_model_file():
    for front_end in (FrontEnd(), SEED):
        assert FrontEnd.from_dict(front_end.to_dict()) == front_end
    assert FrontEnd.from_dict({"frame_length": 20}).frame_length == 20.0


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"num_mel_bin": 80}, "feats: no such option 'num_mel_bin'"),
        ({"allow_downsample": True}, "feats.allow_downsample: no such option any more; set resample: down in place of"),
        ({"resample": "up"}, "feats.resample: 'up'; expected one of never, down, any"),
        ({"vad": {"context": 2}}, "feats.vad: no such option 'context'"),
        ({"cmvn": "none"}, "feats.cmvn: 'none'; expected a dictionary"),
        ({"num_mel_bins": "80"}, "feats.num_mel_bins: '80'; expected int"),
        ({"num_mel_bins": True}, "feats.num_mel_bins: True; expected int"),
        ({"num_mel_bins": 0}, "feats.num_mel_bins: 0; expected at least 1"),
        ({"type": "plp"}, "feats.type: 'plp'; expected one of fbank, mfcc, logmel"),
        ({"window_type": "kaiser"}, "feats.window_type: 'kaiser'"),
        ({"cmvn": {"type": "slide"}}, "feats.cmvn.type: 'slide'"),
        ({"cmvn": {"window": 0}}, "feats.cmvn.window: 0"),
        ({"vad": {"frames_context": -1}}, "feats.vad.frames_context: -1"),
        ({"high_freq": 9000}, "feats: low_freq 20.0 and high_freq 9000.0 leave no band below 8000.0 Hz"),
        ({"low_freq": 8000}, "leave no band"),
        ({"frame_shift": 0}, "feats.frame_shift: 0 samples; expected at least 1 samples"),
        ({"frame_length": -25}, "feats.frame_length: -400 samples"),
        ({"sample_frequency": 0}, "feats.sample_frequency: 0"),
        ({"dither": -1}, "feats.dither: -1"),
        ({"shards": 0}, "feats.shards: 0"),
        ({"type": "mfcc", "num_mel_bins": 20}, "feats.num_mel_bins: 20; expected at least 30"),
        ({"type": "logmel", "dither": 1.0}, "feats: logmel knows no dither, snip_edges"),
    ],
)
def test_wrong_setting_is_named(settings, message):
    with pytest.raises(InputError, match=message):
        FrontEnd.from_dict(settings)
