"""`sc-pandas login`: a login that was tried, in the system keyring."""

import tempfile
from urllib.parse import urlsplit

import click

from sc_pandas import settings
from sc_pandas.cli.options import SERVER, USERNAME, SectionedCommand
from sc_pandas.query import connect
from sc_pandas.query.connection import url_of
from sc_pandas.secrecy import hidden

_EXAMPLES = """\b
Examples:
  sc-pandas login --server tt
  sc-pandas login --server team:acme --username me@acme.example
"""


@click.command(cls=SectionedCommand, epilog=_EXAMPLES)
@SERVER
@USERNAME
def login(server: str | None, username: str | None) -> None:
    """Ask for user name and password, try them, and store them in the system keyring.

    Afterwards neither notebooks nor commands need them for this server.  What the server refuses is not stored.
    """
    # A wrong server is told before a password is asked for, and a person sees where it goes.
    url = url_of(settings.server_from(server))
    host = urlsplit(url).netloc
    user = username or click.prompt(f"User name at {host}", err=True)
    password = hidden(click.prompt(f"Password of {user} at {host}", hide_input=True, err=True))
    # A login that may be refused leaves no cache behind.
    with (
        tempfile.TemporaryDirectory() as folder,
        connect(url, username=user, password=password, cache_dir=folder) as connection,
    ):
        connection.log_in()
        settings.keep_in_keyring(connection.url, user, password)
        click.echo(f"Logged in at {connection.url}; the login is stored in this machine's keyring.", err=True)
