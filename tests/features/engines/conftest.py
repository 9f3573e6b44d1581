import os

# Spark's Java runs for a minute here: what compiles code for hours of work to come costs more than it saves.
os.environ.setdefault("SPARK_SUBMIT_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
