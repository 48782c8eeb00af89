/** A statement that would harm, and what it must come to: one of these codes, or an answer where that is harmless. */
export interface Hostile {
  readonly name: string
  readonly sql: string
  readonly codes: readonly string[]
}

const REFUSED = ['query_refused'] as const
const REFUSED_OR_WRONG = ['query_refused', 'query_invalid'] as const
/** The engine runs out of memory in order, is killed for it, is killed for its time, or falls over. */
const STOPPED = ['query_memory', 'query_timeout', 'query_crashed', 'query_too_large'] as const
/** The same, or the statement is found wrong before it can do anything, or it is answered after all. */
const ANY_END = [...STOPPED, 'query_invalid', 'query_refused', 'unsupported_column_type', 'answered'] as const

/** What reads a file, the network, a setting, the environment, or another statement's text. `lake` is a folder. */
export function readingStatements(lake: string): Hostile[] {
  const file = `${lake}/secret.csv`
  const refused: readonly (readonly [string, string])[] = [
    ['a text', `select * from read_text('${file}')`],
    ['a blob', `select * from read_blob('${file}')`],
    ['CSV', `select * from read_csv('${file}')`],
    ['CSV, by itself', `select * from read_csv_auto('${file}')`],
    ['Parquet', `select * from read_parquet('${file}')`],
    ['Parquet, by its other name', `select * from parquet_scan('${file}')`],
    ['JSON', `select * from read_json('${file}')`],
    ['JSON, by itself', `select * from read_json_auto('${file}')`],
    ['JSON objects', `select * from read_json_objects('${file}')`],
    ['lines of JSON', `select * from read_ndjson('${file}')`],
    ['another database', `select * from read_duckdb('${file}')`],
    ['a list of files', `select * from glob('${lake}/*')`],
    ['what a CSV looks like', `from sniff_csv('${file}')`],
    ['metadata of Parquet', `from parquet_metadata('${file}')`],
    ['the schema of Parquet', `from parquet_schema('${file}')`],
    ['keys of Parquet', `from parquet_kv_metadata('${file}')`],
    ['a bloom filter', `from parquet_bloom_probe('${file}', 'a', 1)`],
    ['a file as a table', `select * from '${file}'`],
    ['a file as a table, quoted', `select * from "${file}"`],
    ['a file with a schema of its folder', `select * from "${lake}/x"."json"`],
    ['a file by three parts', `select * from "${lake}"."x"."csv"`],
    ['a file by a schema that is a path', `select * from "${lake}".csv`],
    ['a file of this folder', 'select * from "secret.csv"'],
    ['a file, described', `describe '${file}'`],
    ['a file, summarized', `summarize '${file}'`],
    ['a file in a subquery', `select (select content from read_text('${file}'))`],
    ['a file through a common table', `with t as (from read_csv('${file}')) select 1 from t`],
    ['a file named as a common table', `with "${file}" as (select 1) select * from "${file}"`],
    ['a file in a join', `select * from trades t join '${file}' f on true`],
    ['a file in a lateral join', `select * from trades t, lateral (select * from read_text('${file}')) f`],
    ['a file in a union', `select 1 union all select content from read_text('${file}')`],
    ['a file in EXISTS', `select exists (from read_text('${file}'))`],
    ['a file in IN', `select 1 in (select size from read_text('${file}'))`],
    ['a file in a VALUES', `values ((select content from read_text('${file}')))`],
    ['a file in ORDER BY', `select 1 order by (select content from read_text('${file}'))`],
    ['a file in LIMIT', `select 1 limit (select size from read_text('${file}'))`],
    ['a file in a FILTER', `select count(*) filter ((select true from read_text('${file}')))`],
    ['a file in a window', `select sum(1) over (order by (select size from read_text('${file}')))`],
    ['a file in a lambda', `select list_transform([1], lambda x: (select size from read_text('${file}')))`],
    ['a file in PIVOT', `from (pivot (from read_csv('${file}')) on a in (1) using sum(b))`],
    ['a file in EXPLAIN', `explain select * from '${file}'`],
    ['a file in EXPLAIN ANALYZE', `explain analyze select * from read_text('${file}')`],
    ['the network', "select * from 'https://example.invalid/x.parquet'"],
    ['the network, by a function', "select * from read_csv('https://example.invalid/x.csv')"],
    ['a bucket', "select * from 's3://bucket/x.parquet'"],
    ['settings', 'select * from duckdb_settings()'],
    ['a setting', "select current_setting('temp_directory')"],
    ['a setting, qualified', "select system.main.current_setting('allowed_paths')"],
    ['a setting, in capitals', "select CURRENT_SETTING('secret_directory')"],
    ['a setting, quoted', `select "current_setting"('secret_directory')`],
    ['the environment', "select getenv('HOME')"],
    ['a variable', "select getvariable('x')"],
    ['texts of views', 'select sql from duckdb_views()'],
    ['texts of views, in the standard', 'select view_definition from information_schema.views'],
    ["texts of views, in Postgres's way", 'select definition from pg_catalog.pg_views'],
    ['the text of a view', "select pg_get_viewdef('trades')"],
    ['databases', 'from duckdb_databases()'],
    ['secrets', 'from duckdb_secrets()'],
    ['logs', 'from duckdb_logs()'],
    ['temporary files', 'from duckdb_temporary_files()'],
    ['extensions', 'from duckdb_extensions()'],
    ['a query in a text', `from query('select * from read_text(''${file}'')')`],
    ['a table named in a text', "from query_table('trades')"],
    ['a serialized query', "from json_execute_serialized_sql(json_serialize_sql('select 42'))"],
    ['a plan', `select json_serialize_plan('select * from read_text(''${file}'')')`],
    ['writing to the log', "select write_log('x')"],
    ['logging', `from enable_logging(storage := 'file', storage_config := {'path': '${lake}/log'})`],
    ['profiling', 'select * from enable_profiling()'],
    ['a checkpoint', 'from force_checkpoint()'],
    ['a sequence', "select nextval('s')"],
    ['internals', "select __internal_compress_string_utinyint('abcdef')"],
    ['the statement that runs', 'select current_query()'],
    ['waiting', 'select sleep_ms(100000)'],
    ['COPY', `copy trades to '${lake}/x.csv'`],
    ['ATTACH', `attach '${lake}/x.db'`],
    ['SET', 'set threads = 1'],
    ['INSTALL', 'install httpfs'],
    ['a second statement', `select 1; copy trades to '${lake}/x.csv'`],
    ['a zero byte', 'select 1\0; select 2'],
  ]
  const wrong: readonly (readonly [string, string])[] = [
    ['databases, by a pragma', 'from pragma_database_list'],
    ["texts of views, in SQLite's other way", 'select sql from sqlite_schema'],
    ["texts of views, in SQLite's way", 'select sql from sqlite_master'],
    ['texts of views, by a view', 'select sql from duckdb_views'],
    ['a setting behind a method call', "select 'temp_directory'.current_setting()"],
    ['a table that is not there', 'select * from nothing'],
    ['a catalog that is not there', 'select * from other.main.trades'],
    ['a column of a file', `select file_row_number, filename from trades`],
  ]
  return [
    ...refused.map(([name, sql]) => ({ name: `reading ${name}`, sql, codes: REFUSED })),
    ...wrong.map(([name, sql]) => ({ name: `reading ${name}`, sql, codes: REFUSED_OR_WRONG })),
  ]
}

const nested = (open: string, middle: string, close: string, depth: number): string =>
  `${open.repeat(depth)}${middle}${close.repeat(depth)}`

/** What ends the process of the engine, or has ended it in some version. */
export const CRASHING: readonly Hostile[] = (
  [
    ['json_structure of 500,000 brackets', `select json_structure(repeat('[', 500000) || repeat(']', 500000))`],
    ['json_valid of 2,000,000 brackets', `select json_valid(repeat('[', 2000000) || repeat(']', 2000000))`],
    ['json_type of deep objects', `select json_type(repeat('{"a":', 300000) || '1' || repeat('}', 300000))`],
    ['json_pretty of deep lists', `select length(json_pretty(repeat('[', 200000) || repeat(']', 200000)))`],
    [
      'json_transform of a deep structure',
      `select json_transform('1', ${nested('[', '"INTEGER"', ']', 20_000).replaceAll('"', "'")}::json::varchar)`,
    ],
    [
      'json_transform of a deep text',
      `select json_transform(repeat('[', 100000) || repeat(']', 100000), repeat('[', 30000) || '"INTEGER"' || repeat(']', 30000))`,
    ],
    ['from_json of a deep text', `select from_json('1', repeat('[', 50000) || '"INTEGER"' || repeat(']', 50000))`],
    ['a path of 40,000 parts', `select json_extract('{}', '$' || repeat('.a', 40000))`],
    ['a path of 40,000 parts, written out', `select json_extract('{}', '$${'.a'.repeat(40_000)}')`],
    [
      'json_merge_patch of deep objects',
      `select json_merge_patch(repeat('{"a":', 100000) || '1' || repeat('}', 100000), repeat('{"a":', 100000) || '2' || repeat('}', 100000))`,
    ],
    [
      'json_contains of deep lists',
      `select json_contains(repeat('[', 200000) || repeat(']', 200000), repeat('[', 200000) || repeat(']', 200000))`,
    ],
    ['json_tree of deep lists', `select count(*) from json_tree(repeat('[', 100000) || repeat(']', 100000))`],
    ['casting deep JSON to lists', `select (repeat('[', 100000) || repeat(']', 100000))::json::integer[][][]`],
    ['casting a deep text to lists', `select (repeat('[', 500000) || repeat(']', 500000))::integer[][]`],
    ['45,000 parentheses', nested('(', 'select 1', ')', 45_000)],
    ['30,000 nested functions', `select ${nested('abs(', '1', ')', 20_000)}`],
    ['40,000 terms', `select ${'1+'.repeat(40_000)}1`],
    ['20,000 minus signs', `select ${'- '.repeat(20_000)}1`],
    ['15,000 nested NOT', `select ${'not '.repeat(15_000)}true`],
    ['8,000 nested subqueries', `select * from ${nested('(select * from ', 'range(1)', ')', 5_000)}`],
    ['5,000 nested CASE', `select ${nested('case when true then ', '1', ' end', 4_000)}`],
    ['9,000 nested lists', `select ${nested('[', '1', ']', 9_000)}`],
    ['5,000 nested structs', `select ${nested("{'a':", '1', '}', 5_000)}`],
    ['10,000 unions', `select 1 ${'union all select 1 '.repeat(5_000)}`],
    [
      '2,000 joins',
      `select count(*) from range(1) ${Array.from({ length: 600 }, (_, i) => `join range(1) t${i} on true`).join(' ')}`,
    ],
    [
      '3,000 common tables',
      `with ${Array.from({ length: 1_500 }, (_, i) => `t${i} as (select ${i === 0 ? 1 : `* from t${i - 1}`})`).join(', ')} from t1499`,
    ],
    ['a type of 5,000 levels', `select null::${'integer'}${'[]'.repeat(5_000)}`],
    ['20,000 casts', `select 1${'::integer'.repeat(10_000)}`],
    ['40,000 columns', `select ${'1,'.repeat(40_000)}1`],
    ['an IN list of 45,000', `select 1 in (${'1,'.repeat(45_000)}1)`],
    ['a regular expression of nested repeats', `select regexp_matches('a', '((((a{1,100}){1,100}){1,100}){1,100})')`],
    [
      'a regular expression of 30,000 groups',
      `select regexp_matches('a', repeat('(', 30000) || 'a' || repeat(')', 30000))`,
    ],
    ['printf of a huge width', `select printf('%2000000000d', 1)`],
    ['format of a huge width', `select format('{:2000000000d}', 1)`],
    ['lpad to a gigabyte', `select length(lpad('a', 2000000000, 'b'))`],
    ['factorial and power', `select factorial(1000), power(10::hugeint, 100)`],
    ['a date of the end of time', `select date '5874897-12-31' + interval 1000000 year`],
    ['strftime of a long format', `select length(strftime(now(), repeat('%c', 1000000)))`],
    ['bits of 10⁹', `select bit_count(bitstring('1', 2000000000))`],
    ['time zones that are none', `select now() at time zone repeat('x', 1000000)`],
  ] as const
).map(([name, sql]) => ({ name, sql, codes: ANY_END }))

/** What would take all the memory, all the time or all the disk that there is. */
export const HOGGING: readonly Hostile[] = (
  [
    [
      'a cross join',
      'select count(*) from range(1000000) a(i), range(1000000) b(j), range(1000000) c(k) where i * j = k + 1',
    ],
    ['a series of 10¹⁵', 'select count(*) from generate_series(1, 1000000000000000) t(i) where i % 7 = 8'],
    ['an endless recursion', 'with recursive t(i) as (select 1 union all select i + 1 from t) select count(*) from t'],
    [
      'a recursion that doubles',
      'with recursive t(i) as (select 1 union all select i from t, range(2)) select count(*) from t',
    ],
    ['levenshtein of 100,000 characters', "select levenshtein(repeat('a', 100000), repeat('b', 100000))"],
    ['damerau_levenshtein', "select damerau_levenshtein(repeat('a', 60000), repeat('b', 60000))"],
    ['jaccard of many texts', "select sum(jaccard(repeat('ab', 100000), repeat('ba', 100000))) from range(1000000)"],
    ['a text of a gigabyte', "select length(repeat('x', 1000000000))"],
    ['a text of 4 gigabytes', "select length(repeat(repeat('x', 100000000), 40))"],
    ['texts that double', `select length(${nested('concat(t, ', 't', ')', 3)}) from (select repeat('x', 200000000) t)`],
    ['a list of 10⁸', 'select range(100000000)'],
    ['a list of 10⁹, summed', 'select list_sum(range(1000000000))'],
    ['lists of lists', 'select list_transform(range(100000), lambda x: range(100000))'],
    ['a list of all rows', 'select list(i) from range(100000000) t(i)'],
    ['a text of all rows', "select string_agg('x' || i, '') from range(100000000) t(i)"],
    ['flatten of lists', 'select length(flatten(list_transform(range(30000), lambda x: range(30000))))'],
    ['list_zip of long lists', 'select list_zip(range(50000000), range(50000000), range(50000000))'],
    ['list_distinct of a long list', 'select length(list_distinct(range(50000000)))'],
    ['a histogram of everything', 'select histogram(i) from range(100000000) t(i)'],
    ['quantiles of everything', 'select quantile_disc(i::varchar || md5(i::varchar), 0.5) from range(100000000) t(i)'],
    ['a sort that spills', 'select md5(i::varchar) || i as h from range(200000000) t(i) order by h'],
    [
      'groups that spill',
      'select md5(i::varchar) h, count(*) from range(200000000) t(i) group by h order by 2 limit 1',
    ],
    ['a window over everything', 'select sum(i) over (order by md5(i::varchar)) from range(200000000) t(i)'],
    ['distinct over everything', 'select count(distinct md5(i::varchar)) from range(200000000) t(i)'],
    ['rows without end', "select repeat('x', 10000) from range(1000000000000)"],
    ['unnest of long lists', 'select count(*) from (select unnest(range(100000000)) from range(1000))'],
    ['regular expressions on a long text', "select regexp_extract_all(repeat('ab', 50000000), '(a|b)')"],
    ['splitting a long text', "select length(string_split(repeat('a,', 100000000), ','))"],
    ['replacing in a long text', "select length(replace(repeat('a', 100000000), 'a', repeat('b', 1000)))"],
    ['reversing a long text', "select length(reverse(repeat('ä', 400000000)))"],
    ['hex of a long text', "select length(hex(repeat('a', 900000000)))"],
    ['a row of many texts', `select ${Array.from({ length: 40 }, (_, i) => `repeat('${i}', 50000000)`).join(', ')}`],
    ['a map of everything', 'select map(range(30000000), range(30000000))'],
    [
      'grouping sets',
      `select count(*) from (select 1 from range(1000000) t(a), range(100) group by cube(a, a + 1, a + 2, a + 3, a + 4, a + 5, a + 6, a + 7))`,
    ],
    [
      'many levels of a cube of joins',
      'select count(*) from trades a, trades b, trades c, trades d where a.id + b.id + c.id + d.id < 0',
    ],
  ] as const
).map(([name, sql]) => ({ name, sql, codes: [...STOPPED, 'unsupported_column_type', 'query_invalid', 'answered'] }))
