-- What was said of a call's cost before it was priced again. Without a key: an index of ten million ids would take more
-- memory than all else, and a row is written in the transaction that adds its chunk to reprice_log, which has one.
CREATE TABLE cost_versions (
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    start_time TIMESTAMP NOT NULL,
    revision INTEGER,
    cost_usd DECIMAL(18, 12),
    cost_state VARCHAR,
    cost_reason VARCHAR,
    cost_lines JSON USING COMPRESSION zstd,
    price_book VARCHAR,
    priced_model VARCHAR,
    model VARCHAR,
    table_usd DECIMAL(18, 12),
    replaced_at TIMESTAMP NOT NULL,
    job_id VARCHAR NOT NULL
);

CREATE TABLE reprice_log (
    project_id VARCHAR NOT NULL,
    job_id VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    logged_at TIMESTAMP NOT NULL,
    cursor_time TIMESTAMP,
    cursor_id VARCHAR,
    done BOOLEAN NOT NULL,
    facts JSON,
    PRIMARY KEY (project_id, job_id, number)
);
