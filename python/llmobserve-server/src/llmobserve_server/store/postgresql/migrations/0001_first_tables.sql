-- Text is compared by its bytes, whatever the database's own collation: order and pages are then those of every engine.
-- jsonb where values are filtered by key, json where they are only read back as they came.
DO $$
DECLARE
    -- Lower case beyond ASCII needs a collation that knows it; which there are depends on version and build.
    chosen text := (
        SELECT format('pg_catalog.%I', collname) FROM pg_collation
        WHERE collname IN ('pg_c_utf8', 'unicode', 'und-x-icu', 'C.utf8')
        AND collnamespace = 'pg_catalog'::regnamespace AND collencoding IN (-1, pg_char_to_encoding('UTF8'))
        ORDER BY array_position(ARRAY['pg_c_utf8', 'unicode', 'und-x-icu', 'C.utf8'], collname::text) LIMIT 1
    );
BEGIN
    EXECUTE format(
        'CREATE FUNCTION llmobserve_lower(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE '
        'RETURN lower($1 COLLATE %s)', coalesce(chosen, '"default"')
    );
END
$$;

-- One row an event, wherever its partition is: a key of a partitioned table holds within one time only.
CREATE TABLE event_ids (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    start_time timestamp NOT NULL,
    PRIMARY KEY (project_id, event_id)
);

CREATE TABLE events (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    start_time timestamp NOT NULL,
    received_at timestamp NOT NULL,
    run_id text COLLATE "C",
    run_name text COLLATE "C",
    session_id text COLLATE "C",
    user_id text COLLATE "C",
    customer_id text COLLATE "C",
    environment text COLLATE "C",
    service text COLLATE "C",
    trace_id text COLLATE "C",
    span_id text COLLATE "C",
    parent_span_id text COLLATE "C",
    section_path text COLLATE "C",
    agent text COLLATE "C",
    tags text[] COLLATE "C",
    metadata jsonb,
    process_id text COLLATE "C",
    sequence bigint,
    duration_ms double precision,
    time_to_first_token_ms double precision,
    provider text COLLATE "C",
    operation text COLLATE "C",
    request_model text COLLATE "C",
    response_model text COLLATE "C",
    model text COLLATE "C",
    error_type text COLLATE "C",
    error_message text COLLATE "C",
    http_status integer,
    stream boolean,
    attempt integer,
    logical_call_id text COLLATE "C",
    response_id text COLLATE "C",
    request_id text COLLATE "C",
    call_key text COLLATE "C",
    billable boolean,
    merged_into text COLLATE "C",
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    reasoning_tokens bigint,
    units json,
    usage_details json,
    usage_source text COLLATE "C",
    usage_flags json,
    usage_raw json,
    dimensions json,
    cost_usd numeric(18, 12),
    cost_state text COLLATE "C",
    cost_reason text COLLATE "C",
    cost_lines json,
    price_book text COLLATE "C",
    priced_model text COLLATE "C",
    table_usd numeric(18, 12),
    reported_cost_usd numeric(18, 12),
    attributes jsonb,
    host text COLLATE "C",
    transport text COLLATE "C",
    sdk text COLLATE "C",
    sdk_version text COLLATE "C",
    revision integer,
    clock_skew_ms double precision,
    notes json,
    is_exchange boolean DEFAULT true,
    borrowed json,
    PRIMARY KEY (project_id, start_time, event_id)
) PARTITION BY RANGE (start_time);

CREATE TABLE events_at_odd_times PARTITION OF events DEFAULT;
CREATE INDEX events_event_id ON events (event_id);
CREATE INDEX events_run_id ON events (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX events_trace_id ON events (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX events_call_key ON events (call_key) WHERE call_key IS NOT NULL;
CREATE INDEX events_session_id ON events (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX events_merged_into ON events (merged_into) WHERE merged_into IS NOT NULL;
-- Records by other means than an SDK's wire, among which the ones of the same call are looked for: few, as a rule.
CREATE INDEX events_others ON events (start_time) WHERE NOT is_exchange;
CREATE INDEX events_unpriced ON events (project_id, start_time) WHERE cost_state = 'unpriced';
CREATE INDEX events_request_id ON events (request_id) WHERE request_id IS NOT NULL;

CREATE TABLE span_starts (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    start_time timestamp NOT NULL,
    received_at timestamp NOT NULL,
    run_id text COLLATE "C",
    run_name text COLLATE "C",
    session_id text COLLATE "C",
    user_id text COLLATE "C",
    customer_id text COLLATE "C",
    environment text COLLATE "C",
    service text COLLATE "C",
    trace_id text COLLATE "C",
    span_id text COLLATE "C",
    parent_span_id text COLLATE "C",
    section_path text COLLATE "C",
    agent text COLLATE "C",
    tags text[] COLLATE "C",
    metadata jsonb,
    process_id text COLLATE "C",
    sequence bigint,
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX span_starts_start ON span_starts (project_id, start_time);
CREATE INDEX span_starts_run_id ON span_starts (run_id);

CREATE TABLE contents (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    received_at timestamp NOT NULL,
    input text COLLATE "C",
    output text COLLATE "C",
    truncated boolean,
    redactions integer,
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX contents_received ON contents (received_at);

CREATE TABLE scores (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    said_at timestamp NOT NULL,
    received_at timestamp NOT NULL,
    run_id text COLLATE "C",
    session_id text COLLATE "C",
    user_id text COLLATE "C",
    customer_id text COLLATE "C",
    section_path text COLLATE "C",
    environment text COLLATE "C",
    service text COLLATE "C",
    process_id text COLLATE "C",
    sequence bigint,
    target_type text COLLATE "C" NOT NULL,
    target_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    data_type text COLLATE "C" NOT NULL,
    value numeric(27, 12),
    label text COLLATE "C",
    comment text COLLATE "C",
    source text COLLATE "C" NOT NULL,
    evaluation_id text COLLATE "C",
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX scores_said ON scores (project_id, said_at);
CREATE INDEX scores_target ON scores (project_id, target_type, target_id);

CREATE TABLE facts (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    said_at timestamp NOT NULL,
    received_at timestamp NOT NULL,
    run_id text COLLATE "C",
    session_id text COLLATE "C",
    user_id text COLLATE "C",
    customer_id text COLLATE "C",
    section_path text COLLATE "C",
    environment text COLLATE "C",
    service text COLLATE "C",
    process_id text COLLATE "C",
    sequence bigint,
    target_event_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    data json,
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX facts_target ON facts (project_id, target_event_id);
CREATE INDEX facts_said ON facts (project_id, said_at);

CREATE TABLE dead_letters (
    project_id text COLLATE "C" NOT NULL,
    received_at timestamp NOT NULL,
    batch_id text COLLATE "C",
    position integer,
    event_id text COLLATE "C",
    reason text COLLATE "C" NOT NULL,
    body text COLLATE "C"
);
CREATE INDEX dead_letters_received ON dead_letters (project_id, received_at);

CREATE TABLE cost_versions (
    project_id text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    start_time timestamp NOT NULL,
    revision integer,
    cost_usd numeric(18, 12),
    cost_state text COLLATE "C",
    cost_reason text COLLATE "C",
    cost_lines json,
    price_book text COLLATE "C",
    priced_model text COLLATE "C",
    model text COLLATE "C",
    table_usd numeric(18, 12),
    replaced_at timestamp NOT NULL,
    job_id text COLLATE "C" NOT NULL
);
CREATE INDEX cost_versions_event ON cost_versions (project_id, event_id);

CREATE TABLE reprice_log (
    project_id text COLLATE "C" NOT NULL,
    job_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    logged_at timestamp NOT NULL,
    cursor_time timestamp,
    cursor_id text COLLATE "C",
    done boolean NOT NULL,
    facts json,
    PRIMARY KEY (project_id, job_id, number)
);

CREATE TABLE receipts (
    project_id text COLLATE "C" NOT NULL,
    received_at timestamp NOT NULL,
    batch_id text COLLATE "C" NOT NULL,
    process_id text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    environment text COLLATE "C",
    sdk text COLLATE "C",
    sdk_version text COLLATE "C",
    records integer NOT NULL,
    rejected integer NOT NULL,
    duplicates integer NOT NULL,
    numbered integer NOT NULL,
    first_sequence bigint,
    last_sequence bigint,
    clock_skew_ms double precision
);
CREATE INDEX receipts_received ON receipts (project_id, received_at);
CREATE INDEX receipts_process ON receipts (project_id, process_id);

CREATE TABLE losses (
    project_id text COLLATE "C" NOT NULL,
    received_at timestamp NOT NULL,
    batch_id text COLLATE "C" NOT NULL,
    process_id text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    environment text COLLATE "C",
    reason text COLLATE "C" NOT NULL,
    records bigint NOT NULL
);
CREATE INDEX losses_received ON losses (project_id, received_at);
CREATE INDEX losses_process ON losses (project_id, process_id);

CREATE TABLE process_reports (
    project_id text COLLATE "C" NOT NULL,
    received_at timestamp NOT NULL,
    process_id text COLLATE "C" NOT NULL,
    service text COLLATE "C",
    environment text COLLATE "C",
    host text COLLATE "C",
    sdk text COLLATE "C",
    sdk_version text COLLATE "C",
    language text COLLATE "C",
    ended boolean NOT NULL,
    report json
);
CREATE INDEX process_reports_process ON process_reports (project_id, process_id, received_at);
CREATE INDEX process_reports_received ON process_reports (received_at);
