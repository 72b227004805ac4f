"""`python -m trellis` is the command `trellis`."""

from trellis.commands import cli

if __name__ == "__main__":
    cli.run()
