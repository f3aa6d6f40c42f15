-- Events summed up by hour (all that has few values) and by day (one of the dimensions that have many), and the hours
-- and days whose sums are not those of the events any more. Latencies: see store/latency_shape.py.
CREATE TABLE sums_to_renew (
    grain text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    begins timestamp NOT NULL,
    changes bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (grain, project_id, begins)
);

CREATE TABLE hour_sums (
    project_id text COLLATE "C" NOT NULL,
    start_time timestamp NOT NULL,
    type text COLLATE "C" NOT NULL,
    billable boolean,
    kind text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    cost_state text COLLATE "C",
    is_priced boolean NOT NULL,
    environment text COLLATE "C",
    service text COLLATE "C",
    provider text COLLATE "C",
    model text COLLATE "C",
    operation text COLLATE "C",
    error_type text COLLATE "C",
    host text COLLATE "C",
    transport text COLLATE "C",
    sdk text COLLATE "C",
    stream boolean,
    n_records bigint NOT NULL,
    cost_usd numeric(38, 12),
    input_tokens numeric,
    output_tokens numeric,
    cache_read_tokens numeric,
    duration_shape numeric,
    ttft_shape numeric
);
CREATE INDEX hour_sums_start ON hour_sums (project_id, start_time);

CREATE TABLE day_sums (
    project_id text COLLATE "C" NOT NULL,
    start_time timestamp NOT NULL,
    dimension text COLLATE "C" NOT NULL,
    value text COLLATE "C",
    type text COLLATE "C" NOT NULL,
    billable boolean,
    status text COLLATE "C" NOT NULL,
    cost_state text COLLATE "C",
    is_priced boolean NOT NULL,
    environment text COLLATE "C",
    n_records bigint NOT NULL,
    cost_usd numeric(38, 12),
    input_tokens numeric,
    output_tokens numeric,
    cache_read_tokens numeric,
    duration_shape numeric,
    ttft_shape numeric
);
CREATE INDEX day_sums_start ON day_sums (project_id, dimension, start_time);

-- One call of this duration as a number that can be added up: see store/latency_shape.py.
CREATE FUNCTION llmobserve_shape(ms double precision) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ('1e' || 12 * (
    CASE WHEN ms <= 0 THEN 0 ELSE least(greatest(ceil(ln(ms) / ln(1.15::double precision))::integer + 33, 1), 160) END
))::numeric;
