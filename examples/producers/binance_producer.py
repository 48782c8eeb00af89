"""Writes two trades and one bad record to Assay: python binance_producer.py (see docs/producers.md)."""

import io
import json
import os
import pathlib
import struct
import sys
import time
import urllib.request

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from fastavro import parse_schema, schemaless_writer

BROKERS = os.environ.get("ASSAY_KAFKA_BROKERS", "localhost:9092")
REGISTRY = os.environ.get("ASSAY_REGISTRY_URL", "http://localhost:8081")
TOPIC = "market.crypto.trades.binance.raw"
SCHEMA = pathlib.Path(__file__).parents[2] / "schemas" / "BinanceRawTrade.avsc"


def register(subject, schema):
    """Gives the schema's id. The same schema always has the same one; an incompatible schema is refused (409)."""
    request = urllib.request.Request(
        f"{REGISTRY}/subjects/{subject}/versions",
        data=json.dumps({"schema": schema}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["id"]


def ensure_topic():
    """Makes the topic as Assay's own feed would; one that is there stays as it is."""
    config = {"cleanup.policy": "delete", "message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    admin = AdminClient({"bootstrap.servers": BROKERS})
    for made in admin.create_topics([NewTopic(TOPIC, num_partitions=4, config=config)]).values():
        try:
            made.result()
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise


def frame(schema_id, schema, record):
    """Confluent's frame: a zero byte, the id in four bytes, big-endian, and the Avro body."""
    body = io.BytesIO()
    schemaless_writer(body, schema, record)
    return struct.pack(">bI", 0, schema_id) + body.getvalue()


def trade(trade_id, price, quantity):
    now_ms = time.time_ns() // 1_000_000
    return {
        "event_type": "trade",
        "event_time_ms": now_ms,
        "symbol": "BTCUSDT",
        "trade_id": trade_id,
        "price": price,
        "quantity": quantity,
        "trade_time_ms": now_ms,
        "is_buyer_maker": False,
        "is_best_match": True,
        "ingestion_timestamp": time.time_ns() // 1_000,
    }


def main():
    text = SCHEMA.read_text(encoding="utf-8")
    schema = parse_schema(json.loads(text))
    schema_id = register(f"{TOPIC}-value", text)
    ensure_topic()
    failed = []
    # murmur2_random: the partitioner of Java's clients and of Assay; librdkafka's own is another one.
    producer = Producer(
        {
            "bootstrap.servers": BROKERS,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
        }
    )

    def delivered(error, message):
        if error:
            failed.append(error)
        else:
            print(f"{message.topic()}/{message.partition()}/{message.offset()}")

    # The third has no price: Assay keeps it as a dead letter with the reason.
    for record in (trade(1, "68000.10", "0.5"), trade(2, "68000.20", "0.25"), trade(3, "n/a", "1")):
        producer.produce(TOPIC, key=record["symbol"], value=frame(schema_id, schema, record), on_delivery=delivered)
    waiting = producer.flush(30)
    if failed or waiting:
        sys.exit(f"not delivered: {failed}, without an answer: {waiting}")


main()
