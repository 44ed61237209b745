"""What a server takes from strangers; everything beyond is refused before it costs anything."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a server, each per process that answers."""

    upload_bytes: int = 12 * 2**20  # body of a request
    held_bytes: int = 192 * 2**20  # bodies of all requests at once
    pixels: int = 50_000_000  # of a photo, before it is decoded
    photos: int = 5  # of a request
    fields: int = 100  # of a form
    text_characters: int = 2_000  # of a text, a title or a line
    lines: int = 200  # of ingredients, and of instructions
    terms: int = 20  # of each option that is a list
    results: int = 50
    embedded: int = 32  # texts and recipes of a request that embeds
    upload_s: float = 20.0  # until a body is there
    answer_s: float = 30.0  # from then on
    requests: int = 64  # under way at once
    decoders: int = 2  # photos that are decoded at once
    client_rate: float = 20.0  # searches per second of a client, GETs count a tenth; 0: any number
    client_burst: float = 60.0  # searches at once of a client that was quiet
    clients: int = 10_000  # that are remembered
