"""Commands by which a person may convert files that run code when they are read."""

import shlex


def python_command(code: str) -> str:
    """A shell command that runs one line of Python."""
    return f"python -c {shlex.quote(code)}"


def pickle_to_json(source: str, target: str) -> str:
    """A command that writes a pickled table of categories as JSON, its names included.

    A pickle of id -> class, and behind it, as in ``classes1M.pkl``, one of number -> name.
    """
    return python_command(
        "import json, pickle; "
        f'f = open({_text(source)}, "rb"); '
        'ids = pickle.load(f, encoding="latin1"); '
        'n = pickle.load(f, encoding="latin1") if f.peek(1) else {}; '
        "n = n if isinstance(n, dict) else dict(enumerate(n)); "
        'names = {"names": [str(n.get(i, i)) for i in range(max(n) + 1)]} if n else {}; '
        'json.dump({"ids": {str(k): v for k, v in ids.items()}, **names}, '
        f'open({_text(target)}, "w"), default=int)'
    )


def checkpoint_to_safetensors(source: str, target: str) -> str:
    """A command that writes the weights of a pickled checkpoint, or network, as safetensors."""
    return python_command(
        "import torch, safetensors.torch as s; "
        f'c = torch.load({_text(source)}, map_location="cpu", weights_only=False); '
        'c = c.get("state_dict", c.get("model", c)) if isinstance(c, dict) else c; '
        "c = c if isinstance(c, dict) else c.state_dict(); "
        f"s.save_file({{k: v.clone().contiguous() for k, v in c.items()}}, {_text(target)})"
    )


def pickle_to_npy(source: str, target: str) -> str:
    """A command that writes a pickled array, or list of ids, as .npy."""
    return python_command(
        "import numpy, pickle; "
        f'a = pickle.load(open({_text(source)}, "rb"), encoding="latin1"); '
        f"numpy.save({_text(target)}, numpy.array(list(a)))"
    )


def tensor_to_npy(source: str, target: str) -> str:
    """A command that writes a tensor of ``torch.save`` as .npy."""
    return python_command(
        "import numpy, torch; "
        f't = torch.load({_text(source)}, map_location="cpu"); '
        f"numpy.save({_text(target)}, t.detach().float().numpy())"
    )


def _text(value: str) -> str:
    """A Python text in double quotes, so that the shell's single ones stay few."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
