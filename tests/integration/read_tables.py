"""Reads tables with PyIceberg and with DuckDB's iceberg extension; prints what it found as JSON.

The argument is a JSON file: a list of {name, location, sums, ranges}, that is the table's newest metadata file, and the
columns to add up and whose least and greatest values to find. Values are texts, so that decimals and longs stay exact.
"""

import glob
import json
import os
import sys
from decimal import Decimal

import duckdb
import pyarrow.compute as compute
from pyiceberg.table import StaticTable


def text(value):
    if isinstance(value, Decimal):
        return format(value, "f")
    return None if value is None else str(value)


def total(column):
    """Like SQL's sum: of no value it is none. Python adds, so that nothing overflows."""
    values = [value for value in column.to_pylist() if value is not None]
    return sum(values) if values else None


def field_ids(fields):
    found = {}
    for field in fields:
        found[field.name] = field.field_id
        if field.field_type.is_primitive is False and hasattr(field.field_type, "element_id"):
            found[field.name + ".element"] = field.field_type.element_id
    return found


def with_pyiceberg(request):
    table = StaticTable.from_metadata(request["location"])
    rows = table.scan().to_arrow()
    files = list(table.scan().plan_files())
    ranges = {name: compute.min_max(rows.column(name)).as_py() for name in request["ranges"]}
    partitions = {}
    for task in files:
        key = json.dumps([text(value) for value in task.file.partition], separators=(",", ":"))
        partitions[key] = partitions.get(key, 0) + task.file.record_count
    return {
        "rows": rows.num_rows,
        "sums": {name: text(total(rows.column(name))) for name in request["sums"]},
        "ranges": {name: [text(found["min"]), text(found["max"])] for name, found in ranges.items()},
        "fields": field_ids(table.schema().fields),
        "partitionFields": [field.name for field in table.spec().fields],
        "partitionRows": partitions,
        "files": len(files),
        "properties": table.properties,
    }


def with_duckdb(connection, request):
    def one(expressions):
        if not expressions:
            return []
        sql = f"SELECT {', '.join(expressions)} FROM iceberg_scan(?)"
        return [text(value) for value in connection.execute(sql, [request["location"]]).fetchone()]

    sums = one([f'sum("{name}")' for name in request["sums"]])
    ranges = one([f'{how}("{name}")' for name in request["ranges"] for how in ("min", "max")])
    return {
        "rows": int(one(["count(*)"])[0]),
        "sums": dict(zip(request["sums"], sums)),
        "ranges": {name: ranges[2 * i : 2 * i + 2] for i, name in enumerate(request["ranges"])},
    }


def duckdb_with_iceberg():
    site = os.path.dirname(os.path.dirname(duckdb.__file__))
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in ("avro", "iceberg"):
        pattern = os.path.join(site, f"duckdb_extension_{name}", "extensions", "*", f"{name}.duckdb_extension")
        connection.execute(f"LOAD '{glob.glob(pattern)[0]}'")
    return connection


with open(sys.argv[1], encoding="utf-8") as file:
    requests = json.load(file)
connection = duckdb_with_iceberg()
print(
    json.dumps(
        {
            request["name"]: {
                "pyiceberg": with_pyiceberg(request),
                "duckdb": with_duckdb(connection, request),
            }
            for request in requests
        }
    )
)
