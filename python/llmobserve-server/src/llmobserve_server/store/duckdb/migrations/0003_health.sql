-- What arrived, what senders say they lost, and what they say of themselves. Without keys: a batch that is sent twice
-- makes two receipts, and queries count it once where it has to be.
CREATE TABLE receipts (
    project_id VARCHAR NOT NULL,
    received_at TIMESTAMP NOT NULL,
    batch_id VARCHAR NOT NULL,
    process_id VARCHAR NOT NULL,
    service VARCHAR,
    environment VARCHAR,
    sdk VARCHAR,
    sdk_version VARCHAR,
    records INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    duplicates INTEGER NOT NULL,
    numbered INTEGER NOT NULL,
    first_sequence BIGINT,
    last_sequence BIGINT,
    clock_skew_ms DOUBLE
);

CREATE TABLE losses (
    project_id VARCHAR NOT NULL,
    received_at TIMESTAMP NOT NULL,
    batch_id VARCHAR NOT NULL,
    process_id VARCHAR NOT NULL,
    service VARCHAR,
    environment VARCHAR,
    reason VARCHAR NOT NULL,
    records BIGINT NOT NULL
);

CREATE TABLE process_reports (
    project_id VARCHAR NOT NULL,
    received_at TIMESTAMP NOT NULL,
    process_id VARCHAR NOT NULL,
    service VARCHAR,
    environment VARCHAR,
    host VARCHAR,
    sdk VARCHAR,
    sdk_version VARCHAR,
    language VARCHAR,
    ended BOOLEAN NOT NULL,
    report JSON USING COMPRESSION zstd
);
