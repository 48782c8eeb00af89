"""One Spark session that does as it is told: a JSON request a line on stdin, a JSON answer a line on stdout.

The argument is a JSON object of Spark settings. Requests: {"sql": text} gives rows, every value a text or null;
{"pyiceberg": location, "sums": [column]} reads a table's metadata file with PyIceberg, or a table by its name when the
request has the "uri" of a REST catalog; {"branch": name, "table": name, "uri": catalog} makes a branch with PyIceberg if
need be and appends a row to it;
{"equality_delete": table, "column": name, "partition": path} commits an equality-delete file, as Flink would.
An answer is {"rows": …} or {"error": text}.
"""

import json
import os
import sys
from decimal import Decimal

# Whatever Spark prints must not stand between the answers.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

from pyiceberg.catalog import load_catalog  # noqa: E402
from pyiceberg.table import StaticTable  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402


def text(value):
    if value is None:
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def start(settings):
    builder = SparkSession.builder.master("local[2]").appName("foreign")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def total(column):
    values = [value for value in column.to_pylist() if value is not None]
    return sum(values) if values else None


def from_catalog(request, name):
    return load_catalog("lake", type="rest", uri=request["uri"]).load_table(name)


def pyiceberg(request):
    name = request["pyiceberg"]
    table = from_catalog(request, name) if "uri" in request else StaticTable.from_metadata(name)
    rows = table.scan().to_arrow()
    return [[text(rows.num_rows), *(text(total(rows.column(name))) for name in request["sums"])]]


def append_to_branch(request):
    table = from_catalog(request, request["table"])
    branch = request["branch"]
    if branch not in table.metadata.refs:
        table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, branch).commit()
    table.append(table.scan(limit=1).to_arrow(), branch=branch)
    return []


def equality_delete(request):
    jvm = spark._jvm
    table = jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, request["equality_delete"])
    ids = spark.sparkContext._gateway.new_array(jvm.int, 1)
    ids[0] = table.schema().findField(request["column"]).fieldId()
    file = (
        jvm.org.apache.iceberg.FileMetadata.deleteFileBuilder(table.spec())
        .ofEqualityDeletes(ids)
        .withPath(table.location() + "/data/equality.parquet")
        .withPartitionPath(request["partition"])
        .withFileSizeInBytes(100)
        .withRecordCount(1)
        .build()
    )
    table.newRowDelta().addDeletes(file).commit()
    return []


def answer(request):
    if "sql" in request:
        return [[text(value) for value in row] for row in spark.sql(request["sql"]).collect()]
    for name, act in {"pyiceberg": pyiceberg, "branch": append_to_branch, "equality_delete": equality_delete}.items():
        if name in request:
            return act(request)
    raise ValueError("unknown request")


spark = start(json.loads(sys.argv[1]))
for line in sys.stdin:
    try:
        reply = {"rows": answer(json.loads(line))}
    except Exception as error:  # noqa: BLE001
        reply = {"error": str(error)[:4000]}
    answers.write(json.dumps(reply) + "\n")
    answers.flush()
