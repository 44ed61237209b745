"""Everything that distributes: the only package that imports ray."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from seje_ray.errors import WorkspaceError

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # ours say what a person needs
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # tunes/NAME holds what people read
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # the end of a trial's function has no metric
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints boxes in any case
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C ends the command, not one part of it
    "TUNE_WARN_THRESHOLD_S": "60",  # a suggestion of TPE may take a second
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its C++ core prints harmless ERROR lines to the terminal
    "RAY_DATA_USE_DATASOURCE_V2": "0",  # V2 packs small inputs into one block: one busy actor
}
EMBEDDED_SETTINGS = {  # of a Ray that we start; a cluster's are for those who run it
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # ends a training 4 s sooner
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",  # a busy machine takes more than 5 s to import
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
    # At Ray's 15 the threads of a training wait for the one that another program has displaced.
    "RAY_worker_niceness": "0",
}
TOKEN_VARIABLES = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def home() -> Path:
    """The user's home; Ray keeps its token there, and Python looks up the user's name.

    A process whose user the system does not know, as in many containers, has neither: it gets a
    folder of its own in the temporary one, and a name.
    """
    try:
        return Path.home()
    except RuntimeError:
        own = Path(tempfile.gettempdir()) / f"seje-ray-home-{os.getuid()}"
        own.mkdir(mode=0o700, exist_ok=True)
        found = own.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise WorkspaceError(
                f"{own}: expected a folder of this user, found another's; export HOME=FOLDER"
            ) from None
        os.environ["HOME"] = str(own)
        os.environ.setdefault("USER", f"uid-{os.getuid()}")
        return own


TOKEN_FILE = home() / ".ray" / "auth_token"


def guard_token() -> None:
    """Let nobody else read the token, which Ray writes as readable as any file."""
    with contextlib.suppress(OSError):  # somebody else's, who has to know
        if TOKEN_FILE.is_file() and TOKEN_FILE.stat().st_mode & 0o077:
            TOKEN_FILE.chmod(0o600)


# Ray reads them at import, so they are set before any module of this package can import it.
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
if TOKEN_FILE.is_file() or any(name in os.environ for name in TOKEN_VARIABLES):
    os.environ.setdefault("RAY_AUTH_MODE", "token")  # as `ray start` does where there is a token
