-- Events added up by several sets of columns, by hour and by day (store/postgresql/sums/tables.py says which), and the
-- hours and days whose sums are not those of the events any more. Latencies: see store/latency_shape.py.
CREATE TABLE sums_to_renew (
    grain text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    begins timestamp NOT NULL,
    changes bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (grain, project_id, begins)
);

-- Events from before this time are forgotten; their sums are kept as they are.
CREATE TABLE sums_final (
    before timestamp NOT NULL
);

CREATE TABLE event_sums (
    project_id text COLLATE "C" NOT NULL,
    set_id smallint NOT NULL,
    start_time timestamp NOT NULL,
    type text COLLATE "C" NOT NULL,
    billable boolean,
    status text COLLATE "C" NOT NULL,
    cost_state text COLLATE "C",
    is_priced boolean NOT NULL,
    environment text COLLATE "C",
    kind text COLLATE "C",
    provider text COLLATE "C",
    model text COLLATE "C",
    operation text COLLATE "C",
    service text COLLATE "C",
    error_type text COLLATE "C",
    host text COLLATE "C",
    transport text COLLATE "C",
    sdk text COLLATE "C",
    stream boolean,
    agent text COLLATE "C",
    customer_id text COLLATE "C",
    run_name text COLLATE "C",
    section_path text COLLATE "C",
    user_id text COLLATE "C",
    n_records bigint NOT NULL,
    cost_usd numeric(38, 12),
    input_tokens numeric,
    output_tokens numeric,
    cache_read_tokens numeric,
    duration_shape numeric,
    ttft_shape numeric
);
CREATE INDEX event_sums_start ON event_sums (project_id, set_id, start_time);

-- One call of this duration as a number that can be added up: see store/latency_shape.py.
CREATE FUNCTION llmobserve_shape(ms double precision) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('1e' || 12 * (
    CASE WHEN ms <= 0 THEN 0 ELSE least(greatest(ceil(ln(ms) / ln(1.15::double precision))::integer + 33, 1), 160) END
))::numeric;
