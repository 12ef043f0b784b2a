"""Events through Kafka until every question reflects them: predictions a second, and freshness under load.

Needs a running cluster (``make up``): it produces to the topics of KAFKA_BOOTSTRAP and asks the query service at
EVALSTREAM_URL. The ratio is to the peer that does the least that could be done: the same records produced to, and read
back from, the same broker, with nothing done to them. Of a cluster on this machine the CPU of each process is told, and
how old predictions were when their figures held them, as the matchers measure it: ask that with ``--rate``, at half of
what they manage, for without it predictions wait in Kafka.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import time
import uuid
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from evalstream_cluster.row_key import row_key
from evalstream_devcluster import topology
from evalstream_devcluster.kafka_process import dev_home
from evalstream_devcluster.topology import Member

from benchmarks.results import write
from benchmarks.workload import coco_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--per-image", type=int, default=36)
    parser.add_argument("--rate", type=float, default=0, help="predictions a second; 0: as fast as they can be sent")
    parser.add_argument("--write", action="store_true", help="write it to RESULTS.md")
    arguments = parser.parse_args()
    lines = asyncio.run(run(arguments.images, arguments.per_image, arguments.rate))
    print(*lines, sep="\n")
    if arguments.write:
        about = (
            "`make bench-pipeline`: events through Kafka until every question reflects them, on a cluster of `make up`."
        )
        rate = f"{arguments.rate:,.0f} predictions a second" if arguments.rate else "as fast as they are sent"
        write(f"Through Kafka, {rate}", about, ["\n".join(f"- {line}" for line in lines)])


async def run(images: int, per_image: int, rate: float) -> list[str]:
    """Send, wait, and say what it took, line by line."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    url = os.environ.get("EVALSTREAM_URL", "http://127.0.0.1:8000")
    dataset = f"bench-{uuid.uuid4().hex[:8]}"
    annotations, predictions = events(dataset, images, per_image)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, compression_type="lz4", max_batch_size=2**20)
    await producer.start()
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        members = [member for member in topology.status(dev_home()) if member.pid]
        await send(producer, "evalstream.annotations", annotations, 0, 1)
        cpu, ages = cpu_seconds(members), await freshness(members)
        start = time.perf_counter()
        await send(producer, "evalstream.predictions", predictions, rate, per_image)
        sent = time.perf_counter()
        while True:
            answer = await http.get(f"/v1/datasets/{dataset}/runs/bench/progress")
            if answer.status_code == 200:
                progress = answer.json()
                if progress["rows"] == images and not progress["pending"]:
                    break
            await asyncio.sleep(0.1)
        done = time.perf_counter()
        cpu, ages = cpu_seconds(members) - cpu, await freshness(members) - ages
    await producer.stop()
    count = images * per_image
    echoed = await echo(bootstrap, predictions)
    lines = [
        f"{count:,} predictions in {images:,} events, sent in {sent - start:.2f} s",
        f"queryable after {done - start:.2f} s",
        f"{count / (done - start):,.0f} predictions/s; Kafka alone, there and back, {count / echoed:,.0f}/s",
    ]
    lines += [f"CPU of {name}: {took:.2f} s, {took / count * 1e6:.2f} µs a prediction" for name, took in cpu.items()]
    if ages:
        within = ", ".join(f"{share:.0%} within {bound(ages, share)} s" for share in (0.5, 0.9, 0.99))
        lines.append(f"age of predictions when their figures held them: {within}")
    return lines


def cpu_seconds(members: list[Member]) -> Counter[str]:
    """Add up the CPU seconds of each process of the cluster so far."""
    ticks = {member.name: Path(f"/proc/{member.pid}/stat").read_text().rpartition(")")[2] for member in members}
    return Counter(
        {name: sum(map(int, stat.split()[11:13])) / os.sysconf("SC_CLK_TCK") for name, stat in ticks.items()}
    )


async def freshness(members: list[Member]) -> Counter[float]:
    """Count predictions by the bound (seconds) that the matchers' histograms say they stayed within."""
    found: Counter[float] = Counter()
    async with httpx.AsyncClient(timeout=60) as http:
        for member in members:
            if member.name.startswith("matcher"):
                metrics = (await http.get(f"{member.address}/metrics")).raise_for_status().text
                for bound, count in re.findall(r'freshness_seconds_bucket\{.*?le="([^"]+)"\} (\S+)', metrics):
                    found[float(bound.replace("+Inf", "inf"))] += float(count)
    return found


def bound(ages: Counter[float], share: float) -> float:
    """Give the smallest bound that so many stayed within."""
    return min(bound for bound, count in ages.items() if count >= share * max(ages.values()))


def events(dataset: str, images: int, per_image: int) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    truth, results = coco_files(images, per_image)
    found: dict[int, list[dict[str, object]]] = {i + 1: [] for i in range(images)}
    true: dict[int, list[dict[str, object]]] = {i + 1: [] for i in range(images)}
    for item in truth["annotations"]:
        true[item["image_id"]].append(
            {"type": "bbox", "feature": f"class {item['category_id']}", "bbox": item["bbox"], "id": str(item["id"])}
        )
    for item in results:
        found[item["image_id"]].append(
            {
                "type": "bbox",
                "feature": f"class {item['category_id']}",
                "bbox": item["bbox"],
                "confidence": item["score"],
            }
        )
    common = {"dataset": dataset, "operation": "replace", "version": 1}

    def record(image: int, more: dict[str, object]) -> tuple[bytes, bytes]:
        return row_key(dataset, str(image)), orjson.dumps(common | {"data_row": str(image)} | more)

    return (
        [record(image, {"annotations": own}) for image, own in true.items()],
        [record(image, {"run": "bench", "predictions": own}) for image, own in found.items()],
    )


async def send(
    producer: AIOKafkaProducer, topic: str, records: list[tuple[bytes, bytes]], rate: float, weight: int
) -> None:
    start = time.perf_counter()
    futures = []
    for i, (key, value) in enumerate(records):
        futures.append(await producer.send(topic, value, key=key))
        if rate and i % 20 == 0:
            await asyncio.sleep(max(0.0, start + i * weight / rate - time.perf_counter()))
    await asyncio.gather(*futures)


async def echo(bootstrap: str, records: list[tuple[bytes, bytes]]) -> float:
    """Time the same records to a topic of their own and back."""
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    topic = f"echo-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 6, 1)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, compression_type="lz4", max_batch_size=2**20)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    start = time.perf_counter()
    sending = asyncio.create_task(send(producer, topic, records, 0, 1))
    seen = 0
    while seen < len(records):
        batches = await consumer.getmany(timeout_ms=200)
        seen += sum(map(len, batches.values()))
    took = time.perf_counter() - start
    await sending
    await consumer.stop()
    await producer.stop()
    await admin.delete_topics([topic])
    await admin.close()
    assert np.isfinite(took)
    return took


if __name__ == "__main__":
    main()
