"""``python -m evalstream_devcluster``: see :mod:`evalstream_devcluster.topology_cli`."""

from evalstream_devcluster.topology_cli import app

if __name__ == "__main__":
    app(prog_name="python -m evalstream_devcluster")
