"""A member of a group by librdkafka (confluent-kafka): it says what it is assigned and what it
reads, a line each, and leaves when its standard input ends. A group without offsets begins at the
earliest record, or as the fifth argument says (latest). A record "block MS" makes it compute for so
long."""

import sys
import threading
import time

from confluent_kafka import Consumer

bootstrap, group, topic, strategy = sys.argv[1:5]
start = sys.argv[5] if len(sys.argv) > 5 else "earliest"
owned = set()
lock = threading.Lock()


def say(line):
    with lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def tell_owned():
    say("assigned " + ",".join(str(partition) for partition in sorted(owned)))


def on_assign(_consumer, partitions):
    owned.update(one.partition for one in partitions)
    tell_owned()


def on_gone(_consumer, partitions):
    owned.difference_update(one.partition for one in partitions)
    tell_owned()


consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "client.id": "librdkafka",
        "group.id": group,
        "partition.assignment.strategy": strategy,
        "auto.offset.reset": start,
        "auto.commit.interval.ms": 200,
        "heartbeat.interval.ms": 500,
        "session.timeout.ms": 10000,
        "fetch.wait.max.ms": 200,
    }
)
consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_gone, on_lost=on_gone)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set():
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        say("failed " + str(message.error()))
    else:
        say(f"record {message.partition()} {message.offset()}")
        value = (message.value() or b"").decode()
        if value.startswith("block "):
            say("blocking")
            end = time.monotonic() + int(value.split()[1]) / 1000
            while time.monotonic() < end:
                pass
            say("unblocked")
consumer.close()
