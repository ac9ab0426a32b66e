"""The archive: the committed log as Parquet segments in chains of hashes, so that Kafka's retention may end."""
