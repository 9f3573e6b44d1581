-- The tables of a store as Retinue made them before it kept revisions.
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
CREATE TABLE actions (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    action_id VARCHAR NOT NULL,
    customer_id VARCHAR NOT NULL,
    campaign VARCHAR,
    at VARCHAR NOT NULL,
    received_at VARCHAR NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (action_id)
);
CREATE TABLE outcomes (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    outcome_id VARCHAR NOT NULL,
    customer_id VARCHAR NOT NULL,
    campaign VARCHAR,
    at VARCHAR NOT NULL,
    received_at VARCHAR NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (outcome_id)
);
CREATE TABLE evidence (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    learnt_at VARCHAR NOT NULL,
    campaign VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    value FLOAT NOT NULL,
    standard_error FLOAT NOT NULL,
    treated INTEGER NOT NULL,
    controls INTEGER NOT NULL,
    takes_back INTEGER
);
CREATE TABLE alerts (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    alert_id VARCHAR NOT NULL,
    customer_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    rank INTEGER NOT NULL,
    status VARCHAR NOT NULL,
    owner VARCHAR,
    level INTEGER NOT NULL,
    judged INTEGER NOT NULL,
    value FLOAT,
    trend VARCHAR NOT NULL,
    opened_at VARCHAR NOT NULL,
    as_of VARCHAR NOT NULL,
    red_since VARCHAR,
    calm_since VARCHAR,
    resolved_as_of VARCHAR,
    closed_at VARCHAR,
    trend_since VARCHAR NOT NULL,
    said TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (alert_id)
);
CREATE TABLE alert_runs (
    run_id VARCHAR NOT NULL,
    as_of VARCHAR NOT NULL,
    counts TEXT NOT NULL,
    PRIMARY KEY (run_id)
);
CREATE TABLE plans (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    plan_id VARCHAR NOT NULL,
    as_of VARCHAR NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (plan_id)
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
    lifetime_value FLOAT,
    value_score FLOAT,
    tier VARCHAR,
    lifecycle_stage VARCHAR,
    trajectory VARCHAR,
    body BLOB NOT NULL,
    UNIQUE (run, customer_id),
    FOREIGN KEY(run) REFERENCES runs (number)
);
CREATE TABLE debtors (
    run INTEGER NOT NULL,
    customer_id VARCHAR NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, customer_id),
    FOREIGN KEY(run) REFERENCES runs (number)
);
CREATE TABLE invoices (
    run INTEGER NOT NULL,
    invoice_id VARCHAR NOT NULL,
    customer_id VARCHAR NOT NULL,
    late_amount FLOAT NOT NULL,
    late_band VARCHAR,
    days_overdue INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run, invoice_id),
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
CREATE TABLE alert_events (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_id VARCHAR NOT NULL,
    alert INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    made_by VARCHAR NOT NULL,
    what VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    rank INTEGER NOT NULL,
    level INTEGER NOT NULL,
    owner VARCHAR,
    value FLOAT,
    note TEXT,
    UNIQUE (event_id),
    FOREIGN KEY(alert) REFERENCES alerts (number)
);
CREATE TABLE plan_items (
    "plan" INTEGER NOT NULL,
    place INTEGER NOT NULL,
    customer_id VARCHAR NOT NULL,
    account_manager VARCHAR,
    action VARCHAR NOT NULL,
    team VARCHAR,
    channel VARCHAR NOT NULL,
    expected_profit FLOAT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY ("plan", place),
    FOREIGN KEY("plan") REFERENCES plans (number)
);
CREATE INDEX actions_by_campaign ON actions (campaign, number);
CREATE INDEX actions_by_customer ON actions (customer_id, number);
CREATE INDEX outcomes_by_campaign ON outcomes (campaign, number);
CREATE INDEX outcomes_by_customer ON outcomes (customer_id, number);
CREATE INDEX alerts_by_rank ON alerts (rank, number);
CREATE UNIQUE INDEX alerts_one_live_case ON alerts (customer_id, kind) WHERE closed_at IS NULL;
CREATE INDEX alerts_of_customer ON alerts (customer_id, kind);
CREATE TRIGGER alerts_no_delete BEFORE DELETE ON alerts BEGIN SELECT RAISE(ABORT, 'cases are closed, never removed'); END;
CREATE INDEX scores_by_value_at_stake ON scores (run, value_at_stake, customer_id, segment, churn_band, recommended_action);
CREATE INDEX scores_by_churn_probability ON scores (run, churn_probability, customer_id, segment, churn_band, recommended_action);
CREATE INDEX scores_by_lifetime_value ON scores (run, lifetime_value, customer_id, segment, churn_band, recommended_action);
CREATE INDEX scores_by_value_score ON scores (run, value_score, customer_id, segment, churn_band, recommended_action);
CREATE INDEX scores_by_expected_profit ON scores (run, expected_profit, customer_id, segment, churn_band, recommended_action);
CREATE INDEX invoices_by_late_amount ON invoices (run, late_amount, invoice_id, late_band, days_overdue);
CREATE INDEX invoices_by_customer ON invoices (run, customer_id, invoice_id);
CREATE INDEX alert_events_of_alert ON alert_events (alert, number);
CREATE TRIGGER alert_events_no_update BEFORE UPDATE ON alert_events BEGIN SELECT RAISE(ABORT, 'the history of alerts is append-only'); END;
CREATE TRIGGER alert_events_no_delete BEFORE DELETE ON alert_events BEGIN SELECT RAISE(ABORT, 'the history of alerts is append-only'); END;
CREATE INDEX plan_items_by_customer ON plan_items ("plan", customer_id);
