-- Generated from llmobserve/backends/postgresql.py: what the backend creates where it is not there.

CREATE TABLE IF NOT EXISTS metric_events (
  event_id text NOT NULL,
  type text NOT NULL,
  revision integer NOT NULL,
  kind text,
  name text,
  status text,
  start_time timestamptz NOT NULL,
  duration_ms double precision,
  time_to_first_token_ms double precision,
  provider text,
  operation text,
  request_model text,
  response_model text,
  model text,
  cost_usd numeric(18, 12),
  cost_state text,
  cost_reason text,
  cost_lines jsonb,
  price_book text,
  priced_model text,
  table_usd numeric(18, 12),
  reported_cost_usd numeric(18, 12),
  input_tokens bigint,
  output_tokens bigint,
  cache_read_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  usage jsonb,
  usage_details jsonb,
  usage_source text,
  usage_flags text[],
  usage_raw jsonb,
  dimensions jsonb,
  error_type text,
  error_message text,
  http_status integer,
  stream boolean,
  attempt integer,
  logical_call_id text,
  response_id text,
  request_id text,
  host text,
  transport text,
  run_id text,
  run_name text,
  agent text,
  section_path text,
  trace_id text,
  span_id text,
  parent_span_id text,
  session_id text,
  user_id text,
  customer_id text,
  tags text[] NOT NULL,
  metadata jsonb,
  attributes jsonb,
  target_type text,
  target_id text,
  score_value numeric(28, 12),
  score_label text,
  input jsonb,
  output jsonb,
  content_truncated boolean,
  content_redactions integer,
  service text,
  environment text,
  process_id text NOT NULL,
  process_host text,
  sequence bigint,
  sdk_version text,
  PRIMARY KEY (event_id, type)
);

CREATE INDEX IF NOT EXISTS metric_events_start_time ON metric_events (start_time);

CREATE INDEX IF NOT EXISTS metric_events_run_id ON metric_events (run_id) WHERE run_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS metric_events_customer ON metric_events (customer_id, start_time) WHERE customer_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS metric_events_model ON metric_events (model, start_time) WHERE model IS NOT NULL;

CREATE INDEX IF NOT EXISTS metric_events_session_id ON metric_events (session_id) WHERE session_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS metric_events_target_id ON metric_events (target_id) WHERE target_id IS NOT NULL;
