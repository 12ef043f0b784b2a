"""Events through Kafka until every question reflects them: predictions a second, and freshness under load.

Needs a running cluster (``make up``): it produces to the topics of KAFKA_BOOTSTRAP and asks the query service at
EVALSTREAM_URL. The ratio is to the peer that does the least that could be done: the same records produced to, and read
back from, the same broker, with nothing done to them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
import uuid

import httpx
import numpy as np
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from evalstream_cluster.row_key import row_key

from benchmarks.workload import coco_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--per-image", type=int, default=36)
    parser.add_argument("--rate", type=float, default=0, help="predictions a second; 0: as fast as they can be sent")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.images, arguments.per_image, arguments.rate))


async def run(images: int, per_image: int, rate: float) -> None:
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP", "127.0.0.1:9092")
    url = os.environ.get("EVALSTREAM_URL", "http://127.0.0.1:8000")
    dataset = f"bench-{uuid.uuid4().hex[:8]}"
    annotations, predictions = events(dataset, images, per_image)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, compression_type="lz4", max_batch_size=2**20)
    await producer.start()
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        await send(producer, "evalstream.annotations", annotations, 0, 1)
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
    await producer.stop()
    count = images * per_image
    echoed = await echo(bootstrap, predictions)
    print(f"{count:,} predictions in {images:,} events, sent in {sent - start:.2f} s")
    print(f"queryable after {done - start:.2f} s")
    print(f"{count / (done - start):,.0f} predictions/s; Kafka alone, there and back, {count / echoed:,.0f}/s")


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
