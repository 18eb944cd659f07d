"""Frames of pandas out of frames of polars, without pyarrow, which Clew does not need."""

import pandas
import polars


def to_pandas(frame: polars.DataFrame) -> pandas.DataFrame:
    columns = {}
    for column in frame:
        values = column.to_list()
        columns[column.name] = pandas.to_datetime(values) if column.dtype.is_temporal() else values
    return pandas.DataFrame(columns)
