-- Without keys: an index of the ids of ten million events takes a gigabyte of memory, and a third of the time of a write.
-- Ids are looked up by the statistics of the blocks in place of it (known_ids.py). A key cannot be dropped, so the tables
-- are written anew; all in one transaction, so that a start that is killed meanwhile begins again.
CREATE TABLE events_anew (
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    name VARCHAR,
    status VARCHAR NOT NULL,
    start_time TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    run_id VARCHAR,
    run_name VARCHAR,
    session_id VARCHAR,
    user_id VARCHAR,
    customer_id VARCHAR,
    environment VARCHAR,
    service VARCHAR,
    trace_id VARCHAR,
    span_id VARCHAR,
    parent_span_id VARCHAR,
    section_path VARCHAR,
    agent VARCHAR,
    tags VARCHAR[],
    metadata VARIANT,
    process_id VARCHAR,
    sequence BIGINT,
    duration_ms DOUBLE,
    time_to_first_token_ms DOUBLE,
    provider VARCHAR,
    operation VARCHAR,
    request_model VARCHAR,
    response_model VARCHAR,
    model VARCHAR,
    error_type VARCHAR,
    error_message VARCHAR,
    http_status INTEGER,
    stream BOOLEAN,
    attempt INTEGER,
    logical_call_id VARCHAR,
    response_id VARCHAR,
    request_id VARCHAR,
    call_key VARCHAR,
    billable BOOLEAN,
    merged_into VARCHAR,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_write_tokens BIGINT,
    reasoning_tokens BIGINT,
    units JSON USING COMPRESSION zstd,
    usage_details JSON,
    usage_source VARCHAR,
    usage_flags JSON,
    usage_raw JSON USING COMPRESSION zstd,
    dimensions JSON,
    cost_usd DECIMAL(18, 12),
    cost_state VARCHAR,
    cost_reason VARCHAR,
    cost_lines JSON USING COMPRESSION zstd,
    price_book VARCHAR,
    priced_model VARCHAR,
    table_usd DECIMAL(18, 12),
    reported_cost_usd DECIMAL(18, 12),
    attributes VARIANT,
    host VARCHAR,
    transport VARCHAR,
    sdk VARCHAR,
    sdk_version VARCHAR,
    revision INTEGER,
    clock_skew_ms DOUBLE,
    notes JSON,
    is_exchange BOOLEAN,
    borrowed JSON
);
INSERT INTO events_anew BY NAME SELECT * FROM events;
DROP TABLE events;
ALTER TABLE events_anew RENAME TO events;

CREATE TABLE span_starts_anew (
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    type VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    name VARCHAR,
    status VARCHAR NOT NULL,
    start_time TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    run_id VARCHAR,
    run_name VARCHAR,
    session_id VARCHAR,
    user_id VARCHAR,
    customer_id VARCHAR,
    environment VARCHAR,
    service VARCHAR,
    trace_id VARCHAR,
    span_id VARCHAR,
    parent_span_id VARCHAR,
    section_path VARCHAR,
    agent VARCHAR,
    tags VARCHAR[],
    metadata VARIANT,
    process_id VARCHAR,
    sequence BIGINT
);
INSERT INTO span_starts_anew BY NAME SELECT * FROM span_starts;
DROP TABLE span_starts;
ALTER TABLE span_starts_anew RENAME TO span_starts;

CREATE TABLE contents_anew (
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    received_at TIMESTAMP NOT NULL,
    input VARCHAR USING COMPRESSION zstd,
    output VARCHAR USING COMPRESSION zstd,
    truncated BOOLEAN,
    redactions INTEGER
);
INSERT INTO contents_anew BY NAME SELECT * FROM contents;
DROP TABLE contents;
ALTER TABLE contents_anew RENAME TO contents;

CREATE TABLE scores_anew (
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    said_at TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    run_id VARCHAR,
    session_id VARCHAR,
    user_id VARCHAR,
    customer_id VARCHAR,
    section_path VARCHAR,
    environment VARCHAR,
    service VARCHAR,
    process_id VARCHAR,
    sequence BIGINT,
    target_type VARCHAR NOT NULL,
    target_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    data_type VARCHAR NOT NULL,
    value DECIMAL(27, 12),
    label VARCHAR,
    comment VARCHAR USING COMPRESSION zstd,
    source VARCHAR NOT NULL,
    evaluation_id VARCHAR
);
INSERT INTO scores_anew BY NAME SELECT * FROM scores;
DROP TABLE scores;
ALTER TABLE scores_anew RENAME TO scores;

CREATE TABLE facts_anew (
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    said_at TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL,
    run_id VARCHAR,
    session_id VARCHAR,
    user_id VARCHAR,
    customer_id VARCHAR,
    section_path VARCHAR,
    environment VARCHAR,
    service VARCHAR,
    process_id VARCHAR,
    sequence BIGINT,
    target_event_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    data JSON USING COMPRESSION zstd
);
INSERT INTO facts_anew BY NAME SELECT * FROM facts;
DROP TABLE facts;
ALTER TABLE facts_anew RENAME TO facts;
