"""Ways to damage bytes, for all campaigns."""
import random


def extreme(rng: random.Random) -> bytes:
    "A number that breaks lengths, counts and offsets."
    value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x40000000, rng.getrandbits(32)))
    return value.to_bytes(rng.choice((4, 4, 4, 8)), rng.choice(("big", "little")))


def damage(data: bytes, rng: random.Random, head: int = 4096) -> bytes:
    "A copy with one to eight faults, half of them in the first `head` bytes or in the last."
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        if not found:
            break
        size = len(found)
        near = rng.randrange(min(head, size))
        place = rng.choice((rng.randrange(size), near, size - 1 - near))
        length = min(size - place, rng.choice((1, 4, 16, 256, 4096)))
        way = rng.choice(("flip", "extreme", "cut", "zero", "insert", "double", "drop", "swap"))
        if way == "flip":
            found[place] ^= 1 << rng.randrange(8)
        elif way == "extreme":
            value = extreme(rng)
            found[place:place + len(value)] = value
        elif way == "cut":
            del found[place:]
        elif way == "zero":
            found[place:place + length] = bytes(length)
        elif way == "insert":
            found[place:place] = rng.randbytes(length)
        elif way == "double":
            found[place:place] = found[place:place + length]
        elif way == "drop":
            del found[place:place + length]
        else:
            other = rng.randrange(size)
            found[place:place + length], found[other:other + length] = found[other:other + length], found[place:place + length]
    return bytes(found)


def one_line(words: str, limit: int = 1000) -> str:
    "What is wrong with an error's message, if anything."
    if "\n" in words.strip():
        return f"an error of several lines: {words[:200]!r}"
    return f"an error of {len(words)} characters: {words[:200]!r}" if len(words) > limit else ""
