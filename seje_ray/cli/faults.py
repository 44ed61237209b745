"""The one place where an error of the machine, or of a damaged file, becomes a line.

Everything else is a bug of ours and keeps its traceback, with a line that asks for a report.
"""

import errno
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from seje_ray.errors import first_line
from seje_ray.store.location import CACHE, cache_of

REPORT = (
    "This is a bug of seje-ray, not of your data. Please report it with the lines above and the "
    "newest file in the workspace's logs/: docs/security.md says how."
)
ADVICE = {  # errno -> what it is, and what to do
    errno.ENOSPC: ("the disk is full", "make room"),
    errno.EDQUOT: ("your share of the disk is used up", "make room"),
    errno.EROFS: ("it can only be read", "choose another --workspace, or mount it writable"),
    errno.EACCES: ("no permission", "change its rights, or run as its owner"),
    errno.EPERM: ("no permission", "change its rights, or run as its owner"),
    errno.ENAMETOOLONG: ("its name is too long", "choose a shorter one"),
    errno.ENOENT: ("it is not there", "look whether something deleted it"),
    errno.ENOTDIR: ("a part of its path is a file", "choose another path"),
    errno.EISDIR: ("it is a folder", "choose another path"),
    errno.EEXIST: ("something else is there", "choose another path, or move that away"),
    errno.ELOOP: ("its links lead in a circle", "mend the link"),
    errno.EFBIG: ("it grows larger than is allowed", "raise the limit, ulimit -f unlimited"),
    errno.EMFILE: ("too many files are open", "raise the limit, ulimit -n 4096"),
    errno.ENFILE: ("too many files are open on this machine", "close some programs"),
    errno.ENOMEM: ("no memory is left", "close other programs, or take a larger machine"),
    errno.EIO: ("the disk fails", "look at the system's log"),
    errno.ESTALE: ("the network disk lost it", "mount it again"),
}
OF_A_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE}
"""What a write meets, which names no file."""
DAMAGE = {  # module -> names of what its readers raise on a file that is not whole
    "pyarrow.lib": ("ArrowException",),
    "safetensors": ("SafetensorError",),
    "yaml": ("YAMLError",),
    "PIL": ("UnidentifiedImageError",),
    "zlib": ("error",),
    "sqlite3": ("DatabaseError",),
    "pickle": ("UnpicklingError",),
}
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_RAY_PLACE = re.compile(r"\(pid=\d+, ip=([^,)]+)")  # in the text of what it raises for a task
PLACES = ("path", "folder", "checkpoint", "out")  # what functions call where they read and write
AGAIN = "repeat the command: what is finished is kept"


def line_of(error: BaseException, where: str) -> str | None:
    """What, where, and what to do, for an error of the machine or of a damaged file.

    Args:
        error: Whatever came up to the command line.
        where: The workspace, for errors that name no file.

    Returns:
        The line, or None for what can only be a bug.
    """
    for one in causes(error):
        number = _system_error(one)
        if number in ADVICE:
            what, advice = ADVICE[number]
            named = one.filename if isinstance(one, OSError) else None
            place = named or (number in OF_A_DISK and _place(one)) or where
            if number in OF_A_DISK and (cache := cache_of(place)) is not None:
                what = f"{what}, on {_machine(error)} under {cache} ({CACHE})"  # and not the store
            return f"{place}: {what}; {advice}, and {AGAIN}"
        if isinstance(one, MemoryError):
            what, advice = ADVICE[errno.ENOMEM]
            return f"{where}: {what}; {advice}, and {AGAIN}"
        if _is_damage(one):
            return (
                f"{_place(one) or where}: a file is damaged or of another kind "
                f"({type(one).__name__}: {first_line(one):.200}); delete what is there and repeat "
                "the command that made it"
            )
    return None


def _machine(error: BaseException) -> str:
    """Address of the node where an error was met, as far as Ray says so."""
    told = (_RAY_PLACE.search(str(one)) for one in causes(error))
    return next((found[1] for found in told if found), "a machine")


def lost_output(error: BaseException) -> str | None:
    """The line where stdout takes nothing any more; what is left for it is then dropped."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else trace.tb_frame.f_code.co_filename
    is_printing = place.endswith(
        (os.path.join("click", "utils.py"), os.path.join("cli", "main.py"))
    )
    if not isinstance(error, OSError) or error.filename is not None or not is_printing:
        return None
    if sys.stdout is not None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())  # or the interpreter tries again at its end
        os.close(nothing)
    what, advice = ADVICE.get(error.errno or 0, (first_line(error), "look at where it goes"))
    return f"stdout: {what}; {advice}, and {AGAIN}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that led to it, also on workers, whose errors Ray wraps."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        wrapped = [getattr(one, "cause", None), one.__cause__]
        wrapped += [] if one.__suppress_context__ else [one.__context__]
        failures = getattr(one, "worker_failures", None)
        wrapped += list(failures.values()) if isinstance(failures, dict) else []
        todo += [each for each in wrapped if isinstance(each, BaseException)]


def _system_error(error: BaseException) -> int | None:
    """The system's number of an error, also of one that safetensors has put into words."""
    if isinstance(error, OSError):
        return error.errno
    found = _OS_ERROR.search(str(error)) if type(error).__name__ == "SafetensorError" else None
    return None if found is None else int(found[1])


def _is_damage(error: BaseException) -> bool:
    if isinstance(error, json.JSONDecodeError):
        return True
    if isinstance(error, RuntimeError) and str(error).startswith("Error(s) in loading state_dict"):
        return True  # weights of other shapes
    is_bare = isinstance(error, OSError) and error.errno is None and not error.args[1:]
    if is_bare and _came_through(error, "pyarrow", "PIL"):  # theirs have a text alone
        return True
    for module, names in DAMAGE.items():
        kinds = [getattr(sys.modules.get(module), name, None) for name in names]
        if any(isinstance(kind, type) and isinstance(error, kind) for kind in kinds):
            return True
    return False


def _place(error: BaseException) -> str | None:
    """The file or folder that was read or written: the path of the nearest function of ours."""
    found, trace = None, error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__", "").startswith("seje_ray."):
            paths = (frame.f_locals.get(name) for name in PLACES)
            found = next((str(one) for one in paths if isinstance(one, Path)), found)
        trace = trace.tb_next
    return found


def _came_through(error: BaseException, *packages: str) -> bool:
    """Whether an error was raised below a call of one of these packages."""
    trace = error.__traceback__
    while trace is not None:
        parts = Path(trace.tb_frame.f_code.co_filename).parts
        if any(package in parts for package in packages):
            return True
        trace = trace.tb_next
    return False
