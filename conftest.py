"""Fixtures for all tests: the library's own, and projects that live."""

pytest_plugins = [
    "trellis.testing",
    "tests.template.living",
    "tests.template.rendered",
    "tests.template.browsing",
]
