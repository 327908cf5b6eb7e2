"""Starts the generator under ``python -I -S``, where neither this folder nor any installed package can be imported."""

import importlib
import sys

sys.path.insert(0, __file__.rpartition("/")[0].rpartition("/")[0])
importlib.import_module("_openloop.program").main(sys.argv[1:])
