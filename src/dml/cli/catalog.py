"""``dml catalog``: choose, prepare, show and serve catalogs."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from dml.cli import catalog_view as view
from dml.cli.app.framework import command, current, group
from dml.cli.app.open_catalog import open_catalog
from dml.errors import AuthError, NotFoundError, RetryableError, UsageError
from dml.target import EMBEDDED_HOST, Target

app = group("catalog", "Select, prepare, show and serve catalogs.")


def _complete_catalog(incomplete: str) -> list[str]:
    from dml.catalog.administration import list_embedded_catalogs

    return [str(target) for target in list_embedded_catalogs() if str(target).startswith(incomplete)]


Which = Annotated[
    str,
    Argument(metavar="CATALOG", help="HOST/NUMBER, a catalog's URL, or NUMBER.", autocompletion=_complete_catalog),
]
Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask for confirmation.")]


@command(
    app,
    "init",
    examples=[
        ("dml catalog init", "Prepare the selected catalog; without one, create and select an embedded catalog."),
        ("dml catalog init --json", "The same, with the result as JSON."),
    ],
)
def init(
    project: Annotated[
        str, Option("--project", metavar="NAME", help="Prefix of the compact URIs of terms.")
    ] = "deriva-ml",
) -> None:
    """Create the `deriva-ml` schema with its terms; what already exists is left unchanged.

    A missing embedded catalog is created first. When no catalog is selected, a new embedded one is created and becomes
    the default.
    """
    from dml.catalog.administration import create_catalog, list_embedded_catalogs
    from dml.catalog.ml_schema import initialise

    invocation = current()
    settings = invocation.settings
    unchosen = settings.get("host") is None and settings.get("catalog") is None
    target = _create(EMBEDDED_HOST, use=True) if unchosen else invocation.target
    absent = not unchosen and target.is_embedded and target.live not in list_embedded_catalogs()
    if absent:
        create_catalog(target.host, target.catalog_id)
    made = unchosen or absent
    report = initialise(open_catalog(target), project_name=project)
    payload = {"target": str(target), "created": made, **view.init_payload(report)}
    console = invocation.console
    console.emit("catalog.init", payload, lambda: view.print_init(console, target, report, made=made, chosen=unchosen))


@command(
    app,
    "create",
    examples=[
        ("dml catalog create --use", "Create an empty embedded catalog and make it the default."),
        ("dml catalog create --init --use", "The same, ready for executions."),
    ],
)
def create(
    initialise: Annotated[bool, Option("--init", help="Also create the `deriva-ml` schema.")] = False,
    use: Annotated[bool, Option("--use", help="Make it the default catalog.")] = False,
) -> None:
    """Create a catalog: an embedded one, or one on the server given by --host.

    The catalog gets a new number. On a server you need permission to create catalogs.
    """
    invocation = current()
    host = invocation.overrides.get("host", EMBEDDED_HOST)
    target = _create(host, use=use)
    if initialise:
        from dml.catalog.ml_schema import initialise as prepare

        prepare(open_catalog(target))
    payload = {"target": str(target), "initialised": initialise, "default": use}
    invocation.console.emit("catalog.create", payload, lambda: view.print_created(invocation.console, target, use))


def _create(host: str, *, use: bool) -> Target:
    from dml.catalog.administration import create_catalog

    target = create_catalog(host)
    if use:
        _choose(target)
    return target


@command(
    app,
    "show",
    examples=[
        ("dml catalog show", "Schema release, capabilities and counts."),
        ("dml catalog show --json", "The same, as JSON."),
    ],
)
def show() -> None:
    """Show a catalog: your identity, schema release, capabilities and counts."""
    from dml.catalog.ml_schema import describe

    console = current().console
    catalog = open_catalog()
    description, identity = describe(catalog), catalog.whoami()
    payload = view.description_payload(catalog.target, description, identity)
    console.emit(
        "catalog.show", payload, lambda: view.print_description(console, catalog.target, description, identity)
    )


@command(
    app,
    "use",
    examples=[
        ("dml catalog use local/1", "Use the embedded catalog 1 from now on."),
        ("dml catalog use https://data.example.org/ermrest/catalog/7", "Select a catalog by its URL from the browser."),
    ],
)
def use(which: Which) -> None:
    """Set the default catalog in the user's profile.

    Checks that the catalog exists; one that cannot be reached is set with a warning.
    """
    invocation = current()
    console = invocation.console
    target = _parsed(which)
    try:
        open_catalog(target).get_json("/")
    except (AuthError, RetryableError) as error:
        console.warn(f"{target} is now the default, but could not be checked: {error.message}", hint=error.hint)
    profile = _choose(target)
    payload = {"target": str(target), "profile": profile}
    console.emit("catalog.use", payload, lambda: console.print(f"The default catalog is {target}."))
    _warn_if_hidden(target)


def _choose(target: Target) -> object:
    from dml.settings import unset_profile, write_profile

    profile = write_profile("catalog", str(target))  # one line with the host in it: nobody ever sees half a change
    unset_profile("host")
    return profile


def _warn_if_hidden(target: Target) -> None:
    """Warn when the environment or a project file overrides the profile."""
    from dml.settings import resolve

    settings = resolve()
    if settings.has_target and settings.target != target:
        origin = settings.origin("catalog")
        current().console.warn(
            f"{origin} overrides it here: {settings.target}", hint="`dml config show` shows all settings."
        )


@command(
    app,
    "list",
    examples=[
        ("dml catalog list", "The embedded catalogs of this machine, with the default marked."),
        ("dml catalog list --json", "The same, as JSON."),
    ],
)
def list_() -> None:
    """List the embedded catalogs of this machine."""
    from dml.catalog.administration import list_embedded_catalogs

    invocation = current()
    chosen = invocation.settings.target if invocation.settings.has_target else None
    targets = list_embedded_catalogs()
    payload = {"catalogs": [{"target": str(target), "default": target == chosen} for target in targets]}
    invocation.console.emit("catalog.list", payload, lambda: view.print_list(invocation.console, targets, chosen))


@command(
    app,
    "delete",
    examples=[
        ("dml catalog delete local/2 --yes", "Delete an embedded catalog and its history, without confirmation.")
    ],
)
def delete(which: Which, yes: Yes = False) -> None:
    """Delete an embedded catalog with all its rows and history. The workspace is kept.

    Refused while executions in its workspace have outputs to upload.
    """
    from dml.catalog.administration import delete_catalog, list_embedded_catalogs
    from dml.cli.app.prompts import confirm

    target = _parsed(which)
    if not target.is_embedded:
        raise UsageError(f"{target} is on a server; only embedded catalogs can be deleted", hint="dml catalog list")
    if target not in list_embedded_catalogs():
        raise NotFoundError(f"there is no embedded catalog {target.catalog_id}", hint="dml catalog list")
    _refuse_with_unsent_work(target)
    confirm(f"Delete {target} with all its rows and history?", yes=yes)
    delete_catalog(target)
    console = current().console
    console.emit("catalog.delete", {"target": str(target)}, lambda: console.print(f"{target} deleted."))


def _refuse_with_unsent_work(target: Target) -> None:
    from dml.cli.overview import waiting_in
    from dml.errors import ConflictError

    waiting = waiting_in(target)
    if waiting:
        raise ConflictError(
            f"executions with outputs for {target} are not uploaded: {', '.join(waiting)}",
            hint=f"dml exec commit --all --catalog {target}, or dml exec abort {waiting[0]} --catalog {target}",
        )


@command(
    app,
    "serve",
    examples=[
        ("dml catalog serve --port 8080", "Serve the embedded catalogs to other programs on this machine."),
        ("dml catalog serve --tls --read-only", "Serve over HTTPS, read-only."),
    ],
)
def serve(
    port: Annotated[int, Option("--port", metavar="N", min=0, max=65535, help="0 picks a free port.")] = 0,
    read_only: Annotated[bool, Option("--read-only", help="Refuse all writes.")] = False,
    tls: Annotated[bool, Option("--tls", help="Serve HTTPS with a self-signed certificate.")] = False,
    interface: Annotated[
        str,
        Option(
            "--host-interface",
            metavar="ADDRESS",
            help="Interface to listen on; anything but loopback exposes the catalogs.",
        ),
    ] = "127.0.0.1",
) -> None:
    """Serve the embedded catalogs on loopback until interrupted.

    Prints the URL and `token=…`; clients send the token as the cookie `webauthn` or as a bearer token. Ctrl-C and
    SIGTERM stop it with exit code 0.
    """
    import secrets

    from dml.directories import embedded_directory
    from dml.embedded.application import Application
    from dml.embedded.serve import is_loopback
    from dml.embedded.serve import serve as run
    from dml.embedded.tls import ensure_tls_files

    console = current().console
    remote = not is_loopback(interface)
    if remote:
        console.warn(
            f"{interface} can be reached from other machines; anyone with the token has full access to the catalogs",
            hint="Prefer the loopback interface and an SSH tunnel.",
        )
    token = secrets.token_hex(16)
    files = ensure_tls_files() if tls else None
    application = Application(embedded_directory(), token=token, read_only=read_only)
    run(
        application,
        host=interface,
        port=port,
        tls=files,
        on_ready=lambda url: view.print_serving(console, url, token, files, read_only=read_only),
        allow_remote=remote,
    )


def _parsed(text: str) -> Target:
    """The target given as text; a bare number is on ``--host``, or embedded."""
    if "/" in text:
        return Target.parse(text)
    return Target.parse(f"{current().overrides.get('host', EMBEDDED_HOST)}/{text}")
