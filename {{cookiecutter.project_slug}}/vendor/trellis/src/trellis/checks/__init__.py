"""The check of the house rules. This file imports nothing, and no production code imports it.

rules         every rule, of all mechanisms
layout        files, imports and habits, by the standard library alone
"""
