"""Batches of crops, each a pure function of the seed and its number, so that a resumed run sees the same ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from spkr.config.train_options import Batches
from spkr.errors import InputError
from spkr.feats.reader import FeatureReader
from spkr.train.arks import stretches
from spkr.train.sampling import POOL, balanced, buffered, by_length
from spkr.train.signals import ignore_stop_signals


class CropBatches(Dataset):
    """Item `step` is a batch: features (N, T, dim), lengths (N,) or None if all are T, speakers (N,), utterances.

    A subclass may have something else in place of the features, which its method `features` turns into features.

    An epoch is a shuffle of all utterances, or of the same number from each speaker, cut into batches of `batch_size`.
    It skips those that do not fill a batch.

    Args:
        reader: where the features come from.
        labels: each utterance's speaker, from 0.
        num_frames: each utterance's length, as the reader gives it.
        options: how batches are cut.
        seed: seed of all random choices.
        rank, size: `size` processes share each batch; this one gets the rows of process `rank`.
    """

    def __init__(
        self,
        reader: FeatureReader,
        labels: Mapping[str, int],
        num_frames: Mapping[str, int],
        options: Batches,
        seed: int,
        rank: int = 0,
        size: int = 1,
    ):
        self.rank, self.size = rank, size
        self.reader, self.labels, self.options, self.seed = reader, labels, options, seed
        self.utts = sorted(labels)
        self.num_frames = np.array([num_frames[utt] for utt in self.utts])
        self.speakers = np.array([labels[utt] for utt in self.utts])
        total = options.utts_per_speaker * len(set(labels.values())) or len(self.utts)
        self.steps_per_epoch = total // options.batch_size
        if not self.steps_per_epoch:
            raise InputError(f"train.batches.batch_size: {options.batch_size}, but only {total} utterances to train on")
        self._stretches = stretches([reader.feats, reader.vad], self.utts) if options.shuffle_buffer else []
        self._epoch, self._order = 0, self._shuffle(0)

    def _shuffle(self, epoch: int) -> np.ndarray:
        """(steps_per_epoch, batch_size) indices of utterances."""
        rng, o = np.random.default_rng([self.seed, epoch]), self.options
        if o.utts_per_speaker:
            order = balanced(rng, self.speakers, o.utts_per_speaker, o.utts_per_speaker_in_batch)
        elif o.shuffle_buffer:
            order, self._reading = buffered(rng, self._stretches, o.shuffle_buffer)
            self._begins = np.cumsum([0] + [len(stretch.utts) for stretch in self._reading[:-1]])
        else:
            order = rng.permutation(len(self.utts))
        order = order[: self.steps_per_epoch * o.batch_size]
        if o.short == "tile":
            return order.reshape(-1, o.batch_size)
        pools = by_length(order, self.num_frames, o.batch_size, o.utts_per_speaker_in_batch)
        if o.shuffle_buffer:  # what is read together stays together
            return np.concatenate([rng.permutation(pool) for pool in pools])
        return rng.permutation(np.concatenate(pools))

    def utterances(self, step: int) -> list[str]:
        """The utterances of a batch, for all processes together."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffle(epoch)
        return [self.utts[i] for i in self._order[position]]

    def _read_ahead(self, position: int) -> None:
        """Read what enters the shuffle buffer with this batch of the epoch; the system's cache is the buffer."""
        size = self.options.batch_size
        end = self.options.shuffle_buffer + (position + POOL) * size
        first, last = np.searchsorted(self._begins, [end - size if position else 0, end])
        for stretch in self._reading[first:last]:
            stretch.read()

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor, list[str]]:
        epoch, position = divmod(step, self.steps_per_epoch)
        whole = self.utterances(step)
        if self.options.shuffle_buffer:
            self._read_ahead(position)
        seconds = np.random.default_rng([self.seed, epoch, position]).uniform(*self.options.crop)
        length = max(1, round(seconds * 1000 / self.reader.front_end.frame_shift))
        rows = range(self.rank, self.options.batch_size, self.size)
        utts = [whole[row] for row in rows]
        rngs = [np.random.default_rng([self.seed, epoch, position, row]) for row in rows]
        crops, lengths = self.cut(utts, length, rngs)
        same_length = bool((lengths == lengths.max()).all())
        speakers = torch.tensor([self.labels[utt] for utt in utts])
        return crops, None if same_length else lengths, speakers, utts

    def cut(
        self, utts: Sequence[str], length: int, rngs: Sequence[np.random.Generator]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A crop of each utterance, of `length` frames (fewer if short ones are padded), and the lengths (N,)."""
        crops = [self.stretch(self.reader[utt], length, rng) for utt, rng in zip(utts, rngs, strict=True)]
        lengths = [len(crop) for crop in crops]
        feats = np.zeros((len(crops), max(lengths), crops[0].shape[1]), np.float32)
        for row, crop, rng in zip(feats, crops, rngs, strict=True):
            row[: len(crop)] = crop
            self._mask(row[: len(crop)], rng)
        return torch.from_numpy(feats), torch.tensor(lengths)

    def features(self, crops: torch.Tensor) -> torch.Tensor:
        """The network's input from a batch's crops, on their device: (N, T, dim)."""
        return crops

    def _mask(self, crop: np.ndarray, rng: np.random.Generator) -> None:
        """Apply SpecAugment's masks to (frames, dim), in place."""
        if self.options.time_masks or self.options.freq_masks:
            fill = crop.mean(axis=0)
            frames, bands = self.masks(*crop.shape, rng)
            crop[frames] = fill
            crop[:, bands] = fill[bands]

    def stretch(self, frames: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random stretch of `length` frames of an utterance (frames, ...), or fewer if short ones are padded."""
        start = int(rng.integers(max(1, len(frames) - length + 1)))
        if len(frames) < length and self.options.short == "tile":
            return np.resize(frames, (length, *frames.shape[1:]))
        return frames[start : start + length]

    def masks(self, length: int, dim: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """SpecAugment's masks (D. Park et al., Interspeech 2019, section 2), filled with the mean of each band.

        Returns: (length,) and (dim,) bool, true for the frames and bands that are hidden.
        """
        o, frames, bands = self.options, np.zeros(length, bool), np.zeros(dim, bool)
        for _ in range(o.time_masks):
            frames[_stretch(length, o.time_mask_width, rng)] = True
        for _ in range(o.freq_masks):
            bands[_stretch(dim, o.freq_mask_width, rng)] = True
        return frames, bands


def _stretch(length: int, longest: int, rng: np.random.Generator) -> slice:
    """A random stretch of 0 to `longest` out of `length` positions."""
    width = int(rng.integers(min(longest, length) + 1))
    start = int(rng.integers(length - width + 1))
    return slice(start, start + width)


def loader(batches: CropBatches, first: int, end: int, workers: int, pin_memory: bool) -> DataLoader:
    """Iterate over batches `first` to `end`; neither they nor their order depend on the number of workers."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, end),
        num_workers=workers,
        pin_memory=pin_memory,
        worker_init_fn=ignore_stop_signals,
    )
