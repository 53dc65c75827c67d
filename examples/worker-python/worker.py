"""A worker for Belfry: takes runs off a cluster's queues in Kafka, starts each
on its time and reports what becomes of it. Written from docs/protocol.md."""

import base64
import logging
import os
import signal
import socket
import sys
import threading
import time

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from confluent_kafka import IsolationLevel

import command
import records
import runs

BEAT_EVERY, CONTROL_EVERY = 1.0, 0.5
LOOK_BACK = 3600.0  # how far a queue is read of which the group has no memory
SELF_SINCE, SELF_MOST = 60.0, 50_000  # beats in which a worker looks for its earlier lives
REPORT_RETRY, REPORT_WAIT, SESSION_RETRY = 1.0, 20.0, 0.5
MAX_OUTPUT_KB = 32 << 10  # that waits for Kafka
log = logging.getLogger("worker")


class Settings:
    """What the environment says; docs/protocol.md has the list."""

    def __init__(self, env):
        self.brokers = env.get("BELFRY_BROKERS", "127.0.0.1:9392")
        self.prefix = env.get("BELFRY_PREFIX", "belfry.")
        self.cluster = env.get("BELFRY_CLUSTER", "cluster-a")
        self.name = env.get("BELFRY_NAME", f"python-{socket.gethostname()}-{self.cluster}")
        self.slots = int(env.get("BELFRY_SLOTS", "8"))
        self.retry_slots = int(env.get("BELFRY_RETRY_SLOTS", "2"))
        self.drain = float(env.get("BELFRY_DRAIN", "30s").removesuffix("s"))
        self.kafka = {"bootstrap.servers": self.brokers, "client.id": self.name, "enable.metrics.push": False}
        if mechanism := env.get("BELFRY_SASL_MECHANISM"):
            password = env.get("BELFRY_SASL_PASSWORD", "")
            if path := env.get("BELFRY_SASL_PASSWORD_FILE"):
                with open(path, encoding="utf-8") as f:
                    password = f.read().rstrip("\r\n")
            self.kafka |= {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism,
                           "sasl.username": env.get("BELFRY_SASL_USER", ""), "sasl.password": password}

    def producer(self, **more):
        fixed = {"acks": "all", "enable.idempotence": True, "linger.ms": 5}
        return Producer(self.kafka | fixed | {name.replace("_", "."): value for name, value in more.items()})

    def reader(self):
        """A consumer that joins no group and tells where partitions end."""
        return Consumer(self.kafka | {"group.id": "none", "enable.auto.commit": False, "isolation.level": "read_committed",
                                      "enable.partition.eof": True, "auto.offset.reset": "earliest"})


class Worker:
    """One life. Each thread is a role: the loop advances the runs, a claimer
    per queue takes new ones, the beater gives signs of life, two follow
    control, and one per started run waits for its end."""

    def __init__(self, settings, tree):
        self.s, self.tree = settings, tree
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        queues = {"runs": runs.Queue("runs", settings.slots), "retries": runs.Queue("retries", settings.retry_slots)}
        self.runs = runs.Runs(settings.name, queues, self.do)
        self.started_at = time.time()
        self.incarnation, self.beat_seq = time.time_ns(), 0
        self.leaving, self.replaced, self.over = threading.Event(), False, threading.Event()
        self.hurry, self.nudge = threading.Event(), threading.Event()
        self.control_next, self.control_ends = 0, []
        self.beats = settings.producer(message_timeout_ms=2500)
        self.reports = settings.producer()
        self.outputs = settings.producer(message_timeout_ms=60_000, queue_buffering_max_kbytes=MAX_OUTPUT_KB)
        self.admin = AdminClient(settings.kafka)
        self.topics = {}

    def topic(self, name):
        return f"{self.s.prefix}{name}"

    def width(self, name):
        """How many partitions a topic has."""
        return self.topics[self.topic(name)]

    # The life.

    def live(self):
        self.learn_topics()
        self.read_self()
        control = self.read_control()
        threads = [threading.Thread(target=role, args=args, daemon=True) for role, *args in (
            (self.beat,), (self.follow_control, control), (self.look_up_control,), (self.follow_topics,),
            (self.serve, self.beats), (self.serve, self.reports), (self.serve, self.outputs))]
        claimers = [threading.Thread(target=self.claim, args=(q,), daemon=True) for q in self.runs.queues.values() if q.slots]
        for thread in threads + claimers:
            thread.start()
        done = self.loop()
        for claimer in claimers:
            claimer.join(3)
        self.outputs.flush(3)
        if not self.replaced:  # who took the name speaks for it
            self.send_beat(leaving=True)
            self.beats.flush(3)
        self.over.set()
        return done and not self.replaced

    def loop(self):
        """Advances the runs until a drain is over. Reports whether all was told."""
        expired = too_late = None
        while True:
            with self.changed:
                if self.leaving.is_set() and not self.runs.draining:
                    log.info("leaving")
                    self.runs.drain("name_taken" if self.replaced else "draining")
                    expired = time.monotonic() + (0 if self.replaced else self.s.drain)
                    too_late = expired + REPORT_WAIT
                if expired and time.monotonic() >= expired:
                    self.runs.kill_all(self.runs.draining)
                    expired = None
                soonest = self.runs.advance()
                if self.runs.done():
                    return True
                if too_late and time.monotonic() > too_late:
                    log.error("leaving without having reported %d runs: they will be taken for lost", len(self.runs.held))
                    return False
                self.changed.wait(min(soonest, 0.2 if self.leaving.is_set() else 1.0))

    def leave(self, *_):
        self.leaving.set()

    def retire(self):
        """Another process beats under this name."""
        log.error("another worker has started under the name %s: give each a name of its own", self.s.name)
        self.replaced = True
        self.leaving.set()

    def serve(self, producer):
        """Has the answers to what was produced told."""
        while not self.over.is_set():
            producer.poll(0.2)

    # What the runs want done. Called with the lock held; nothing waits.

    def do(self, what, h, argument):
        if what == "announce":
            self.report("starting", h, {}, lambda error: self.announced(h, error))
        elif what == "execute":
            threading.Thread(target=self.execute, args=(h, argument), daemon=True).start()
        elif what == "kill":
            log.info("ending run %s: %s", h.key, h.killed[1])
            if h.command:
                h.command.stop()
        elif what == "finished":
            for field in ("started_at", "ended_at"):
                if field in argument:
                    argument[field] = records.instant(argument[field])
            self.report_last(what, h, {"outcome": argument})
        else:  # returned, dropped
            self.report_last(what, h, {"reason": argument})

    def announced(self, h, error):
        if h.stage == runs.STARTING:
            if error:
                h.retry_at = time.monotonic() + runs.STARTING_RETRY
            else:
                h.stage = runs.READY

    def report(self, kind, h, fields, told):
        value = records.event(kind, h.run, self.s.name, self.incarnation, **fields)

        def acknowledged(error, _):
            with self.changed:
                told(error)
                self.changed.notify_all()

        try:
            self.reports.produce(self.topic("events"), value, h.run["job"], h.run.get("shard", 0), on_delivery=acknowledged)
        except BufferError as full:
            threading.Timer(0, acknowledged, (full, None)).start()

    def report_last(self, kind, h, fields):
        """Sends the last word about a run until it is acknowledged; until then
        the run stays in beats."""
        log.info("%s %s of %s %s", kind, h.key, h.run["job"], fields.get("reason") or fields["outcome"]["state"])

        def told(error):
            if error is None:
                self.runs.held.pop(h.key, None)
            else:
                log.warning("%s of %s was not acknowledged: %s", kind, h.key, error)
                threading.Timer(REPORT_RETRY, self.report, (kind, h, fields, told)).start()

        self.report(kind, h, fields, told)

    def execute(self, h, decided):
        """Runs a run, in a thread of its own."""
        output = command.Output(lambda seq, chunk: self.send_output(h, seq, chunk))
        attempt = command.Command(h.run, self.tree + h.key, output)
        with self.changed:
            if h.killed or not self.runs.may_start(decided):
                self.runs.refused(h)
                self.changed.notify_all()
                return
            h.command = attempt
        outcome = attempt.run()
        output.close(outcome)
        with self.changed:
            self.runs.exited(h, outcome)
            self.changed.notify_all()

    def send_output(self, h, seq, chunk):
        """Sends one chunk. It never waits for Kafka: what finds no room is cut."""
        fields = {"run": h.run["run"], "attempt": h.run["attempt"], "fence": h.run["fence"], "seq": seq, "at": records.instant()}
        if "data" in chunk:
            chunk = chunk | {"data": base64.b64encode(chunk["data"]).decode()}
        name = f"output.{self.s.cluster}"
        place = (self.topic(name), h.run["run"], records.partition(h.run["run"], self.width(name)))
        try:
            self.outputs.produce(place[0], records.encode(fields | chunk), place[1], place[2])
        except BufferError:
            log.warning("output %d of %s is cut: Kafka does not take it in time", seq, h.key)

    # Signs of life.

    def beat(self):
        """A beat each second, and one soon after partitions change. It is never
        queued: while one is on its way, the next is left out."""
        after = time.monotonic()
        while not self.over.is_set():
            if len(self.beats) == 0:
                self.send_beat()
            after += BEAT_EVERY
            if after < time.monotonic():
                after = time.monotonic()
            if self.nudge.wait(max(0.0, after - time.monotonic())):
                self.nudge.clear()
                after = time.monotonic() - BEAT_EVERY / 2

    def send_beat(self, leaving=False):
        with self.lock:
            self.beat_seq += 1
            fields = {"id": self.s.name, "role": "worker", "incarnation": self.incarnation, "seq": self.beat_seq,
                      "at": records.instant(), "host": socket.gethostname(), "version": "python-example",
                      "started_at": records.instant(self.started_at), "cluster": self.s.cluster, **self.runs.beat()}
        if leaving:
            fields["leaving"] = True
        sent = time.monotonic()

        def acknowledged(error, _):
            with self.changed:
                if error:
                    log.warning("a beat was not acknowledged: %s", error)
                else:
                    self.runs.beat_at = max(sent, self.runs.beat_at or sent)
                    self.changed.notify_all()

        self.beats.produce(self.topic("members"), records.encode(fields), self.s.name, 0, on_delivery=acknowledged)

    # What there was before.

    def learn_topics(self):
        metadata = self.admin.list_topics(timeout=30)
        self.topics = {name: len(t.partitions) for name, t in metadata.topics.items()}
        for name in ("events", "members", "control", f"output.{self.s.cluster}", f"dead.{self.s.cluster}"):
            if not self.topics.get(self.topic(name)):
                raise SystemExit(f"there is no topic {self.topic(name)}: belfry topics create --clusters {self.s.cluster}")

    def follow_topics(self):
        """Learns of topics that have grown."""
        while not self.over.wait(60):
            try:
                self.learn_topics()
            except (KafkaException, SystemExit) as why:
                log.warning("looking at the topics: %s", why)

    def since(self, reader, tp, back):
        """Where the records of the last seconds begin."""
        at = reader.offsets_for_times([TopicPartition(tp.topic, tp.partition, int(1000 * (time.time() - back)))], timeout=10)[0]
        return at.offset if at.offset >= 0 else OFFSET_END

    def read_self(self):
        """Makes the number of this life exceed those of earlier ones, also if
        the clock was set back since. Returns the latest of another life."""
        reader, tp, latest = self.s.reader(), TopicPartition(self.topic("members"), 0), 0
        try:
            tp.offset = self.since(reader, tp, SELF_SINCE)
            reader.assign([tp])
            for _ in range(SELF_MOST):
                m = reader.poll(10)
                if m is None or m.error():
                    break  # the end, or none within reach
                if m.key() == self.s.name.encode() and m.value():
                    try:
                        latest = max(latest, records.decode(m.value()).get("incarnation", 0))
                    except (records.Unreadable, TypeError):
                        pass  # schedulers put it into dead letters
        finally:
            reader.close()
        if not self.beat_seq:
            self.incarnation = max(self.incarnation, latest + 1)
        return latest

    # Control.

    def control_partition(self):
        return records.partition(self.s.cluster, self.width("control"))

    def read_control(self):
        """Reads what control holds for our cluster, before anything is claimed."""
        reader = self.s.reader()
        reader.assign([TopicPartition(self.topic("control"), self.control_partition(), 0)])
        while (m := reader.poll(10)) is not None and m.error() is None:
            self.take_control(m)
        if m is None or m.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(m.error() if m else KafkaError(KafkaError._TIMED_OUT))
        self.control_read(m.offset())
        return reader

    def follow_control(self, reader):
        while not self.over.is_set():
            m = reader.poll(0.2)
            if m is None:
                continue
            if m.error() is None:
                self.take_control(m)
                self.control_read(m.offset() + 1)
            elif m.error().code() == KafkaError._PARTITION_EOF:
                self.control_read(m.offset())  # past what is no record, too
            else:
                log.warning("following control: %s", m.error())

    def take_control(self, m):
        if not m.value():
            return
        try:
            c = records.read_control(m.key(), m.value())
        except records.Unreadable as why:
            log.error("a control record cannot be read: %s", why)
            self.bury(self.reports, m, why)
            return
        if c.get("cluster") not in (None, "", self.s.cluster):
            return
        with self.changed:
            if c.get("type") != "replaced":
                self.runs.controlled(c)
            elif c.get("member") == self.s.name and not self.beat_seq:
                self.incarnation = max(self.incarnation, c.get("incarnation", 0) + 1)
            elif c.get("member") == self.s.name and c.get("incarnation", 0) > self.incarnation:
                self.retire()
            self.changed.notify_all()

    def look_up_control(self):
        """Looks up where control ends, twice a second and soon after a claim:
        nothing starts that was not vouched for up to there."""
        tp = TopicPartition(self.topic("control"), self.control_partition())
        while not self.over.is_set():
            asked = time.monotonic()
            try:
                found = self.admin.list_offsets({tp: OffsetSpec.latest()}, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=2.5)
                with self.changed:
                    self.control_ends = self.control_ends[:7] + [(asked, found[tp].result().offset)]
                    self.control_read(self.control_next)
            except KafkaException as why:
                log.debug("the end of control is not known: %s", why)
            self.hurry.wait(CONTROL_EVERY)
            self.hurry.clear()

    def control_read(self, offset):
        with self.changed:
            self.control_next = max(self.control_next, offset)
            while self.control_ends and self.control_ends[0][1] <= self.control_next:
                self.runs.control_at = self.control_ends.pop(0)[0]
            self.changed.notify_all()

    # Claiming.

    def claim(self, q):
        """Keeps a session going: a consumer in the group and a producer with the
        transactional ID. An error ends both, since it leaves open what a
        transaction did."""
        while not self.leaving.is_set():
            session = Session(self, q)
            try:
                session.run()
            except KafkaException as why:
                log.warning("claiming from %s begins anew: %s", q.name, why)
                fenced = why.args[0].code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
                if fenced and self.read_self() > self.incarnation:
                    self.retire()
            finally:
                session.close()
            self.leaving.wait(SESSION_RETRY)

    def bury(self, producer, m, why):
        """Writes the dead letter for a record that cannot be read."""
        key, value = records.dead_letter(self.s.name, why, m.topic(), m.partition(), m.offset(), m.key(), m.value())
        name = f"dead.{self.s.cluster}"
        producer.produce(self.topic(name), value, key, records.partition(key, self.width(name)))


class Session:
    """One membership in the group of a queue."""

    def __init__(self, worker, q):
        self.w, self.q, self.topic = worker, q, worker.topic(f"{q.name}.{worker.s.cluster}")
        s = worker.s
        self.doubted = {}  # partition: up to where somebody may have claimed before
        self.consumer = Consumer(s.kafka | {
            "group.id": f"{s.prefix}{s.cluster}.{q.name}", "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": 6000, "heartbeat.interval.ms": 2000, "max.poll.interval.ms": 15_000,
            "enable.auto.commit": False, "isolation.level": "read_committed", "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 200})
        self.producer = s.producer(transactional_id=f"{s.prefix}worker.{s.name}.{q.name}", linger_ms=0,
                                   transaction_timeout_ms=10_000, message_timeout_ms=8000, socket_timeout_ms=5000)

    def run(self):
        self.producer.init_transactions(15)  # aborts what an earlier life left open
        self.consumer.subscribe([self.topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.revoked)
        while not self.w.leaving.is_set():
            with self.w.lock:
                limit = self.w.runs.limit(self.q)
            if polled := self.poll(limit):
                self.claim(polled)

    def poll(self, limit):
        """Up to limit records. None are wanted at times, but the group wants to
        hear of us."""
        owned = self.consumer.assignment()
        if not limit and owned:
            self.consumer.pause(owned)
        polled = []
        while (m := self.consumer.poll(0 if polled else 0.1)) is not None:
            if m.error():
                raise KafkaException(m.error())
            polled.append(m)
            if len(polled) >= limit:
                break
        if not limit and owned:
            self.consumer.resume(self.consumer.assignment())
        return polled

    def claim(self, polled):
        """One transaction: what is said of the polled runs, and their offsets."""
        w, readable, unreadable = self.w, [], []
        for m in polled:
            try:
                r = records.read_run(m.key(), m.value(), w.s.cluster, w.width("events"))
                readable.append((r, m.timestamp()[1] / 1000, m.offset() < self.doubted.get(m.partition(), 0)))
            except records.Unreadable as why:
                log.error("a record cannot be read: %s", why)
                unreadable.append((m, why))
        with w.lock:
            verdicts, beat = w.runs.decide(self.q, readable), w.beat_seq
        w.hurry.set()
        committed = False
        try:
            self.producer.begin_transaction()
            for m, why in unreadable:
                w.bury(self.producer, m, why)
            for (r, _, _), verdict in zip(readable, verdicts):
                if verdict:
                    kind, reason, confirm = verdict
                    fields = {"beat": beat, "confirm": confirm} if kind == "claimed" else {"reason": reason}
                    self.producer.produce(w.topic("events"), records.event(kind, r, w.s.name, w.incarnation, **fields),
                                          r["job"], r.get("shard", 0))
            behind = {m.partition(): m.offset() + 1 for m in polled}
            offsets = [TopicPartition(self.topic, p, offset) for p, offset in behind.items()]
            self.producer.send_offsets_to_transaction(offsets, self.consumer.consumer_group_metadata())
            self.producer.commit_transaction()
            committed = True
        except KafkaException as why:
            if why.args[0].txn_requires_abort():
                self.producer.abort_transaction(5)
            raise
        finally:
            with w.changed:
                w.runs.claimed(self.q, committed)
                w.changed.notify_all()
        for p, offset in behind.items():
            self.doubted[p] = max(self.doubted.get(p, 0), offset)

    def assigned(self, consumer, partitions):
        """Begins where the group has come, or, where it has no memory, at the
        records of the last hour, which others may have claimed."""
        for tp in consumer.committed(partitions, timeout=5):
            if tp.error:
                raise KafkaException(tp.error)
            first, end = consumer.get_watermark_offsets(tp, timeout=5)
            forgot = not first <= tp.offset <= end
            self.doubted[tp.partition] = end if forgot else tp.offset
            offset = min(self.w.since(consumer, tp, LOOK_BACK), end) if forgot else tp.offset
            consumer.incremental_assign([TopicPartition(tp.topic, tp.partition, end if offset < 0 else offset)])
        self.own(lambda now: now | {tp.partition for tp in partitions})

    def revoked(self, consumer, partitions):
        self.own(lambda now: now - {tp.partition for tp in partitions})

    def own(self, change):
        """Notes the partitions owned and lets schedulers know soon."""
        with self.w.lock:
            self.q.partitions = change(set(self.q.partitions))
            log.info("partitions of %s: %s", self.q.name, sorted(self.q.partitions))
        self.w.nudge.set()

    def close(self):
        self.own(lambda _: set())
        self.consumer.close()


def main():
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings(os.environ)
    tree, _alive = command.keep(settings.name)
    worker = Worker(settings, tree)
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, worker.leave)
    sys.exit(0 if worker.live() else 1)


if __name__ == "__main__":
    main()
