"""Reads every N.parquet of a folder by one library and compares it with N.json: all values, and how many rows pass filters
for single values. Prints the number of files, values and filters as JSON; ends with an error at the first difference."""
import datetime, decimal, glob, json, os, struct, sys

reader, folder = sys.argv[1], sys.argv[2]
decimal.getcontext().prec = 60
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
FILTERED = {"BOOLEAN", "INTEGER", "BIGINT", "DATE", "TIMESTAMPTZ", "VARCHAR"}


def micros(value):
    difference = value - EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds


def named(value):
    """The value as the JSON has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(struct.unpack("<q", struct.pack("<d", value))[0])
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, decimal.Decimal):
        return str(int(value.scaleb(10)))
    if isinstance(value, datetime.datetime):
        return str(micros(value))
    if isinstance(value, datetime.date):
        return str((value - datetime.date(1970, 1, 1)).days)
    if hasattr(value, "hex"):  # a UUID
        return value.hex
    return [named(one) for one in value]


def wanted_value(type, text):
    """A value of the JSON as Python has it."""
    if type == "VARCHAR":
        return text
    if type == "BOOLEAN":
        return text == "true"
    if type == "DATE":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(text))
    if type == "TIMESTAMPTZ":
        return EPOCH + datetime.timedelta(microseconds=int(text))
    return int(text) if type in FILTERED else decimal.Decimal(int(text)).scaleb(-10)


def with_pyarrow():
    import pyarrow.parquet as pq

    def columns(path, fields):
        table = pq.read_table(path, page_checksum_verification=True)
        return [table.column(field["name"]).to_pylist() for field in fields]

    def count(path, field, value):
        return pq.read_table(path, filters=[(field["name"], "=", value)], columns=[field["name"]]).num_rows

    return columns, count


def with_polars():
    import polars as pl

    def columns(path, fields):
        table = pl.read_parquet(path)
        return [table.get_column(field["name"]).to_list() for field in fields]

    def count(path, field, value):
        return pl.scan_parquet(path).filter(pl.col(field["name"]) == value).select(pl.len()).collect().item()

    return columns, count


def with_duckdb():
    import duckdb

    connection = duckdb.connect()

    def columns(path, fields):
        # What it hands over of times needs one more package.
        names = [f"epoch_us({f['name']})" if f["type"] == "TIMESTAMPTZ" else f["name"] for f in fields]
        rows = connection.execute(f"SELECT {', '.join(names)} FROM read_parquet('{path}')").fetchall()
        return [[row[i] for row in rows] for i in range(len(fields))]

    def count(path, field, value):
        isTime = field["type"] == "TIMESTAMPTZ"
        placeholder, given = ("make_timestamptz(?)", micros(value)) if isTime else ("?", value)
        sql = f"SELECT count(*) FROM read_parquet('{path}') WHERE {field['name']} = {placeholder}"
        return connection.execute(sql, [given]).fetchone()[0]

    return columns, count


def with_daft():
    import daft

    def columns(path, fields):
        table = daft.read_parquet(path).to_arrow()
        return [table.column(field["name"]).to_pylist() for field in fields]

    def count(path, field, value):
        return daft.read_parquet(path).where(daft.col(field["name"]) == value).count_rows()

    return columns, count


def with_spark():
    """All files in one go: the columns that every one has, but for UUID, which Spark's own reader refuses."""
    from pyspark.sql import SparkSession, functions as F

    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.files.openCostInBytes": "10000",
        "spark.local.dir": folder,
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    decimals = [f"c{10 + i} decimal({precision}, 10)" for i, precision in enumerate((28, 29, 33, 38))]
    types = ["boolean", "int", "bigint", "date", "timestamp", "double", "string", "binary", None, "array<string>"]
    schema = ", ".join([f"c{i} {type}" for i, type in enumerate(types) if type] + decimals)
    table = session.read.schema(schema).option("pathGlobFilter", "*.parquet").parquet(folder)
    # Times as a number: Python has no name for the zone of the session.
    values = [F.unix_micros(name) if name == "c4" else F.col(name) for name in table.columns]
    rows = {}
    for row in table.select("_metadata.file_name", "_metadata.row_index", *values).collect():
        rows.setdefault(row[0], []).append(row)
    for found in rows.values():
        found.sort(key=lambda row: row[1])
    filters = {"BOOLEAN": 1, "INTEGER": 2, "BIGINT": 2, "DATE": 2, "VARCHAR": 2, "DECIMAL": 2}

    def columns(path, fields):
        at = {name: i + 2 for i, name in enumerate(table.columns)}
        found = rows.get(os.path.basename(path), [])
        return [[row[at[f["name"]]] for row in found] if f["name"] in at else None for f in fields]

    def count(path, field, value):
        if field["name"] not in table.columns or filters.get(field["type"], 0) == 0:
            return None
        filters[field["type"]] -= 1
        return session.read.schema(schema).parquet(path).filter(F.col(field["name"]) == F.lit(value)).count()

    return columns, count


def difference(path, field, found, wanted):
    at = next((i for i, pair in enumerate(zip(found, wanted)) if pair[0] != pair[1]), min(len(found), len(wanted)))
    here = [column[at] if at < len(column) else "nothing" for column in (found, wanted)]
    return f"{path} {field}: {len(found)} rows of {len(wanted)}; row {at} is {here[0]!r}, not {here[1]!r}"


read, count_of = globals()[f"with_{reader}"]()
files = values = filters = 0
for path in sorted(glob.glob(os.path.join(folder, "*.parquet"))):
    with open(path.removesuffix("parquet") + "json") as file:
        fields = json.load(file)
    for field, column in zip(fields, read(path, fields)):
        if column is None:
            continue
        found = [named(value) for value in column]
        if found != field["values"]:
            sys.exit(difference(path, field["name"], found, field["values"]))
        values += len(found)
    for field in fields:
        for probe in field["probes"] if files % 5 == 0 or reader != "daft" else []:
            found = count_of(path, field, wanted_value(field["type"], probe))
            if found is None:
                continue
            if found != field["values"].count(probe):
                sys.exit(f"{path} {field['name']} = {probe}: {found} rows, not {field['values'].count(probe)}")
            filters += 1
    files += 1
print(json.dumps({"files": files, "values": values, "filters": filters}))
# The result is out: threads of a reader must not spoil it while the interpreter closes down.
sys.stdout.flush()
os._exit(0)
