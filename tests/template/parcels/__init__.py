"""An app of our own, added to a generated project by PYTHONPATH, whose tasks are killed in tests.

A parcel is to be delivered once. Each attempt leaves a row, so that what ran twice can be counted;
a second delivery of a delivered parcel changes nothing.
"""
