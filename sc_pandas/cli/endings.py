"""How a command ends: one line on stderr and an exit code, whatever the library raised or warned of."""

import errno
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click

from sc_pandas.errors import (
    ExportError,
    FilterError,
    PagingDriftError,
    RateLimitedError,
    SellerCloudError,
    SellerCloudWarning,
    SettingsError,
)
from sc_pandas.wording import one_line

FAILED: Final = 1
USAGE: Final = 2
NOT_PROVEN: Final = 3
RATE_LIMITED: Final = 4
INTERRUPTED: Final = 130
EXIT_CODES: Final = {
    0: "fine",
    FAILED: "it failed; one line on stderr says why",
    USAGE: "a command, an option, a filter or a setting cannot be used",
    NOT_PROVEN: "the answer could not be proven complete; nothing was written",
    RATE_LIMITED: "the hourly quota is used up; stderr says until when",
    INTERRUPTED: "stopped by Ctrl-C",
}


class OrderlyGroup(click.Group):
    """A group whose commands end with a line and an exit code instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        _print_whatever_the_terminal_can()
        try:
            with _warnings_in_a_line():
                return super().invoke(ctx)
        except SellerCloudError as error:
            _end(_sentence(error), code_of(error))
        except (KeyboardInterrupt, click.Abort):
            _end("stopped.", INTERRUPTED)
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly when the reader of a pipe has gone
                raise
            _end(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.", FAILED)


def code_of(error: SellerCloudError) -> int:
    """Return the exit code for an error of the library."""
    match error:
        case FilterError() | SettingsError():
            return USAGE
        case PagingDriftError() | ExportError(reason="not_verified"):
            return NOT_PROVEN
        case RateLimitedError():
            return RATE_LIMITED
        case _:
            return FAILED


def _sentence(error: SellerCloudError) -> str:
    text = str(error)
    match error:
        case ExportError(reason="not_verified"):
            return f"{text} (Here: --allow-unverified.)"
        case RateLimitedError(reset_at=reset_at) if reset_at and f"{reset_at:%H:%M:%S}" not in text:
            return f"{text} It takes calls again at {reset_at:%Y-%m-%d %H:%M:%S} UTC."
        case _:
            return text


def fail(error: SellerCloudError, code: int) -> NoReturn:
    """End with the line of an error, and a code other than the usual."""
    _end(_sentence(error), code)


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("always", SellerCloudWarning)
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, SellerCloudWarning):
                _say(f"warning: {message}")
            else:
                show_others(message, category, *place, **more)

        warnings.showwarning = show
        yield


def _say(text: str) -> None:
    click.echo(f"sc-pandas: {one_line(text)}", err=True)


def _end(text: str, code: int) -> NoReturn:
    _say(text)
    raise click.exceptions.Exit(code)


def _print_whatever_the_terminal_can() -> None:
    # Customers have names in every alphabet; a terminal or a pipe with a small one shows "?" instead of failing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
