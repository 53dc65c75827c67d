"""What a worker knows of the runs it holds, and what time and word of others
make of them. It decides; worker.py does."""

import time
from collections import OrderedDict

import records

# In seconds. The order in which these stand keeps a run from being in two
# places: see "The times and their order" in docs/protocol.md.
IN_TOUCH = 2.5  # beats and control, to claim and to start
OUT_OF_TOUCH = 4.0  # then what has not started goes back
CLAIM_STUCK = 5.0  # then a queue that cannot be claimed from leaves the beats
LOST_CONTACT = 15.0  # then what will be started elsewhere is killed
CONFIRM_AFTER, CONFIRM_WAIT = 60.0, 20.0
START_AHEAD = 0.1  # before its time, `starting` is sent
STARTING_RETRY = 0.25
EXEC_SOON = 1.0
NO_SLOT_WAIT, LONGEST_NO_SLOT_WAIT, MAX_HOPS = 0.25, 8.0, 5
FREE_FRESH = 3.0
REMEMBER, REMEMBER_MOST = 25 * 3600.0, 100_000
AHEAD, LISTED = 1000, 8000

# The stages of a run here, in order. From STARTING to RUNNING it takes a slot.
CLAIMING, WAITING, STARTING, READY, RUNNING, SETTLING = range(6)


class Held:
    """One run from the decision to claim it to the acknowledgement of its last event."""

    def __init__(self, r, queue, confirm, stale):
        self.run, self.queue, self.key = r, queue, records.key_of(r)
        self.stage, self.unconfirmed, self.stale = CLAIMING, confirm, stale
        self.polled_at, self.wall_at, self.claimed_at = time.monotonic(), time.time(), 0.0
        self.not_before = records.seconds(r.get("not_before")) or 0.0
        staged, self.deadline = records.seconds(r.get("staged_at")), records.seconds(r.get("deadline"))
        self.hold = float("inf") if staged is None else max(0.0, self.not_before - staged)
        self.announced, self.retry_at = False, None
        self.command, self.killed = None, None  # killed: the state and reason of its end

    def due(self):
        """How long until it may start: by the wall clock, but never longer than
        its scheduler meant it to be held."""
        return min(self.not_before - time.time(), self.hold - (time.monotonic() - self.polled_at))

    def waited(self):
        return min(-self.due(), time.monotonic() - self.claimed_at)

    def patience(self):
        extra = max(0, self.run.get("hops", 0) - MAX_HOPS + 1)
        return min(NO_SLOT_WAIT * 2 ** min(extra, 10), LONGEST_NO_SLOT_WAIT)

    def too_late(self):
        """Past its deadline by the wall clock, as it is and as it would be had
        it not jumped since the claim."""
        steady = self.wall_at + time.monotonic() - self.polled_at
        return self.deadline is not None and max(self.deadline - time.time(), self.deadline - steady) < 0

    def unexecuted(self):
        return self.stage in (WAITING, STARTING, READY)


class Queue:
    """One of the two queues: its slots, and what is known of it."""

    def __init__(self, name, slots):
        self.name, self.slots = name, slots
        self.early = False  # no run of the last poll was due
        self.partitions, self.round_at = [], time.monotonic()  # owned; last able to claim
        self.others, self.told_at = 0, -FREE_FRESH
        self.reported = []  # (when, free slots) of our latest beats

    def free_elsewhere(self):
        return self.others if time.monotonic() - self.told_at <= FREE_FRESH else 0

    def tell(self, free):
        """Takes word of the cluster's free slots, of which ours do not count."""
        now = time.monotonic()
        self.reported = [(at, n) for at, n in self.reported if now - at <= IN_TOUCH]
        self.others = max(0, free - max((n for _, n in self.reported), default=0))
        self.told_at = now


class Runs:
    """The runs held. Its methods are called with the worker's lock held. Do is
    told what to do: do(what, held, argument)."""

    def __init__(self, name, queues, do):
        self.name, self.do = name, do
        self.queues = queues
        self.held = {}  # by ID:fence
        self.beat_at = self.control_at = None  # mono; see silence
        self.words = OrderedDict()  # run ID: fence, reason, when heard, when it no longer matters
        self.forgot_until = 0.0
        self.draining = None

    # What others say.

    def controlled(self, c):
        if c.get("member") not in (None, "", self.name):
            return
        kind, run_id, fence = c.get("type"), c.get("run", ""), c.get("fence", 0)
        if kind == "free":
            self.queues["runs"].tell(c.get("free_slots", 0))
            self.queues["retries"].tell(c.get("free_retry_slots", 0))
        elif kind == "confirm":
            if h := self.held.get(f"{run_id}:{fence}"):
                h.unconfirmed = False
        elif kind in ("recall", "cancel"):
            reason = c.get("reason") or ("cancelled" if kind == "cancel" else "")
            self.remember(run_id, fence, reason, c)
            for h in [h for h in self.held.values() if h.run["run"] == run_id and h.run["fence"] <= fence]:
                if h.stage == WAITING:
                    self.settle(h, "dropped", reason)
                elif kind == "cancel" and h.stage in (STARTING, READY):
                    self.finish(h, {"state": "cancelled", "exit_code": -1, "reason": reason})
                elif kind == "cancel":
                    self.kill(h, "cancelled", reason)

    def remember(self, run_id, fence, reason, c):
        now = time.monotonic()
        age = max(0.0, time.time() - (records.seconds(c.get("at")) or 0.0))
        fence = max(fence, self.words.pop(run_id, (0,))[0])
        self.words[run_id] = (fence, reason, now, now - age + 10 * CONFIRM_AFTER)
        while len(self.words) > REMEMBER_MOST or now - next(iter(self.words.values()))[2] > REMEMBER:
            forgotten = self.words.popitem(last=False)[1]
            self.forgot_until = max(self.forgot_until, forgotten[3])

    def word_about(self, r):
        """Why a run is not to be started, None if nobody said so."""
        fence, reason, *_ = self.words.get(r["run"], (-1, ""))
        return reason if r["fence"] <= fence else None

    # Claiming.

    def limit(self, q):
        """How many runs to poll from a queue now."""
        if self.draining or not q.slots or not self.in_touch():
            return 0
        q.round_at = time.monotonic()
        mine = [h for h in self.held.values() if h.queue is q and h.stage != SETTLING]
        taken = sum(h.stage in (STARTING, READY, RUNNING) for h in mine)
        due = sum(h.stage == WAITING and not h.unconfirmed and h.due() <= 0.2 for h in mine)
        unconfirmed = sum(h.unconfirmed for h in mine)
        room = max(0, AHEAD - (len(mine) - taken))
        if unconfirmed:
            room = min(room, max(0, self.most_unconfirmed(q) - unconfirmed))
        if q.early:
            return room  # what comes before it is due takes no slot
        if taken + due < q.slots:
            return min(q.slots - taken - due, room)
        missing = 2 * q.slots - taken - due  # as many may wait as there are slots
        if missing > 0 and missing >= q.slots / 2:
            return min(missing, room)
        return min(q.free_elsewhere(), 100, room)  # to hand them on

    def most_unconfirmed(self, q):
        return max(2 * q.slots, 100)

    def decide(self, q, polled):
        """What the transaction says of each polled (run, Kafka's time, doubted):
        (event, reason, confirm), or None of one that is held already."""
        mine = [h for h in self.held.values() if h.queue is q and h.stage != SETTLING]
        slots = q.slots - sum(h.stage in (STARTING, READY, RUNNING) for h in mine)
        slots -= sum(h.stage == WAITING and not h.unconfirmed and h.due() <= 0.2 for h in mine)
        doubts = self.most_unconfirmed(q) - sum(h.unconfirmed for h in mine)
        q.early, verdicts = True, []
        for r, at, doubted in polled:
            h = Held(r, q, False, self.silence() > OUT_OF_TOUCH)
            oldest = min(t for t in (records.seconds(r.get("staged_at")), at, time.time()) if t)
            reason = self.word_about(r)
            if h.key in self.held:
                verdicts.append(None)
                continue
            if reason is not None:
                verdicts.append(("dropped", reason, False))
                continue
            if doubted or time.time() - oldest > CONFIRM_AFTER or time.monotonic() < self.forgot_until:
                doubts -= 1
                h.unconfirmed = True
                if doubts < 0:
                    verdicts.append(("returned", "unconfirmed", False))
                    continue
            elif h.due() <= 0.2:
                q.early = False
                slots -= 1
                if slots < 0 and q.free_elsewhere() > 0 and r.get("hops", 0) < MAX_HOPS:
                    q.others -= 1
                    verdicts.append(("returned", "no_slot", False))
                    continue
            self.held[h.key] = h
            verdicts.append(("claimed", "", h.unconfirmed))
        return verdicts

    def claimed(self, q, committed):
        """What Decide said to claim is ours, or is not."""
        for h in [h for h in self.held.values() if h.queue is q and h.stage == CLAIMING]:
            if not committed:
                del self.held[h.key]
                continue
            h.stage, h.claimed_at = WAITING, time.monotonic()
            reason = self.word_about(h.run)
            if reason is not None:
                self.settle(h, "dropped", reason)
            elif h.stale or self.draining:
                self.settle(h, "returned", "out_of_touch" if h.stale else self.draining)

    # Time.

    def silence(self):
        """For how long the worker has been out of touch: its latest acknowledged
        beat was sent, and the end of control looked up that it has read to."""
        if self.beat_at is None or self.control_at is None:
            return 0.0
        return time.monotonic() - min(self.beat_at, self.control_at)

    def in_touch(self):
        return self.beat_at is not None and self.control_at is not None and self.silence() <= IN_TOUCH

    def advance(self):
        """Does what is due, and returns in how many seconds to look again."""
        if self.silence() > OUT_OF_TOUCH:
            self.lose_touch()
        soonest = 1.0
        for q in self.queues.values():
            mine = sorted((h for h in self.held.values() if h.queue is q), key=lambda h: h.not_before)
            free = q.slots - sum(h.stage in (STARTING, READY, RUNNING) for h in mine)
            for h in mine:
                free -= self.advance_one(h, free)
                if h.stage in (WAITING, STARTING, READY):
                    soonest = min([soonest] + [t for t in (h.due() - START_AHEAD, h.due(), h.patience() - h.waited()) if t > 0])
                    if h.retry_at is not None:
                        soonest = min(soonest, max(0.001, h.retry_at - time.monotonic()))
        return soonest

    def advance_one(self, h, free):
        """Returns how many slots it takes now."""
        now = time.monotonic()
        if not h.unexecuted():
            return 0
        if h.too_late():
            self.settle(h, "dropped", "start_deadline")
        elif h.unconfirmed and now - h.claimed_at >= CONFIRM_WAIT:
            self.settle(h, "returned", "unconfirmed")
        elif not self.in_touch():
            pass
        elif h.stage == READY and h.due() <= 0:
            h.stage = RUNNING
            self.do("execute", h, now)
        elif h.stage == WAITING and free > 0 and not h.unconfirmed and self.control_at >= h.polled_at and h.due() <= START_AHEAD:
            h.stage, h.announced = STARTING, True
            self.do("announce", h, None)
            return 1
        elif h.stage == STARTING and h.retry_at is not None and now >= h.retry_at:
            h.retry_at = None
            self.do("announce", h, None)
        elif h.stage == WAITING and not h.unconfirmed and h.waited() >= h.patience() and h.queue.free_elsewhere() > 0:
            h.queue.others -= 1
            self.settle(h, "returned", "no_slot")
        return 0

    def lose_touch(self):
        for h in list(self.held.values()):
            h.stale = True
            if h.unexecuted():
                self.settle(h, "returned", "out_of_touch")
            elif h.run.get("on_lost") == "retry" and time.monotonic() - self.beat_at > LOST_CONTACT:
                self.kill(h, "lost", "out_of_touch")

    def may_start(self, decided):
        """The last look, right before a command is started."""
        return self.in_touch() and time.monotonic() - decided <= EXEC_SOON

    # Ends.

    def drain(self, reason):
        self.draining = self.draining or reason
        for h in list(self.held.values()):
            if h.unexecuted():
                self.settle(h, "returned", reason)

    def kill_all(self, reason):
        for h in self.held.values():
            self.kill(h, "lost", reason)

    def kill(self, h, state, reason):
        if h.stage == RUNNING and not h.killed:
            h.killed = (state, reason)
            self.do("kill", h, None)

    def refused(self, h):
        """The last look forbade the start."""
        h.stage = READY
        if h.killed and h.killed[0] == "cancelled":
            self.finish(h, {"state": "cancelled", "exit_code": -1, "reason": h.killed[1]})
        elif h.killed or h.stale or self.draining:
            self.settle(h, "returned", h.killed[1] if h.killed else "out_of_touch" if h.stale else self.draining)

    def exited(self, h, outcome):
        if h.killed and outcome["state"] == "cancelled":
            outcome["state"], outcome["reason"] = h.killed
        self.finish(h, outcome)

    def finish(self, h, outcome):
        h.stage = SETTLING
        self.do("finished", h, outcome)

    def settle(self, h, event, reason):
        h.stage = SETTLING
        self.do(event, h, reason)

    def done(self):
        return self.draining and not self.held

    # Beats.

    def beat(self):
        """The fields of a beat that speak of runs."""
        beat, now = {}, time.monotonic()
        for q in self.queues.values():
            mine = [h for h in self.held.values() if h.queue is q]
            taken = sum(h.stage in (STARTING, READY, RUNNING) for h in mine)
            coming = sum(h.stage in (CLAIMING, WAITING) and not h.unconfirmed and h.due() <= 1 for h in mine)
            free = 0 if self.draining else max(0, q.slots - taken - coming)
            q.reported.append((now, free))
            able = now - q.round_at <= CLAIM_STUCK
            beat[q.name] = {"total": q.slots, "free": free}
            if able and q.partitions and not self.draining:
                beat[q.name]["partitions"] = sorted(q.partitions)
        started = [h.key for h in self.held.values() if h.announced]
        listed = [h.key for h in self.held.values() if not h.announced]
        fields = {"started": started[:LISTED], "held": listed[: max(0, LISTED - len(started))]}
        fields["unlisted"] = len(self.held) - len(fields["started"]) - len(fields["held"])
        return beat | {name: value for name, value in fields.items() if value}
