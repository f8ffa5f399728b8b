"""``python -m openaq_assets.cli``: the command line without its console script."""

from openaq_assets.cli.main import main

main()
