-- Rows lie in the order of time, so zone maps find ranges of it; the one
-- question for a single row has an index.
CREATE TABLE events (
  timestamp     TIMESTAMP NOT NULL,
  idx           BIGINT NOT NULL,
  id            VARCHAR,
  action        VARCHAR NOT NULL,
  identity_type VARCHAR NOT NULL,
  identity_id   VARCHAR NOT NULL,
  secret_path   VARCHAR,
  source_ip     VARCHAR,
  user_agent    VARCHAR NOT NULL,
  success       BOOLEAN NOT NULL,
  duration_ms   INTEGER NOT NULL,
  request_id    VARCHAR NOT NULL,
  extra_data    JSON NOT NULL
);

-- indexes
CREATE INDEX events_request ON events (request_id);
