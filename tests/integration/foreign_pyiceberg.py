"""PyIceberg on one table of a lake whose catalog is its folder: does what it is told, in order, and prints what each gave.

Arguments: the table's newest metadata file; a JSON object of PyIceberg's properties (how to reach the store); a JSON list of
["read", column, …] (the number of rows, and the sum of each column), ["compact"] (all rows into new files), ["expire"] (all
snapshots that no ref names), ["append"] (a row of the table once more). All but the first give how many snapshots there
are that no ref names.
"""

import json
import re
import sys
from datetime import datetime, timedelta

from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile, ToOutputFile
from pyiceberg.table import CommitTableResponse, Table
from pyiceberg.table.update import update_table_metadata


class FolderCatalog(NoopCatalog):
    """Version N of a table is its file vN.metadata.json, which only one writer can make."""

    location = ""

    def load_table(self, identifier):
        io = load_file_io(self.properties, self.location)
        metadata = FromInputFile.table_metadata(io.new_input(self.location))
        return Table(identifier, metadata, self.location, io, self)

    def commit_table(self, table, requirements, updates):
        base = self.load_table(table.name())
        for requirement in requirements:
            requirement.validate(base.metadata)
        metadata = update_table_metadata(base.metadata, updates, metadata_location=self.location)
        folder, number = re.fullmatch(r"(.*/v)(\d+)\.metadata\.json", self.location).groups()
        self.location = f"{folder}{int(number) + 1}.metadata.json"
        ToOutputFile.table_metadata(metadata, base.io.new_output(self.location))
        return CommitTableResponse(metadata=metadata, **{"metadata-location": self.location})


def total(column):
    return str(sum(value for value in column.to_pylist() if value is not None))


def act(table, what, *columns):
    if what == "read":
        rows = table.scan().to_arrow()
        return [str(rows.num_rows), *(total(rows.column(name)) for name in columns)]
    if what == "compact":
        table.overwrite(table.scan().to_arrow())
    elif what == "expire":
        table.maintenance.expire_snapshots().older_than(datetime.now() + timedelta(days=1)).commit()
    elif what == "append":
        table.append(table.scan(limit=1).to_arrow())
    else:
        raise ValueError(what)
    named = {ref.snapshot_id for ref in table.metadata.refs.values()}
    return [str(len([one for one in table.metadata.snapshots if one.snapshot_id not in named]))]


catalog = FolderCatalog("lake", **json.loads(sys.argv[2]))
catalog.location = sys.argv[1]
print(json.dumps([act(catalog.load_table(("market_data", "table")), *one) for one in json.loads(sys.argv[3])]))
