-- Instants are microseconds since 1970, durations microseconds, unless said
-- otherwise; NULL where there is none.

-- How far each partition was read: the next offset.
CREATE TABLE offsets (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- One row per name of a job that was ever heard, in force or not.
CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  digest TEXT,                  -- of the definition in force; NULL if there is none
  cluster TEXT NOT NULL DEFAULT '',
  search TEXT NOT NULL DEFAULT '', -- what Text is looked for in, lower case
  applied INTEGER NOT NULL DEFAULT 0,
  paused INTEGER NOT NULL DEFAULT 0, -- 1 by its definition, 2 by a request, 3 by both
  aside TEXT NOT NULL DEFAULT '',
  aside_by INTEGER              -- the shard that set it aside
);
CREATE TABLE labels (
  name TEXT NOT NULL, value TEXT NOT NULL, job INTEGER NOT NULL,
  PRIMARY KEY (name, value, job)
) WITHOUT ROWID;
CREATE INDEX labels_job ON labels (job);

-- Every definition that was applied, by its place in the log; content by hash.
CREATE TABLE definitions (
  job INTEGER NOT NULL, offset INTEGER NOT NULL, applied INTEGER NOT NULL,
  by TEXT NOT NULL, digest TEXT, -- NULL: it was removed
  PRIMARY KEY (job, offset)
) WITHOUT ROWID;
CREATE INDEX definitions_digest ON definitions (digest);
CREATE TABLE contents (digest TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;

-- Runs, and skips of several due times. State is a number of words.go, or a
-- word that is not among them.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  run NOT NULL,          -- the 16 bytes of a UUID, or text; of a skip its place
  job INTEGER NOT NULL,
  due INTEGER NOT NULL,
  state NOT NULL,
  begun INTEGER NOT NULL,  -- 1: in the strip
  duration INTEGER, lateness INTEGER,
  count INTEGER,           -- of a skip; NULL of a run
  ended INTEGER,
  waits INTEGER,           -- when an unfinished run that is not started is to start
  cluster TEXT NOT NULL, worker TEXT NOT NULL, trigger NOT NULL, exit INTEGER,
  body BLOB NOT NULL       -- all of it, see pack.go
);
CREATE UNIQUE INDEX runs_run ON runs (run, job);
CREATE INDEX runs_job ON runs (job, due, run, begun, state, duration, lateness, count);
CREATE INDEX runs_due ON runs (due, run);
CREATE INDEX runs_state ON runs (state, due, run) WHERE state <> 5; -- all but succeeded
CREATE INDEX runs_waits ON runs (job, waits) WHERE waits IS NOT NULL;

-- How each job stands: what follows from its runs, kept so that a list of jobs
-- reads one row each.
CREATE TABLE stands (
  job INTEGER PRIMARY KEY,
  strip BLOB NOT NULL,
  failures INTEGER NOT NULL, running INTEGER NOT NULL, queued INTEGER NOT NULL,
  runs INTEGER NOT NULL, skips INTEGER NOT NULL,
  last_success INTEGER, last_end INTEGER,
  newest INTEGER,   -- the newest due time of its schedule that was decided
  oldest INTEGER,   -- the least of waits
  overdue INTEGER   -- when the next due time, with its jitter, ought to be decided
);
CREATE INDEX stands_many ON stands (runs);

-- Counts per cluster and minute, and histograms per cluster and hour.
CREATE TABLE minutes (
  cluster TEXT NOT NULL, minute INTEGER NOT NULL, -- since 1970
  succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, skipped INTEGER NOT NULL, other INTEGER NOT NULL,
  PRIMARY KEY (cluster, minute)
) WITHOUT ROWID;
CREATE TABLE hours (
  cluster TEXT NOT NULL, hour INTEGER NOT NULL, durations BLOB NOT NULL, latenesses BLOB NOT NULL,
  PRIMARY KEY (cluster, hour)
) WITHOUT ROWID;

-- The end of what runs wrote.
CREATE TABLE tails (
  id INTEGER PRIMARY KEY,
  run NOT NULL UNIQUE,
  bytes INTEGER NOT NULL,   -- written in all
  kept INTEGER NOT NULL,    -- in chunks
  at INTEGER NOT NULL       -- of the latest chunk
);
CREATE TABLE chunks (
  tail INTEGER NOT NULL, fence INTEGER NOT NULL, seq INTEGER NOT NULL,
  attempt INTEGER NOT NULL, at INTEGER NOT NULL, stream TEXT NOT NULL, cut INTEGER NOT NULL, last INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE UNIQUE INDEX chunks_place ON chunks (tail, fence, seq);

-- Dead letters; what several members wrote of one record is one.
CREATE TABLE dead (
  id TEXT PRIMARY KEY, -- the place of the letter, or of the record it is about
  at INTEGER NOT NULL, cluster TEXT NOT NULL, job TEXT NOT NULL, reason TEXT NOT NULL,
  run, place TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX dead_at ON dead (at, id);
CREATE INDEX dead_job ON dead (job, at, id);
CREATE INDEX dead_run ON dead (run);
-- What people did about dead runs: the latest of each kind (requeue, discard).
CREATE TABLE settled (run NOT NULL, how TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (run, how)) WITHOUT ROWID;

-- The latest beats of each member, as a ring.
CREATE TABLE beats (
  member TEXT NOT NULL, slot INTEGER NOT NULL, offset INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (member, slot)
) WITHOUT ROWID;

-- Audit and notices.
CREATE TABLE entries (
  kind TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, job TEXT NOT NULL, by TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (kind, at, id)
) WITHOUT ROWID;
CREATE INDEX entries_job ON entries (kind, job, at, id);

CREATE TABLE unreadable (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (topic, partition, offset)
) WITHOUT ROWID;
-- Sums that outlive what they count.
CREATE TABLE sums (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
