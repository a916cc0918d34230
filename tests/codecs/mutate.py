"""Random damage to .kdk files, for fuzzing: plain, or with the checksums made right again.

    python tests/codecs/mutate.py good.kdk folder --count 10000

writes `00000.kdk`, `00001.kdk`, ... Repaired mutations get past the checksums, so that the parser,
the entropy decoder and the synthesis see them.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

from kodek.codecs import container, varint
from kodek.entropy import crc32c


def mutations(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` mutations of a valid file, every other one with its checksums recomputed."""
    rng = random.Random(seed)
    for i in range(count):
        yield mutate_repaired(data, rng) if i % 2 else mutate(data, rng)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to four random changes, anywhere."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(out))
        length = min(rng.choice((1, 1, 1, 2, 4, 16, 64)), len(out) - at)
        match rng.randrange(6):
            case 0 if length:
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + length] = rng.randbytes(length)
            case 2:
                out[at : at + length] = rng.choice((b"\0", b"\x80", b"\xff")) * length
            case 3:
                del out[at : at + length]
            case 4:
                out[at:at] = rng.randbytes(rng.choice((1, 2, 8)))
            case 5:
                other = rng.randint(0, len(out) - length)
                out[at : at + length] = out[other : other + length]
    return bytes(out)


def mutate_repaired(data: bytes, rng: random.Random) -> bytes:
    """Damage to one part of a valid file, after which every checksum is right."""
    contents = container.read_header(data)
    start, crc = container.START_SIZE, container.CRC_SIZE
    if not data[start - 1] >> 4 & container.Flags.DIRECTORY:
        header_end = contents.entries[0].start
        header, payload = data[start:header_end], data[header_end:-crc]
        if rng.randrange(2):
            header = mutate(header, rng)
        else:
            payload = mutate(payload, rng)
        return _with_crc(data[:start] + header + payload)

    size, body_start = varint.decode(data, start)
    body, rest = data[body_start : body_start + size], data[body_start + size + crc :]
    if rng.randrange(2):
        body = mutate(body, rng)
        return _with_crc(data[:start] + varint.encode(len(body)) + body) + rest
    chunks = [container.Chunk(e.kind, data[e.start : e.start + e.size]) for e in contents.entries]
    victim = rng.randrange(len(chunks))
    chunks[victim] = container.Chunk(chunks[victim].kind, mutate(chunks[victim].data, rng))
    return container.write(contents.header, chunks)


def _with_crc(data: bytes) -> bytes:
    return data + crc32c(data).to_bytes(container.CRC_SIZE, "little")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="a valid .kdk file")
    parser.add_argument("folder", type=Path, help="where the mutations go")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(mutations(args.file.read_bytes(), args.count, args.seed)):
        (args.folder / f"{i:05d}.kdk").write_bytes(data)


if __name__ == "__main__":
    main()
