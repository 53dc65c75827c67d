"""Commands: their environment, their end, and what is kept of their output."""

import ctypes
import os
import pwd
import signal
import subprocess
import threading
import time

KILL_GRACE = 10.0  # from the request to end to the kill
WAIT_DELAY = 2.0  # for whoever holds the output of a command that has ended
HEAD, TAIL, CHUNK, LAST_WORDS, FLUSH = 1 << 20, 64 << 10, 64 << 10, 4 << 10, 0.2
MARK = "BELFRY_TREE"  # the variable by which the processes of a command are known
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_worker():
    """In the process of a command that may leave others behind: the keeper, which
    would take those too, does not know it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(r, account, tree):
    """All that a command sees. Later ones win: what the worker hands on, what
    the job sets, who the run is."""
    env = {
        "PATH": os.environ.get("PATH") or "/usr/local/bin:/usr/bin:/bin",
        "LANG": os.environ.get("LANG") or "C.UTF-8",
        "HOME": account.pw_dir if account else os.environ.get("HOME") or "/",
    }
    if account:
        env |= {"USER": account.pw_name, "LOGNAME": account.pw_name}
    env |= {name: value for name, value in r["env"].items() if not name.startswith("BELFRY_")}
    if not r.get("linger"):
        env[MARK] = tree
    return env | {
        "BELFRY_JOB": r["job"], "BELFRY_RUN_ID": r["run"], "BELFRY_ATTEMPT": str(r["attempt"]),
        "BELFRY_DUE": r.get("due", ""), "BELFRY_FENCE": str(r["fence"]), "BELFRY_CLUSTER": r["cluster"],
    }


def account_of(user):
    if not user:
        return None
    try:
        return pwd.getpwnam(user)
    except KeyError:
        try:
            return pwd.getpwuid(int(user))
        except (KeyError, ValueError):
            raise OSError(f"there is no user {user!r}") from None


def sweep(mark, kill):
    """Kills every process whose environment has an entry that begins with
    mark, also those that left their command's process group. Returns how many."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                marked = b"\0" + mark.encode() in b"\0" + f.read()
            if marked:
                kill(int(pid), signal.SIGKILL)
                found += 1
        except OSError:
            pass  # gone, or somebody else's
    return found


class Output:
    """Cuts what a command writes into chunks: the first MiB of both streams
    together as it comes, at the end the last 64 KiB of each. Send takes chunks
    as records have them, in order."""

    def __init__(self, send):
        self.send, self.lock, self.seq = send, threading.Lock(), 0
        self.head, self.written, self.cut, self.last = HEAD, 0, 0, b""
        self.waiting = {"stdout": b"", "stderr": b""}
        self.tail = {"stdout": b"", "stderr": b""}
        self.since = 0.0

    def write(self, stream, data):
        with self.lock:
            self.written += len(data)
            self.last = (self.last + data)[-LAST_WORDS:]
            kept, rest = data[: self.head], data[self.head :]
            self.head -= len(kept)
            if not any(self.waiting.values()):
                self.since = time.monotonic()
            self.waiting[stream] += kept
            while len(self.waiting[stream]) >= CHUNK:
                self.emit({"stream": stream, "data": self.waiting[stream][:CHUNK]})
                self.waiting[stream] = self.waiting[stream][CHUNK:]
            tail = self.tail[stream] + rest
            self.cut += max(0, len(tail) - TAIL)
            self.tail[stream] = tail[-TAIL:]

    def flush(self):
        with self.lock:
            if time.monotonic() - self.since >= FLUSH:
                self.take()

    def take(self):
        for stream, data in self.waiting.items():
            if data:
                self.waiting[stream] = b""
                self.emit({"stream": stream, "data": data})

    def close(self, outcome):
        with self.lock:
            self.take()
            rest = [{"cut_bytes": self.cut}] if self.cut else []
            rest += [{"stream": s, "data": d} for s, d in self.tail.items() if d]
            if self.seq or rest:  # a command that wrote nothing has no chunk
                for chunk in rest[:-1]:
                    self.emit(chunk)
                self.emit({**(rest[-1] if rest else {}), "last": True})
            text = self.last.decode(errors="replace").encode()[-LAST_WORDS:].decode(errors="ignore")
            figures = {"output_bytes": self.written, "output_cut_bytes": self.cut, "tail": text}
            outcome |= {name: value for name, value in figures.items() if value}

    def emit(self, chunk):
        self.send(self.seq, chunk)
        self.seq += 1


class Command:
    """One attempt. Run starts it and waits for its end; stop, called by
    another thread, ends it before."""

    def __init__(self, r, tree, output):
        self.r, self.tree, self.output = r, tree, output
        self.stopped = threading.Event()
        self.process = None

    def stop(self):
        self.stopped.set()

    def run(self):
        """Returns the outcome, but for its reason and instants as seconds."""
        try:
            readers = self.start()
        except (OSError, ValueError) as why:
            return {"state": "failed", "exit_code": -1, "start_failure": str(why)[:4000], "ended_at": time.time()}
        began = time.time()
        state, usage = self.attend(time.monotonic())
        ended = time.time()
        if not self.r.get("linger"):
            self.kill_tree()
        elif state:
            self.signal(signal.SIGKILL)
        deadline = time.monotonic() + WAIT_DELAY
        for reader in readers:
            reader.join(max(0.0, deadline - time.monotonic()))
        code = self.process.returncode
        outcome = {
            "state": state or ("failed" if code else "succeeded"), "exit_code": max(code, -1),
            "started_at": began, "ended_at": ended, "cpu_ms": round(1000 * (usage.ru_utime + usage.ru_stime)),
            "peak_memory_bytes": usage.ru_maxrss * 1024,
        }
        if code < 0:
            outcome |= {"exit_code": -1, "signal": signal.Signals(-code).name}
        return {name: value for name, value in outcome.items() if value or name == "exit_code"}

    def start(self):
        r, account = self.r, account_of(self.r.get("user"))
        identity, folder = {}, r.get("working_dir")
        if account and account.pw_uid != os.geteuid():
            groups = os.getgrouplist(account.pw_name, account.pw_gid)
            identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}
        if folder == "~" or account and not folder:
            home = account.pw_dir if account else os.environ.get("HOME", "")
            folder = home if os.path.isdir(home) else "/"
        if r.get("linger"):
            identity["preexec_fn"] = die_with_worker
        self.process = subprocess.Popen(
            r["command"], env=environment(r, account, self.tree), cwd=folder or None,
            stdin=subprocess.PIPE if r.get("stdin") else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            process_group=0, **identity)
        readers = [threading.Thread(target=self.read, args=pipe, daemon=True)
                   for pipe in (("stdout", self.process.stdout), ("stderr", self.process.stderr))]
        for reader in readers:
            reader.start()
        if r.get("stdin"):
            threading.Thread(target=self.feed, daemon=True).start()
        return readers

    def read(self, stream, pipe):
        while data := pipe.read1(CHUNK):
            self.output.write(stream, data)

    def feed(self):
        try:
            self.process.stdin.write(self.r["stdin"].encode())
            self.process.stdin.close()
        except OSError:
            pass  # a command need not read it

    def attend(self, began):
        """Waits for the end. Returns why it was stopped, if it was, and what it used."""
        timeout = self.r.get("timeout_ms", 0) / 1000
        state, kill_at = None, None
        while True:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return state, usage
            self.output.flush()
            now = time.monotonic()
            if state is None and (self.stopped.is_set() or timeout and now - began >= timeout):
                state, kill_at = "cancelled" if self.stopped.is_set() else "timed_out", now + KILL_GRACE
                self.signal(signal.SIGTERM)
                self.signal(signal.SIGCONT)
            elif kill_at and now >= kill_at:
                self.signal(signal.SIGKILL)
            if state is None:
                self.stopped.wait(0.02)
            else:
                time.sleep(0.02)

    def signal(self, which):
        try:
            os.killpg(self.process.pid, which)
        except ProcessLookupError:
            pass

    def kill_tree(self):
        """Nothing that the command started may run on."""
        self.signal(signal.SIGKILL)
        while sweep(f"{MARK}={self.tree}\0", os.kill):
            time.sleep(0.01)


def keep(name):
    """Forks a keeper: should this process die, however it dies, the keeper
    kills every command it left. Call it before there are threads."""
    mark = f"{MARK}={name}/{os.getpid()}/"
    alive, ours = os.pipe()
    if os.fork():
        os.close(alive)
        return mark.removeprefix(MARK + "="), ours  # closed by our end, which wakes the keeper
    os.close(ours)
    os.setsid()
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, signal.SIG_IGN)
    os.read(alive, 1)
    for _ in range(20):  # what was being started then is seen by one of the next looks
        sweep(mark, os.kill)
        time.sleep(0.05)
    os._exit(0)
