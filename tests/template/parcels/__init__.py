"""An app that is added to a generated project, whose workers are killed in tests.

A parcel is to be delivered once. Each attempt leaves a row, so that repeated attempts can be
counted; to deliver a parcel again changes nothing.
"""
