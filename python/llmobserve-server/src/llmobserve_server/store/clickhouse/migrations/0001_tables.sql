-- Of the rows with one id the newest is read: of an event the one of the highest revision, so that a collector that
-- writes an event again (to merge it, or with a new cost) never takes back a revision that another has just stored.
-- The month of a partition and the order are those of the id alone, which never changes; the time of an event may.
-- JSON is text, which comes back as it was written: the type JSON splits names at dots and has no NULL.
CREATE TABLE IF NOT EXISTS {events} {on_cluster} (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    type LowCardinality(String),
    kind LowCardinality(String),
    name LowCardinality(Nullable(String)),
    status LowCardinality(String),
    start_time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run_id Nullable(String) CODEC(ZSTD(1)),
    run_name LowCardinality(Nullable(String)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    customer_id Nullable(String) CODEC(ZSTD(1)),
    environment LowCardinality(Nullable(String)),
    service LowCardinality(Nullable(String)),
    trace_id Nullable(String) CODEC(ZSTD(1)),
    span_id Nullable(String) CODEC(ZSTD(1)),
    parent_span_id Nullable(String) CODEC(ZSTD(1)),
    section_path LowCardinality(Nullable(String)),
    agent LowCardinality(Nullable(String)),
    tags Array(String) CODEC(ZSTD(1)),
    metadata Nullable(String) CODEC(ZSTD(1)),
    process_id Nullable(String) CODEC(ZSTD(1)),
    sequence Nullable(Int64),
    duration_ms Nullable(Float64),
    time_to_first_token_ms Nullable(Float64),
    provider LowCardinality(Nullable(String)),
    operation LowCardinality(Nullable(String)),
    request_model LowCardinality(Nullable(String)),
    response_model LowCardinality(Nullable(String)),
    model LowCardinality(Nullable(String)),
    error_type LowCardinality(Nullable(String)),
    error_message Nullable(String) CODEC(ZSTD(1)),
    http_status Nullable(Int32),
    stream Nullable(Bool),
    attempt Nullable(Int32),
    logical_call_id Nullable(String) CODEC(ZSTD(1)),
    response_id Nullable(String) CODEC(ZSTD(1)),
    request_id Nullable(String) CODEC(ZSTD(1)),
    call_key Nullable(String) CODEC(ZSTD(1)),
    billable Nullable(Bool),
    merged_into Nullable(String) CODEC(ZSTD(1)),
    input_tokens Nullable(Int64),
    output_tokens Nullable(Int64),
    cache_read_tokens Nullable(Int64),
    cache_write_tokens Nullable(Int64),
    reasoning_tokens Nullable(Int64),
    units Nullable(String) CODEC(ZSTD(1)),
    usage_details Nullable(String) CODEC(ZSTD(1)),
    usage_source LowCardinality(Nullable(String)),
    usage_flags Nullable(String) CODEC(ZSTD(1)),
    usage_raw Nullable(String) CODEC(ZSTD(1)),
    dimensions Nullable(String) CODEC(ZSTD(1)),
    cost_usd Nullable(Decimal(18, 12)),
    cost_state LowCardinality(Nullable(String)),
    cost_reason LowCardinality(Nullable(String)),
    cost_lines Nullable(String) CODEC(ZSTD(1)),
    price_book LowCardinality(Nullable(String)),
    priced_model LowCardinality(Nullable(String)),
    table_usd Nullable(Decimal(18, 12)),
    reported_cost_usd Nullable(Decimal(18, 12)),
    attributes Nullable(String) CODEC(ZSTD(1)),
    host LowCardinality(Nullable(String)),
    transport LowCardinality(Nullable(String)),
    sdk LowCardinality(Nullable(String)),
    sdk_version LowCardinality(Nullable(String)),
    revision Nullable(Int32),
    clock_skew_ms Nullable(Float64),
    notes Nullable(String) CODEC(ZSTD(1)),
    is_exchange Nullable(Bool),
    borrowed Nullable(String) CODEC(ZSTD(1)),
    written_us UInt64 CODEC(Delta(8), ZSTD(1)),
    version UInt128 MATERIALIZED bitShiftLeft(toUInt128(ifNull(revision, 0)), 64) + written_us,
    INDEX by_start_time start_time TYPE minmax,
    INDEX by_received_at received_at TYPE minmax,
    INDEX by_run_id run_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace_id trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_call_key call_key TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_request_id request_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_merged_into merged_into TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {by_version}
PARTITION BY toYYYYMM(if(toYear(UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC')) BETWEEN 2015 AND 2099, UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC'), toDateTime64(0, 3, 'UTC')))
ORDER BY (project_id, event_id)
{settings};

CREATE TABLE IF NOT EXISTS {span_starts} {on_cluster} (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    type LowCardinality(String),
    kind LowCardinality(String),
    name LowCardinality(Nullable(String)),
    status LowCardinality(String),
    start_time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run_id Nullable(String) CODEC(ZSTD(1)),
    run_name LowCardinality(Nullable(String)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    customer_id Nullable(String) CODEC(ZSTD(1)),
    environment LowCardinality(Nullable(String)),
    service LowCardinality(Nullable(String)),
    trace_id Nullable(String) CODEC(ZSTD(1)),
    span_id Nullable(String) CODEC(ZSTD(1)),
    parent_span_id Nullable(String) CODEC(ZSTD(1)),
    section_path LowCardinality(Nullable(String)),
    agent LowCardinality(Nullable(String)),
    tags Array(String) CODEC(ZSTD(1)),
    metadata Nullable(String) CODEC(ZSTD(1)),
    process_id Nullable(String) CODEC(ZSTD(1)),
    sequence Nullable(Int64),
    written_us UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX by_start_time start_time TYPE minmax,
    INDEX by_run_id run_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_trace_id trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {by_time}
PARTITION BY toYYYYMM(if(toYear(UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC')) BETWEEN 2015 AND 2099, UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC'), toDateTime64(0, 3, 'UTC')))
ORDER BY (project_id, event_id)
{settings};

CREATE TABLE IF NOT EXISTS {contents} {on_cluster} (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    input Nullable(String) CODEC(ZSTD(3)),
    output Nullable(String) CODEC(ZSTD(3)),
    truncated Nullable(Bool),
    redactions Nullable(Int32),
    written_us UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX by_received_at received_at TYPE minmax
) ENGINE = {by_time}
PARTITION BY toYYYYMM(if(toYear(UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC')) BETWEEN 2015 AND 2099, UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC'), toDateTime64(0, 3, 'UTC')))
ORDER BY (project_id, event_id)
{settings};

CREATE TABLE IF NOT EXISTS {scores} {on_cluster} (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    said_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run_id Nullable(String) CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    customer_id Nullable(String) CODEC(ZSTD(1)),
    section_path LowCardinality(Nullable(String)),
    environment LowCardinality(Nullable(String)),
    service LowCardinality(Nullable(String)),
    process_id Nullable(String) CODEC(ZSTD(1)),
    sequence Nullable(Int64),
    target_type LowCardinality(String),
    target_id String CODEC(ZSTD(1)),
    name LowCardinality(String),
    data_type LowCardinality(String),
    value Nullable(Decimal(27, 12)),
    label Nullable(String) CODEC(ZSTD(1)),
    comment Nullable(String) CODEC(ZSTD(1)),
    source LowCardinality(String),
    evaluation_id Nullable(String) CODEC(ZSTD(1)),
    written_us UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX by_said_at said_at TYPE minmax,
    INDEX by_target_id target_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {by_time}
PARTITION BY toYYYYMM(if(toYear(UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC')) BETWEEN 2015 AND 2099, UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC'), toDateTime64(0, 3, 'UTC')))
ORDER BY (project_id, event_id)
{settings};

CREATE TABLE IF NOT EXISTS {facts} {on_cluster} (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    said_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    run_id Nullable(String) CODEC(ZSTD(1)),
    session_id Nullable(String) CODEC(ZSTD(1)),
    user_id Nullable(String) CODEC(ZSTD(1)),
    customer_id Nullable(String) CODEC(ZSTD(1)),
    section_path LowCardinality(Nullable(String)),
    environment LowCardinality(Nullable(String)),
    service LowCardinality(Nullable(String)),
    process_id Nullable(String) CODEC(ZSTD(1)),
    sequence Nullable(Int64),
    target_event_id String CODEC(ZSTD(1)),
    kind LowCardinality(String),
    data Nullable(String) CODEC(ZSTD(1)),
    written_us UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX by_said_at said_at TYPE minmax,
    INDEX by_target_event_id target_event_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {by_time}
PARTITION BY toYYYYMM(if(toYear(UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC')) BETWEEN 2015 AND 2099, UUIDv7ToDateTime(toUUIDOrZero(event_id), 'UTC'), toDateTime64(0, 3, 'UTC')))
ORDER BY (project_id, event_id)
{settings};

CREATE TABLE IF NOT EXISTS {dead_letters} {on_cluster} (
    project_id LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    batch_id Nullable(String) CODEC(ZSTD(1)),
    position Nullable(Int32),
    event_id Nullable(String) CODEC(ZSTD(1)),
    reason LowCardinality(String),
    body Nullable(String) CODEC(ZSTD(3))
) ENGINE = {plain}
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, received_at)
{settings};

CREATE TABLE IF NOT EXISTS {cost_versions} {on_cluster} (
    project_id LowCardinality(String),
    event_id String CODEC(ZSTD(1)),
    start_time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    revision Nullable(Int32),
    cost_usd Nullable(Decimal(18, 12)),
    cost_state LowCardinality(Nullable(String)),
    cost_reason LowCardinality(Nullable(String)),
    cost_lines Nullable(String) CODEC(ZSTD(1)),
    price_book LowCardinality(Nullable(String)),
    priced_model LowCardinality(Nullable(String)),
    model LowCardinality(Nullable(String)),
    table_usd Nullable(Decimal(18, 12)),
    replaced_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    job_id String CODEC(ZSTD(1)),
    written_us UInt64 CODEC(Delta(8), ZSTD(1)),
    INDEX by_start_time start_time TYPE minmax
) ENGINE = {by_time}
PARTITION BY toYYYYMM(start_time)
ORDER BY (project_id, event_id, job_id)
{settings};

CREATE TABLE IF NOT EXISTS {reprice_log} {on_cluster} (
    project_id LowCardinality(String),
    job_id String CODEC(ZSTD(1)),
    number Int32,
    logged_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    cursor_time Nullable(DateTime64(6, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    cursor_id Nullable(String) CODEC(ZSTD(1)),
    done Bool,
    facts Nullable(String) CODEC(ZSTD(1)),
    written_us UInt64 CODEC(Delta(8), ZSTD(1))
) ENGINE = {by_time}
ORDER BY (project_id, job_id, number)
{settings};

CREATE TABLE IF NOT EXISTS {receipts} {on_cluster} (
    project_id LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    batch_id String CODEC(ZSTD(1)),
    process_id String CODEC(ZSTD(1)),
    service LowCardinality(Nullable(String)),
    environment LowCardinality(Nullable(String)),
    sdk LowCardinality(Nullable(String)),
    sdk_version LowCardinality(Nullable(String)),
    records Int32,
    rejected Int32,
    duplicates Int32,
    numbered Int32,
    first_sequence Nullable(Int64),
    last_sequence Nullable(Int64),
    clock_skew_ms Nullable(Float64)
) ENGINE = {plain}
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, received_at)
{settings};

CREATE TABLE IF NOT EXISTS {losses} {on_cluster} (
    project_id LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    batch_id String CODEC(ZSTD(1)),
    process_id String CODEC(ZSTD(1)),
    service LowCardinality(Nullable(String)),
    environment LowCardinality(Nullable(String)),
    reason LowCardinality(String),
    records Int64
) ENGINE = {plain}
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, received_at)
{settings};

CREATE TABLE IF NOT EXISTS {process_reports} {on_cluster} (
    project_id LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    process_id String CODEC(ZSTD(1)),
    service LowCardinality(Nullable(String)),
    environment LowCardinality(Nullable(String)),
    host LowCardinality(Nullable(String)),
    sdk LowCardinality(Nullable(String)),
    sdk_version LowCardinality(Nullable(String)),
    language LowCardinality(Nullable(String)),
    ended Bool,
    report Nullable(String) CODEC(ZSTD(1))
) ENGINE = {plain}
PARTITION BY toYYYYMM(received_at)
ORDER BY (project_id, process_id, received_at)
{settings};

