-- Ordered by time, with a full copy ordered by path and one by identity, made
-- when parts are merged; Bloom filters for what is rarely asked. Absent values
-- are empty. Projections do not inherit the columns' codecs, hence the default.
CREATE TABLE events (
  timestamp     DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
  idx           UInt64 CODEC(Delta(8), ZSTD(1)),
  id            String,
  action        LowCardinality(String),
  identity_type LowCardinality(String),
  identity_id   LowCardinality(String),
  secret_path   LowCardinality(String),
  source_ip     LowCardinality(String),
  user_agent    LowCardinality(String),
  success       Bool,
  duration_ms   UInt32,
  request_id    String,
  extra_data    String,
  INDEX by_request request_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX by_address source_ip TYPE bloom_filter(0.01) GRANULARITY 1,
  PROJECTION by_path (SELECT * ORDER BY secret_path, timestamp, idx),
  PROJECTION by_identity (SELECT * ORDER BY identity_id, timestamp, idx)
) ENGINE = MergeTree PARTITION BY toYYYYMM(timestamp) ORDER BY (timestamp, idx)
SETTINGS default_compression_codec = 'ZSTD(1)',
  fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1,
  non_replicated_deduplication_window = 10000,
  materialize_projections_on_insert = 0, materialize_projections_on_merge = 1
