-- The tables of the first stores: no tiers, no logs, no warnings.
CREATE TABLE runs (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    run_id VARCHAR NOT NULL,
    as_of VARCHAR NOT NULL,
    published_at VARCHAR NOT NULL,
    model_version VARCHAR,
    model_metrics TEXT NOT NULL,
    summary TEXT NOT NULL,
    rows INTEGER NOT NULL,
    UNIQUE (run_id)
);
CREATE TABLE scores (
    run INTEGER NOT NULL,
    customer_id VARCHAR NOT NULL,
    customer_name VARCHAR,
    churn_probability FLOAT,
    segment VARCHAR,
    churn_band VARCHAR,
    recommended_action VARCHAR,
    expected_profit FLOAT,
    value_at_stake FLOAT,
    body BLOB NOT NULL,
    UNIQUE (run, customer_id),
    FOREIGN KEY(run) REFERENCES runs (number)
);
CREATE TABLE current (
    only INTEGER NOT NULL CHECK (only = 1),
    run INTEGER NOT NULL,
    previous_run INTEGER,
    PRIMARY KEY (only),
    FOREIGN KEY(run) REFERENCES runs (number),
    FOREIGN KEY(previous_run) REFERENCES runs (number)
);
CREATE INDEX scores_by_value_at_stake ON scores (run, value_at_stake, customer_id, segment, churn_band, recommended_action);
CREATE INDEX scores_by_churn_probability ON scores (run, churn_probability, customer_id, segment, churn_band, recommended_action);
CREATE INDEX scores_by_expected_profit ON scores (run, expected_profit, customer_id, segment, churn_band, recommended_action);
