"""Batches of crops, each a pure function of the seed and its number, so that a resumed run sees the same ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from spkr.errors import InputError
from spkr.feats.reader import FeatureReader

POOL = 8  # batches that are sorted by length together


@dataclass(frozen=True)
class BatchOptions:
    """How batches are cut. Crop lengths in seconds: one is drawn for each batch from [low, high]."""

    batch_size: int
    crop: tuple[float, float]
    short: str  # what becomes of an utterance shorter than the crop: `tile` repeats it, `pad` masks the rest, and a
    # batch has utterances of like lengths, so that the rest is little
    time_masks: int  # SpecAugment: masks a crop, each up to `time_mask_width` frames
    time_mask_width: int
    freq_masks: int  # likewise, each up to `freq_mask_width` coefficients
    freq_mask_width: int

    def __post_init__(self):
        if self.short not in ("tile", "pad"):
            raise InputError(f"train.batches.short: {self.short!r}; expected tile or pad")
        if len(self.crop) != 2 or not 0 < self.crop[0] <= self.crop[1]:
            raise InputError(f"train.batches.crop: {self.crop}; expected [shortest, longest] in seconds")


class CropBatches(Dataset):
    """Item `step` is a batch: features (N, T, dim), lengths (N,) or None if all are T, speakers (N,), utterances.

    An epoch is a shuffle of all utterances, cut into batches of `batch_size`; those left over wait for the next.

    Args:
        reader: where the features come from.
        labels: each utterance's speaker, from 0.
        num_frames: each utterance's length, as the reader gives it.
        options: how batches are cut.
        seed: of everything random.
        rank, size: of `size` processes that share each batch, the one of this number gets its rows.
    """

    def __init__(
        self,
        reader: FeatureReader,
        labels: Mapping[str, int],
        num_frames: Mapping[str, int],
        options: BatchOptions,
        seed: int,
        rank: int = 0,
        size: int = 1,
    ):
        self.rank, self.size = rank, size
        self.reader, self.labels, self.options, self.seed = reader, labels, options, seed
        self.utts = sorted(labels)
        self.num_frames = np.array([num_frames[utt] for utt in self.utts])
        self.steps_per_epoch = len(self.utts) // options.batch_size
        if not self.steps_per_epoch:
            raise InputError(
                f"train.batches.batch_size: {options.batch_size}, but only {len(self.utts)} utterances to learn from"
            )
        self._epoch, self._order = 0, self._shuffle(0)

    def _shuffle(self, epoch: int) -> np.ndarray:
        """(steps_per_epoch, batch_size) numbers of utterances."""
        rng, size = np.random.default_rng([self.seed, epoch]), self.options.batch_size
        order = rng.permutation(len(self.utts))[: self.steps_per_epoch * size]
        if self.options.short == "tile":
            return order.reshape(-1, size)
        pools = np.split(order, range(POOL * size, len(order), POOL * size))
        by_length = [pool[np.argsort(self.num_frames[pool], kind="stable")] for pool in pools]
        return rng.permutation(np.concatenate(by_length).reshape(-1, size))

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor, list[str]]:
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._shuffle(epoch)
        seconds = np.random.default_rng([self.seed, epoch, position]).uniform(*self.options.crop)
        length = max(1, round(seconds * 1000 / self.reader.front_end.frame_shift))
        rows = range(self.rank, self.options.batch_size, self.size)
        utts = [self.utts[self._order[position, row]] for row in rows]
        crops = [
            self._crop(utt, length, np.random.default_rng([self.seed, epoch, position, row]))
            for utt, row in zip(utts, rows, strict=True)
        ]
        lengths = torch.tensor([len(c) for c in crops])
        longest = int(lengths.max())
        feats = np.stack([np.pad(c, ((0, longest - len(c)), (0, 0))) for c in crops])
        speakers = torch.tensor([self.labels[utt] for utt in utts])
        return torch.from_numpy(feats), None if (lengths == longest).all() else lengths, speakers, utts

    def _crop(self, utt: str, length: int, rng: np.random.Generator) -> np.ndarray:
        """A random stretch of `length` frames, (length, dim), or fewer if short ones are padded, with masks."""
        feats = self.reader[utt]
        start = int(rng.integers(max(1, len(feats) - length + 1)))
        if len(feats) < length and self.options.short == "tile":
            feats = np.tile(feats, (-(-length // len(feats)), 1))
        return self._mask(feats[start : start + length].copy(), rng)

    def _mask(self, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """SpecAugment's masks (D. Park et al., Interspeech 2019, section 2), filled with the mean of each band."""
        o, fill = self.options, crop.mean(axis=0)
        for _ in range(o.time_masks):
            crop[_stretch(len(crop), o.time_mask_width, rng)] = fill
        for _ in range(o.freq_masks):
            band = _stretch(crop.shape[1], o.freq_mask_width, rng)
            crop[:, band] = fill[band]
        return crop


def _stretch(length: int, longest: int, rng: np.random.Generator) -> slice:
    """A random stretch, of 0 to `longest` positions, of `length` ones."""
    width = int(rng.integers(min(longest, length) + 1))
    start = int(rng.integers(length - width + 1))
    return slice(start, start + width)


def loader(batches: CropBatches, first: int, end: int, workers: int, pin_memory: bool) -> DataLoader:
    """Iterate over batches `first` to `end`; the same ones in the same order whatever the number of workers."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, end),
        num_workers=workers,
        pin_memory=pin_memory,
    )
