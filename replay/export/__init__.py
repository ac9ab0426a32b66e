"""What is on the tape, as files that other programs read: Parquet, CSV, DBN."""
