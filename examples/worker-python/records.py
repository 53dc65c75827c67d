"""The records a worker reads and writes. docs/protocol.md says what they mean."""

import base64
import json
import re
import time
from datetime import datetime, timezone

VERSION = 1
MAX_RECORD = 950_000
DEFAULT_CLUSTER = "cluster-a"  # of records that name none


class Unreadable(Exception):
    """Says why a record goes to dead letters."""


def partition(key, n):
    """The partition of a key among n: Kafka's own default, murmur2."""
    data, m, mask = key.encode(), 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % n


INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


def seconds(instant):
    """An instant of a record in seconds since 1970; None if there is none."""
    if not instant:
        return None
    parts = INSTANT.fullmatch(instant)
    if not parts:
        raise ValueError(f"{instant!r} is no instant of RFC 3339")
    whole, fraction, zone = parts.groups()
    return datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp() + float(fraction or 0)


def instant(at=None):
    """Seconds since 1970 as records have them; now if none are given."""
    at = time.time() if at is None else at
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(record):
    """A record's value. Zero values are for the caller to leave out."""
    return json.dumps({"v": VERSION, **record}, ensure_ascii=False, separators=(",", ":")).encode()


def once(pairs):
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return record


def refuse(word):
    raise ValueError(f"{word} is no value")


def decode(value):
    """The JSON object in a record's value. Python's integers have no bound, so
    fences and incarnations beyond 2**53 come through whole."""
    if len(value) > MAX_RECORD:
        raise Unreadable(f"the record is {len(value)} bytes long; at most {MAX_RECORD} are read")
    try:
        record = json.loads(value, object_pairs_hook=once, parse_constant=refuse)
        if b"\\u" in value:
            json.dumps(record, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as why:
        raise Unreadable(f"the record is not JSON: {why}"[:1000]) from None
    if not isinstance(record, dict):
        raise Unreadable("the record is no JSON object")
    version = record.get("v", 0)
    if type(version) is not int or not 0 <= version <= VERSION:
        raise Unreadable(f"unknown record version {str(version)[:40]} (this worker reads 0 to {VERSION})")
    return record


# What the fields of a run may be: a type and a bound in bytes or a range.
RUN_FIELDS = {
    "run": (str, 64), "job": (str, 200), "cluster": (str, 100), "trigger": (str, 64), "on_lost": (str, 64),
    "stdin": (str, MAX_RECORD), "working_dir": (str, MAX_RECORD), "user": (str, MAX_RECORD),
    "attempt": (int, 10**6), "fence": (int, 2**62), "hops": (int, 10**6), "shard": (int, 100_000),
    "timeout_ms": (int, 366 * 86_400_000),
}
RUN_INSTANTS = ("due", "not_before", "staged_at", "deadline")
RUN_ID = re.compile(r'[!-~]+')


def read_run(key, value, cluster, shards):
    """The run in a record of a queue of cluster, or why it is none."""
    r = decode(value or b"")
    for name, (kind, most) in RUN_FIELDS.items():
        field = r.get(name)
        if field is None:
            r.pop(name, None)
        elif type(field) is not kind:
            raise Unreadable(f"{name} is not of type {kind.__name__}")
        elif kind is int and not 0 <= field <= most:
            raise Unreadable(f"{name} is {field}; it is between 0 and {most}")
        elif kind is str and len(field.encode(errors="replace")) > most:
            raise Unreadable(f"{name} is longer than {most} bytes")
    for name in RUN_INSTANTS:
        try:
            seconds(r.get(name))
        except (TypeError, ValueError) as why:
            raise Unreadable(f"{name}: {why}"[:200]) from None
    command, env = r.get("command"), r.setdefault("env", {})
    if not isinstance(command, list) or not all(isinstance(a, str) for a in command):
        raise Unreadable("command is no list of strings")
    if not isinstance(env, dict) or not all(isinstance(e, str) for e in env.values()):
        raise Unreadable("env is no object of strings")
    if type(r.get("linger") or False) is not bool:
        raise Unreadable("linger is neither true nor false")
    if not (r.get("run") and r.get("job") and command and r.get("attempt", 0) >= 1):
        raise Unreadable("run without an ID, a job, a command or an attempt")
    if not RUN_ID.fullmatch(r["run"]) or '"' in r["run"] or "\\" in r["run"]:
        raise Unreadable("run is letters, digits and marks")
    r.setdefault("cluster", cluster)
    r.setdefault("fence", 0)
    home = partition(r["job"], shards)
    if r.get("v", 0) == 0:
        r["shard"] = home  # records of v0 name none
    if (key or b"").decode(errors="replace") != r["run"]:
        raise Unreadable(f"the record's key is {key!r:.60}, but it belongs under its run's ID, {r['run']}")
    if r["cluster"] != cluster:
        raise Unreadable(f"the run is of cluster {r['cluster']!r:.60} and belongs in a queue of it, not of {cluster!r}")
    if r.get("shard", 0) != home:
        raise Unreadable(f"the run names shard {r.get('shard', 0)}, but those of job {r['job']!r:.60} belong to shard {home} of {shards}")
    return r


def key_of(r):
    """ID:fence, which names one handing-out."""
    return f"{r['run']}:{r['fence']}"


COPIED = ("job", "run", "cluster", "due", "attempt", "fence", "trigger", "hops")


def event(kind, r, name, incarnation, **more):
    """The value of an event about a run: what it says of the run is copied."""
    copied = {field: r[field] for field in COPIED if r.get(field)}
    more = {field: value for field, value in more.items() if value}
    return encode({"type": kind, **copied, "at": instant(), "by": name, "incarnation": incarnation, **more})


def dead_letter(name, why, topic, part, offset, key, value):
    """The key and the value of the dead letter for a record that cannot be read."""
    key, value = key or b"", value or b""
    letter = {"at": instant(), "by": name, "reason": str(why)[:1000], "topic": topic}
    for field, content in (("partition", part), ("offset", offset)):
        if content:
            letter[field] = content
    for field, content, most in (("key", key, 1 << 10), ("value", value, 16 << 10)):
        if content:
            letter[field] = base64.b64encode(content[:most]).decode()
        if len(content) > most:
            letter[field + "_bytes"] = len(content)
    return f"{topic}/{part}/{offset}", encode(letter)


CONTROL_KEYS = {
    "recall": lambda c: c.get("run", ""), "cancel": lambda c: c.get("run", ""), "confirm": lambda c: c.get("run", ""),
    "free": lambda c: c.get("cluster", ""), "replaced": lambda c: "member/" + c.get("member", ""),
}


def read_control(key, value):
    """The control in a record, or why it is none."""
    c = decode(value)
    for field in ("type", "run", "cluster", "member", "reason"):
        if not isinstance(c.get(field, ""), str):
            raise Unreadable(f"{field} is no string")
    for field in ("fence", "incarnation", "free_slots", "free_retry_slots"):
        if type(c.get(field, 0)) is not int or not 0 <= c.get(field, 0) <= 2**62:
            raise Unreadable(f"{field} is no number between 0 and 2**62")
    belongs = CONTROL_KEYS.get(c.get("type"))
    if belongs and (key or b"").decode(errors="replace") != belongs(c):
        raise Unreadable(f"the record's key is {key!r:.60}, but it belongs under {belongs(c)!r:.60}")
    return c
