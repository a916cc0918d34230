"""The commands and their names."""

from collections.abc import Sequence
from typing import Annotated

import typer

from . import (
    bench,
    compare,
    cut,
    decode,
    demo,
    encode,
    eval,
    import_compressai,
    info,
    models,
    plot,
    report,
    train,
    verify,
)

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
for _command in (
    encode.encode,
    decode.decode,
    info.info,
    verify.verify,
    cut.cut,
    compare.compare,
    models.models,
    train.train,
    train.export,
    import_compressai.import_compressai,
    eval.measures,
    plot.plot,
    report.report,
    demo.demo,
):
    app.command()(_command)
app.command("eval")(eval.evaluate)
app.add_typer(bench.bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        from kodek import __version__

        print(f"kodek {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Pictures and sound to small .kdk files that decode to the same symbols on every machine, and back."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def run(arguments: Sequence[str] | None) -> int:
    """Run the command that `arguments` name and return its exit code; errors of every kind are raised."""
    return app(args=arguments, prog_name="kodek", standalone_mode=False) or 0
