"""Run the command line as ``python -m openaq_assets.cli``, without its console script."""

from openaq_assets.cli.main import main

main()
