-- The lines of every process, as the Collector's clickhouse exporter writes them (its names, in its order). ClickHouse
-- runs this at its first start; the exporter makes no tables of its own.
CREATE TABLE IF NOT EXISTS telegate.logs
(
    Timestamp          DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId            String CODEC(ZSTD(1)),
    SpanId             String CODEC(ZSTD(1)),
    TraceFlags         UInt8,
    SeverityText       LowCardinality(String),
    SeverityNumber     UInt8,
    ServiceName        LowCardinality(String),
    Body               String CODEC(ZSTD(1)),
    ResourceSchemaUrl  LowCardinality(String),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl     LowCardinality(String),
    ScopeName          LowCardinality(String),
    ScopeVersion       LowCardinality(String),
    ScopeAttributes    Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes      Map(LowCardinality(String), String) CODEC(ZSTD(1)),

    -- What lines are selected by, taken out of the attributes as they come in.
    Kind               LowCardinality(String) MATERIALIZED LogAttributes['kind'],
    Event              LowCardinality(String) MATERIALIZED LogAttributes['event'],
    TenantId           String MATERIALIZED LogAttributes['tenant_id'],

    INDEX by_trace TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX by_tenant TenantId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Kind, ServiceName, Timestamp)
TTL toDateTime(Timestamp) + INTERVAL 30 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;
