"""What is known of the parts of SQL: data, by the names that the parser gives them and by the names of functions."""

from __future__ import annotations

from typing import Final

#: Parts of queries and of statements that change rows, of which nothing but their own parts can do anything.
QUERY_PARTS: Final = frozenset(
    """
    Add Adjacent Alias Aliases All Any AtIndex AtTimeZone Between BitString BitwiseAnd BitwiseLeftShift
    BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Boolean Bracket ByteString CTE Column Connect Cube DPipe
    DataType DataTypeParam Distance Distinct Div Dot EQ Escape Except ExtendsLeft ExtendsRight Fetch Filter From
    FromTimeZone GT GTE Glob Group GroupingSets Having HavingMax HexString ILike Identifier IgnoreNulls In
    IntDiv Intersect Interval IntervalSpan Is JSON JSONColumnDef JSONExtractQuote JSONKeyValue JSONPath
    JSONPathFilter JSONPathKey JSONPathRecursive JSONPathRoot JSONPathScript JSONPathSelector JSONPathSlice
    JSONPathSubscript JSONPathUnion JSONPathWildcard JSONSchema JSONValue Join Kwarg LT LTE Lambda Lateral Like
    Limit LimitOptions Literal Lock Match Mod Mul NEQ National Neg Not Null NullSafeEQ NullSafeNEQ Offset
    OnCondition OnConflict Order Ordered Overlaps Parameter Paren Pivot PivotAlias PivotAny Placeholder Prior
    PropertyEQ PseudoType Pseudocolumn Qualify RawString RespectNulls Returning Rollup Schema Select SimilarTo
    Slice Sort Star Sub Subquery Table TableAlias TableColumn TableSample Tuple UnicodeString Union
    UnpivotColumns Values Var Variadic When Whens Where Window WindowSpec With WithinGroup
    """.split()
)
#: Parts of statements that change a schema, the same.
SCHEMA_PARTS: Final = frozenset(
    """
    AddConstraint AlterColumn AlterRename AutoIncrementColumnConstraint AutoIncrementProperty CharacterSet
    CharacterSetColumnConstraint CharacterSetProperty Check CheckColumnConstraint CollateColumnConstraint
    CollateProperty ColumnConstraint ColumnDef ColumnPosition CommentColumnConstraint ComputedColumnConstraint
    Constraint DefaultColumnConstraint Drop ForeignKey GeneratedAsIdentityColumnConstraint GrantPrincipal
    GrantPrivilege Index IndexColumnConstraint IndexConstraintOption IndexParameters LikeProperty
    MaterializedProperty ModifyColumn NotNullColumnConstraint OnProperty PrimaryKey PrimaryKeyColumnConstraint
    Properties Reference RenameColumn SchemaCommentProperty StrictProperty TemporaryProperty TransientProperty
    UniqueColumnConstraint UnloggedProperty WithDataProperty
    """.split()
)
#: Functions that the parser knows and that reach outside the tables, or change what is in them.
REACHING: Final = frozenset(
    """
    FeaturesAtTime GapFill GenerateBool GenerateDouble GenerateEmbedding GenerateInt GenerateTable GenerateText
    NextValueFor Predict ReadCSV ReadParquet Secret Search ToFile VectorSearch XMLTable
    """.split()
)
REACHING_STEMS: Final = ("AI", "ML", "Read", "Load", "Http", "Export", "Import", "Execute")
#: Functions that the parser does not know by themselves and that compute from their arguments, or say who and when.
HARMLESS: Final = frozenset(
    """
    abs acos age array_agg array_append array_cat array_length array_lower array_ndims array_position
    array_prepend array_remove array_replace array_to_json array_to_string array_upper ascii asin atan atan2 avg
    bin bit_and bit_count bit_length bit_or bool_and bool_or btrim cardinality cbrt ceil ceiling changes char
    char_length character_length chr clock_timestamp coalesce collation concat concat_ws connection_id
    convert_tz corr cos cot count covar_pop covar_samp cume_dist curdate current_database current_date
    current_schema current_time current_timestamp current_user curtime database date date_add date_bin
    date_format date_part date_sub date_trunc dateadd datediff datename datepart datetime datetime2fromparts
    datetimefromparts day dayname dayofmonth dayofweek dayofyear db_name decode degrees dense_rank div elt
    encode eomonth every exp export_set extract factorial field find_in_set first_value floor format format_type
    from_base64 from_days from_unixtime gcd generate_series generate_subscripts get_bit get_byte getdate
    getutcdate glob greatest group_concat grouping hex host hour iff ifnull iif inet_aton inet_ntoa initcap
    instr isdate isfinite isnull isnumeric json json_agg json_array json_array_elements json_array_elements_text
    json_array_length json_arrayagg json_build_array json_build_object json_contains json_contains_path
    json_depth json_each json_each_text json_extract json_extract_path json_extract_path_text json_group_array
    json_group_object json_insert json_keys json_length json_merge_patch json_object json_object_agg
    json_object_keys json_objectagg json_overlaps json_patch json_pretty json_quote json_remove json_replace
    json_search json_set json_strip_nulls json_to_record json_to_recordset json_tree json_type json_typeof
    json_unquote json_valid json_value jsonb_agg jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
    jsonb_extract_path_text jsonb_insert jsonb_object_agg jsonb_object_keys jsonb_path_exists jsonb_path_query
    jsonb_path_query_array jsonb_path_query_first jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof
    julianday justify_days justify_hours justify_interval lag last_day last_value lcase lcm lead least left len
    length like likelihood likely ln localtime localtimestamp locate log log10 log2 lower lpad ltrim make_date
    make_interval make_time make_timestamp make_timestamptz makedate maketime max md5 microsecond mid min minute
    mod mode month monthname newid now nth_value ntile nullif num_nonnulls num_nulls numnode object_name oct
    octet_length ord overlay patindex percent_rank percentile_cont percentile_disc period_add period_diff
    phraseto_tsquery pi plainto_tsquery position pow power printf quarter quote quote_ident quote_literal
    quote_nullable quotename radians rand random rank regexp_count regexp_instr regexp_like regexp_match
    regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr regr_slope repeat
    replace replicate reverse right round row_number row_to_json rpad rtrim schema scope_identity sec_to_time
    second session_user sha sha1 sha2 sha224 sha256 sha384 sha512 sign similarity sin smalldatetimefromparts
    soundex space split_part sqlite_version sqrt st_area st_astext st_contains st_distance st_dwithin
    st_intersects st_makepoint st_within st_x st_y starts_with statement_timestamp std stddev stddev_pop
    stddev_samp stdev stdevp str str_to_date strcmp strftime string_agg string_split string_to_array
    string_to_table stuff substr substring substring_index subtime sum switchoffset sysdate sysdatetime
    sysdatetimeoffset system_user sysutcdatetime tan time time_format time_to_sec timediff timeofday timestamp
    timestampadd timestampdiff to_ascii to_base64 to_char to_date to_days to_hex to_json to_jsonb to_number
    to_seconds to_timestamp to_tsquery to_tsvector total total_changes transaction_timestamp translate trim
    trunc truncate try_cast try_convert ts_headline ts_rank ts_rank_cd typeof ucase unhex unicode unistr
    unix_timestamp unixepoch unlikely unnest upper user utc_date utc_time utc_timestamp uuid uuid_generate_v4
    values var var_pop var_samp variance varp version websearch_to_tsquery week weekday weekofyear width_bucket
    year yearweek zeroblob gen_random_uuid
    """.split()
)
#: Schemas of databases themselves, whose functions are known by their last name.
OWN_SCHEMAS: Final = frozenset({"pg_catalog", "information_schema", "sys"})
#: Words that begin the next statement for a database that needs no semicolon, and are names of a table for others.
STATEMENT_WORDS: Final = frozenset(
    """
    backup checkpoint commit declare delete deny disable drop dump enable exec execute go grant insert kill load
    merge print raiserror receive reconfigure restore revert revoke rollback save set shutdown truncate update
    use waitfor
    """.split()
)
#: Ends of names that DuckDB reads as files.
FILE_ENDINGS: Final = frozenset("csv tsv json jsonl ndjson parquet arrow xlsx txt gz zst db duckdb sqlite".split())
#: Engines of MySQL that keep a table's rows in the database itself.
PLAIN_ENGINES: Final = frozenset({"innodb", "myisam", "memory", "aria"})
#: Words in front of a table's name for some databases; for others the name itself, and what follows another one for it.
MODIFIERS: Final = frozenset(
    """
    all concurrently delayed final high_priority if ignore into lateral low_priority new old only owned quick rows table
    tables top
    """.split()
)
