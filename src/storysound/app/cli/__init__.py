"""The command line, and where the program starts."""

import signal


def main() -> None:
    """Runs a command and ends the program with its exit code.

    Until the commands are there, Ctrl-C simply ends the process.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from storysound.app.cli.commands import run

    run()
