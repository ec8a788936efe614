"""What is known of DuckDB's functions by name: which depend on the order of rows, on the clock, on chance, on files.

A test compares these lists with `duckdb_functions()`, so that a newer DuckDB's are placed before they are trusted.
"""

# Aggregates that add up fractions: the last digits depend on the order they are added in.
_SUM = """
    avg corr covar_pop covar_samp decimal_average entropy favg fsum geomean geometric_mean kahan_sum kurtosis
    kurtosis_pop mean product regr_avgx regr_avgy regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy sem
    skewness stddev stddev_pop stddev_samp sum sumkahan var_pop var_samp variance wavg weighted_avg
"""
# Aggregates that keep rows in the order they come in, or one of those that are equally good.
_PICK = """
    any_value approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null
    arg_min_nulls_last argmax argmin array_agg combine_aggr first group_concat json_group_array json_group_object
    json_group_structure last list listagg lttb max_by min_by mode reservoir_quantile string_agg variant_group_array
    variant_group_object
"""
# Aggregates whose result no order changes.
_FREE = """
    approx_count_distinct bit_and bit_or bit_xor bitstring_agg bool_and bool_or count count_if count_star countif
    histogram histogram_exact mad max median min quantile quantile_cont quantile_disc regr_count sum_no_overflow
"""
# Window functions that go by a row's place: rows that tie may change places.
_POSITION = """
    fill first_value lag last_value lead nth_value ntile row_number
"""
# Window functions that give rows that tie the same.
_RANK = """
    cume_dist dense_rank percent_rank rank rank_dense
"""
# The moment of the build.
_CLOCK = """
    ago current_date current_localtime current_localtimestamp current_time current_timestamp get_current_date
    get_current_time get_current_timestamp localtime localtimestamp now today transaction_timestamp
"""
# Drawn anew in every build.
_CHANCE = """
    gen_random_uuid random setseed uuid uuidv4 uuidv7
"""
# What the session knows and the data do not.
_SESSION = """
    current_catalog current_connection_id current_database current_query current_query_id current_role
    current_schema current_schemas current_setting current_transaction_id current_user currval getenv getvariable
    in_search_path nextval session_user setval txid_current user version
"""
# Functions of one row, or of one list, and tables made of nothing but their arguments.
_SCALAR = """
    __between __cast abs acos acosh add age aggregate alias apply ascii asin asinh assert_true atan atan2 atanh bar
    base64 bin binom bit_count bit_length bit_position bitstring bitstring_byte_comparable can_cast_implicitly
    cardinality cast_to_type cbrt ceil ceiling century char_length character_length chr combine concat concat_ws
    constant_or_null contains cos cosh cot create_sort_key damerau_levenshtein date_add date_diff date_part date_sub
    date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear days_in_month decade
    decimal_division decode degrees divide editdist3 element_at encode ends_with enum_code enum_first enum_last
    enum_range enum_range_boundary epoch epoch_ms epoch_ns epoch_us equi_width_bins era even exp factorial fdiv
    filter finalize flatten floor fmod format format_bytes format_pg_type format_type formatreadabledecimalsize
    formatreadablesize from_base64 from_binary from_hex from_json from_json_strict gamma gcd generate_series
    generate_subscripts get_bit get_type grade_up greatest greatest_common_divisor hamming hash hex histogram_values
    hive_partition_component hour if ilike_escape index_key instr invoke is_histogram_other_bin isfinite isinf isnan
    isodow isoyear jaccard jaro_similarity jaro_winkler_similarity json json_array json_array_length json_contains
    json_copy_strftime_if_date json_copy_strftime_if_timestamp json_deep_merge json_deserialize_sql json_each
    json_exists json_extract json_extract_path json_extract_path_text json_extract_string json_insert json_keys
    json_merge_patch json_merge_patch_diff json_normalize json_object json_pretty json_quote json_remove
    json_replace json_serialize_plan json_serialize_sql json_set json_strip_nulls json_structure json_transform
    json_transform_strict json_tree json_type json_valid json_value julian last_day lcase lcm least
    least_common_multiple left left_grapheme len length length_grapheme levenshtein lgamma like_escape ln log log10
    log2 lower lpad ltrim make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz
    make_type map map_concat map_contains map_contains_entry map_contains_value map_entries map_extract
    map_extract_value map_from_entries map_keys map_to_pg_oid map_values md5 md5_number md5_number_lower
    md5_number_upper microsecond millennium millisecond minute mismatches mod month monthname multiply nanosecond
    nextafter nfc_normalize normalized_interval not_ilike_escape not_like_escape nullif octet_length ord overlay
    parse_dirname parse_dirpath parse_duckdb_log_message parse_filename parse_formatted_bytes parse_path path_join
    pi position pow power prefix printf quarter radians range reduce regexp_escape regexp_extract regexp_extract_all
    regexp_full_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table remap_struct repeat
    repeat_row replace replace_type reverse right right_grapheme round round_even roundbankers row row_to_json rpad
    rtrim second set_bit sha1 sha256 sign signbit sin sinh split split_part sqrt st_asbinary st_asgeojson st_astext
    st_aswkb st_aswkt st_crs st_geomfromgeojson st_geomfromwkb st_intersects_extent st_setcrs starts_with str_split
    str_split_regex strftime string_split string_split_regex string_to_array strip_accents strlen strpos strptime
    struct_concat struct_contains struct_extract struct_extract_at struct_has struct_indexof struct_insert
    struct_keys struct_pack struct_position struct_update struct_values substr substring substring_grapheme subtract
    suffix switch tan tanh time_bucket timetz_byte_comparable timezone timezone_hour timezone_minute
    to_aggregate_state to_base to_base64 to_binary to_centuries to_days to_decades to_hex to_hours to_json
    to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks
    to_years translate trim trunc try_strptime typeof ucase unbin unhex unicode union_extract union_tag union_value
    unnest unpivot_list upper url_decode url_encode uuid_extract_timestamp uuid_extract_version variant_array_length
    variant_bytes_to_variant variant_comparator variant_contains variant_exists variant_extract
    variant_extract_string variant_keys variant_normalize variant_to_parquet_variant variant_type variant_typeof
    vertex_extract week weekday weekofyear xor year yearweek
"""

SUMS = frozenset(_SUM.split())
PICKS = frozenset(_PICK.split())
FREE = frozenset(_FREE.split())
POSITIONS = frozenset(_POSITION.split())
RANKS = frozenset(_RANK.split())
CLOCK = frozenset(_CLOCK.split())
CHANCE = frozenset(_CHANCE.split())
SESSION = frozenset(_SESSION.split())
_SCALARS = frozenset(_SCALAR.split())


def of_one_row(name: str) -> bool:
    """Whether a function makes its result of one row's values, or of a list's, alone.

    >>> of_one_row("list_sum"), of_one_row("sum")
    (True, False)
    """
    return name in _SCALARS or (name.startswith(("array_", "collate_", "list_")) and name not in PICKS)


def reads_files(name: str) -> bool:
    """Whether a table function reads files, databases or other things that are no input of the view."""
    return name.startswith(("read_", "parquet_")) or name.endswith("_scan") or name in ("glob", "sniff_csv")


def reads_catalog(name: str) -> bool:
    """Whether a function tells of the database itself, or runs text as SQL."""
    return name.startswith(("duckdb_", "pragma_", "pg_")) or name in ("query", "query_table", "which_secret")
