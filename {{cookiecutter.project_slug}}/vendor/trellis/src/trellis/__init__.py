"""The house rules of a Trellis project. The packages and modules beside this file hold them.

This file imports nothing: ownership and the layout check run with the standard library alone.
"""
