"""Damaged and odd audio files by the thousand, and what may be made of each: its samples, or a message naming it."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import soundfile

from spkr.audio.mpeg import Header

RATE, SAMPLES = 16000, 4000
TONE = np.round(9000 * np.sin(np.arange(SAMPLES) / 9) + np.random.default_rng(1).normal(0, 500, SAMPLES))
TONE = TONE.astype(np.int16)


@dataclass
class Original:
    """A sound file, and where its header ends."""

    name: str
    content: bytes
    header: int  # bytes; what follows are its samples
    raw: np.dtype | None = None  # of uncompressed samples
    tail: int = 0  # bytes behind the samples
    samples: np.ndarray = field(init=False)  # (SAMPLES,), on the scale of 16 bits

    def __post_init__(self):
        with soundfile.SoundFile(io.BytesIO(self.content)) as f:
            self.samples = f.read(f.frames, dtype="float32") * 32768

    def decoded(self, content: bytes) -> np.ndarray:
        """What other bytes behind the same header are."""
        end = len(self.content) - self.tail
        values = np.frombuffer(content[self.header : end], self.raw)
        scale = 32768 / (1 << 8 * values.itemsize - 1) if values.dtype.kind == "i" else 32768
        return values.astype(np.float32) * np.float32(scale)


@dataclass
class Mutant:
    """A file, and the samples that may be read from it; other than these, it must be named."""

    kind: str
    name: str  # of the file
    content: bytes
    allowed: list[np.ndarray]  # empty: it must be named
    must_be_read: bool = False
    judged: bool = True  # False: of a format that has no mark at its end


def encoded(kind: str, subtype: str | None = None, data: np.ndarray = TONE, rate: int = RATE, endian=None) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, data, rate, format=kind, subtype=subtype, endian=endian)
    return content.getvalue()


def originals() -> list[Original]:
    """Sound files whose header says how much there is of them."""

    def wav(name: str, content: bytes, raw: str | None = None, tail: int = 0) -> Original:
        return Original(name, content, content.index(b"data") + 8, np.dtype(raw) if raw else None, tail)

    plain, listed = encoded("WAV", "PCM_16"), b"LIST\x0c\0\0\0INFOISFT\0\0\0\0"
    with_list = plain[:4] + struct.pack("<I", len(plain) + len(listed) - 8) + plain[8:] + listed
    flac = encoded("FLAC", "PCM_16")
    return [
        wav("pcm16.wav", plain, "<i2"),
        wav("pcm16_list.wav", with_list, "<i2", len(listed)),
        wav("pcm16_rifx.wav", encoded("WAV", "PCM_16", endian="BIG"), ">i2"),
        wav("pcm24.wav", encoded("WAV", "PCM_24")),
        wav("float.wav", encoded("WAV", "FLOAT", TONE / np.float32(32768)), tail=0),
        wav("ulaw.wav", encoded("WAV", "ULAW")),
        wav("alaw.wav", encoded("WAV", "ALAW")),
        wav("adpcm.wav", encoded("WAV", "MS_ADPCM")),
        wav("ima.wav", encoded("WAV", "IMA_ADPCM")),
        wav("extensible.wav", encoded("WAVEX", "PCM_16"), "<i2"),
        Original("pcm16.flac", flac, 42 + 8 + flac[45]),
        Original("pcm24.flac", encoded("FLAC", "PCM_24"), 42),
        Original("pcm16.sph", encoded("NIST", "PCM_16"), 1024, np.dtype("<i2")),
        Original("pcm16_big.sph", encoded("NIST", "PCM_16", endian="BIG"), 1024, np.dtype(">i2")),
        Original("ulaw.sph", encoded("NIST", "ULAW"), 1024),
        Original("layer3.mp3", mp3 := encoded("MP3"), Header(mp3[:4]).length),
        Original("vorbis.ogg", vorbis := encoded("OGG", "VORBIS"), vorbis.rindex(b"OggS")),
        Original("opus.ogg", opus := encoded("OGG", "OPUS"), opus.rindex(b"OggS")),
    ]


def mutants(number: int, seed: int = 1) -> Iterator[Mutant]:
    """The first of endlessly many: whole files of many kinds, then damage of one kind after the other."""
    rng = np.random.default_rng(seed)
    made = [*whole_files(), *lies(), *not_audio(rng), *not_finite()]
    yield from made[:number]
    parents = originals()
    for i in range(number - len(made)):
        yield DAMAGES[i % len(DAMAGES)](parents[i // len(DAMAGES) % len(parents)], rng)


def whole_files() -> Iterator[Mutant]:
    """Codecs and containers, channels and rates: nothing is wrong with them."""
    for original in originals():
        yield Mutant("whole", original.name, original.content, [original.samples], must_be_read=True)
    for kind, subtype in [
        *[("WAV", subtype) for subtype in ("PCM_U8", "PCM_32", "DOUBLE", "GSM610", "G721_32", "NMS_ADPCM_16")],
        *[("RF64", "PCM_16"), ("RF64", "FLOAT"), ("W64", "PCM_16"), ("W64", "PCM_24"), ("WAVEX", "FLOAT")],
        *[("FLAC", "PCM_S8"), ("NIST", "PCM_24"), ("NIST", "ALAW"), ("AIFF", "PCM_16"), ("AU", "PCM_16")],
        *[("CAF", "PCM_16"), ("CAF", "ALAC_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)],
    ]:
        content = encoded(kind, subtype)
        with soundfile.SoundFile(io.BytesIO(content)) as f:
            samples = f.read(f.frames, dtype="float32") * 32768
        for suffix in ("wav", "flac", "sph"):  # the name says nothing
            yield Mutant("whole", f"{kind}_{subtype}.{suffix}", content, [samples], must_be_read=True)
    for kind in ("WAV", "FLAC", "NIST"):
        for channels in (2, 6, 8):
            data = np.stack([TONE] * channels, axis=1)
            yield Mutant("channels", f"{channels}.{kind}", encoded(kind, data=data), [])
        for rate in (1, 7, 8000, 15999, 16001, 22050, 44100, 44101, 48000, 48001, 192000, 655350):
            yield Mutant("rate", f"{rate}.{kind}", encoded(kind, rate=rate), [])
        yield Mutant("no samples", f"0.{kind}", encoded(kind, data=TONE[:0]), [])


def lies() -> Iterator[Mutant]:
    """Headers that say something else than what is there; WAV's unknown lengths of a stream are none."""
    stream = {0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF}
    sizes = [*stream, 1, 2, 1000, 1001, 2 * SAMPLES - 2, 2 * SAMPLES - 1, 2 * SAMPLES + 1, 2 * SAMPLES + 2, 10**9]
    for original in originals()[:2]:
        for size in sizes if not original.tail else stream.symmetric_difference(sizes):
            for riff in (None, 0, 36, size, 0xFFFFFFFF):
                content = bytearray(original.content)
                content[original.header - 4 : original.header] = struct.pack("<I", size)
                if riff is not None:
                    content[4:8] = struct.pack("<I", riff)
                may_be = [original.samples] if size in stream else []
                yield Mutant("lying size", f"{size}_{riff}_{original.name}", bytes(content), may_be, bool(may_be))
    flac, sphere = originals()[10], originals()[12]
    for count in (0, 1, SAMPLES - 1, SAMPLES + 1, 10**6, 2**31, 2**32 + SAMPLES, 2**36 - 1):
        fields = int.from_bytes(flac.content[18:26])
        content = flac.content[:18] + (fields >> 36 << 36 | count).to_bytes(8) + flac.content[26:]
        yield Mutant("lying size", f"{count}.flac", content, [])
        for of in (b"sample_count -i ", b"channel_count -i ", b"sample_n_bytes -i ", b"sample_rate -i "):
            head, _, rest = sphere.content.partition(of)
            content = (head + of + str(count).encode() + b"\n" + rest.partition(b"\n")[2])[:1024].ljust(1024)
            may_be = [sphere.samples] if (of, count) == (b"channel_count -i ", 1) else []
            yield Mutant("lying size", f"{of[:8].decode()}{count}.sph", content + sphere.content[1024:], may_be)


def not_audio(rng: np.random.Generator) -> Iterator[Mutant]:
    for suffix in ("wav", "flac", "sph", "raw", "au", "gsm", "vox", "mp3", "aiff"):
        for head in (b"", b"RIFF\x24\0\0\0WAVEfmt ", b"fLaC", b"NIST_1A\n   1024\n", b"OggS", b"ID3\4", b"caff"):
            for rest in (b"", b"<html>Please log in</html>" * 99, rng.bytes(5000), bytes(5000)):
                yield Mutant("no audio", f"{len(head)}.{suffix}", head + rest, [])


def not_finite() -> Iterator[Mutant]:
    for subtype in ("FLOAT", "DOUBLE"):
        for value in (np.nan, np.inf, -np.inf):
            data = TONE / np.float32(32768)
            data[1234] = value
            for kind in ("WAV", "WAVEX", "RF64", "W64"):
                yield Mutant("not finite", f"{value}_{kind}.wav", encoded(kind, subtype, data), [])


def cut(original: Original, rng: np.random.Generator) -> Mutant:
    size = rng.integers(len(original.content))
    allowed = [original.samples] if size >= len(original.content) - original.tail else []
    return Mutant("cut", original.name, original.content[:size], allowed)


def flipped_header(original: Original, rng: np.random.Generator) -> Mutant:
    content = bytearray(original.content)
    for _ in range(rng.integers(1, 4)):
        content[rng.integers(min(original.header, 200))] ^= 1 << rng.integers(8)
    return Mutant("flipped header", original.name, bytes(content), [original.samples])


def flipped_samples(original: Original, rng: np.random.Generator) -> Mutant:
    content = bytearray(original.content)
    for _ in range(rng.integers(1, 4)):
        content[rng.integers(original.header, len(content) - original.tail)] ^= 1 << rng.integers(8)
    return of_samples("flipped samples", original, bytes(content))


def overwritten(original: Original, rng: np.random.Generator) -> Mutant:
    """A block, as of a disk, of zeros or of something else."""
    begin, size = rng.integers(original.header, len(original.content) - original.tail - 512), rng.integers(1, 513)
    block = bytes(size) if rng.integers(2) else rng.bytes(size)
    return of_samples("overwritten", original, original.content[:begin] + block + original.content[begin + size :])


def of_samples(kind: str, original: Original, content: bytes) -> Mutant:
    """Damage that only a format with checksums shows: what is there is right otherwise."""
    if original.raw is not None:
        return Mutant(kind, original.name, content, [original.decoded(content)])
    return Mutant(kind, original.name, content, [original.samples], judged=original.name.endswith((".flac", ".ogg")))


def lost(original: Original, rng: np.random.Generator) -> Mutant:
    """Some bytes fell out."""
    begin, size = rng.integers(len(original.content)), rng.integers(1, 600)
    content = original.content[:begin] + original.content[begin + size :]
    whole = begin >= len(original.content) - original.tail
    return Mutant("lost bytes", original.name, content, [original.samples] if whole else [])


def gained(original: Original, rng: np.random.Generator) -> Mutant:
    """Bytes in between, so that the last ones lie behind what the header says; or another file behind it."""
    size = rng.integers(1, 600)
    begin = rng.choice([rng.integers(original.header, len(original.content)), len(original.content)])
    content = original.content[:begin] + rng.bytes(size) + original.content[begin:]
    if original.raw is not None:
        return Mutant("gained bytes", original.name, content, [original.decoded(content)])
    judged = original.name.endswith((".flac", ".ogg", ".mp3")) or begin == len(original.content)
    return Mutant("gained bytes", original.name, content, [original.samples], judged=judged)


DAMAGES = (cut, flipped_header, flipped_samples, overwritten, lost, gained, flipped_header, cut)
