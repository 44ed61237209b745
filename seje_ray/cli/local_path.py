"""Paths that a command takes: on this machine alone, or also in a store."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from seje_ray.workspace import Workspace


class _AnyPath(click.Path):
    """What a person may type for a path."""

    def _uri(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The URI of a place in a store, or None; one line about a URI that is none."""
        from seje_ray.errors import WorkspaceError
        from seje_ray.store.location import as_uri

        try:
            return as_uri(str(value))
        except WorkspaceError as error:
            self.fail(str(error), param, ctx)


class DataPath(_AnyPath):
    """A path of this machine, or a place in a store: the folder that mirrors it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or one line about a URI that is none."""
        from seje_ray.store.location import mirrored_path

        uri = self._uri(value, param, ctx)
        return super().convert(value, param, ctx) if uri is None else mirrored_path(uri)


class LocalPath(_AnyPath):
    """A path of this machine; a URI is refused, where pathlib would make a folder ``s3:`` of it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or one line about what a URI needs."""
        from seje_ray.store.location import only_local

        uri = self._uri(value, param, ctx)
        if uri is not None:
            self.fail(only_local(uri), param, ctx)
        return super().convert(value, param, ctx)


def workspace_at(ctx: click.Context, param: click.Parameter, value: Path) -> "Workspace":
    """The workspace at a location, or one line about one that is neither a folder nor a URI."""
    from seje_ray.errors import WorkspaceError
    from seje_ray.workspace import Workspace  # not at the top: --help stays fast

    try:
        return Workspace.at(value)
    except WorkspaceError as error:
        raise click.BadParameter(str(error), ctx, param) from error
