package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"
)

// windowAge is how long a producer may have been silent for its sequence
// numbers to be remembered across a crash.
const windowAge = time.Hour

// repairs says what a repair did.
type repairs struct {
	committed, aborted int   // transactions
	cut                int64 // bytes of batches that were never acknowledged
}

func (r repairs) any() bool { return r != repairs{} }

func cleanPath(data string) string { return filepath.Join(data, "belfry-clean") }

// markClean says that the broker was shut down in order.
func markClean(data string) error { return replace(cleanPath(data), []byte("1\n")) }

// transaction names one: an epoch may have several from clients of the older
// protocol, but only one that is open.
type transaction struct {
	pid   int64
	epoch int16
}

// crash is what a scan of all partitions found.
type crash struct {
	data    string
	now     time.Time
	open    map[transaction][]*partition // where it has records and no marker
	ends    map[*partition]batch         // the last batch of each partition
	commits map[transaction]int64        // time of the last commit marker
	windows []sequenceWindow
	done    repairs
}

// repair makes data that a crash may have cut short fit to be loaded: no
// batch half written, every batch indexed, no transaction open. It does
// nothing after an orderly shutdown, and all of it can be repeated after a
// crash of its own.
func repair(data string, now time.Time) (repairs, error) {
	clean, err := wasClean(data)
	if err != nil || clean {
		return repairs{}, err
	}
	if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
		return repairs{}, nil
	}
	all, size, err := producers(data)
	if err != nil {
		return repairs{}, err
	}
	if _, _, err := stateLog(groupsPath(data)); err != nil {
		return repairs{}, fmt.Errorf("reading the groups' log: %w", err)
	}
	last, err := readJournal(data, size)
	if err != nil {
		return repairs{}, err
	}
	c := &crash{data: data, now: now, open: map[transaction][]*partition{}, ends: map[*partition]batch{}, commits: map[transaction]int64{}}
	logs, err := partitions(data)
	if err != nil {
		return repairs{}, err
	}
	for i := range logs {
		if err := c.scan(&logs[i]); err != nil {
			return c.done, fmt.Errorf("topic %s, partition %d: %w", logs[i].topic, logs[i].number, err)
		}
	}
	// The order makes a second crash harmless: the markers that decide come
	// first, the producers' log, which says that all is done, last.
	if err := c.finish(last); err != nil {
		return c.done, err
	}
	if err := c.fence(all, last); err != nil {
		return c.done, err
	}
	return c.done, c.writeWindows()
}

// wasClean takes the mark of an orderly shutdown away: from here on a crash
// is one. Members that were in a group then are not expected back.
func wasClean(data string) (bool, error) {
	session := filepath.Join(data, "session_state.json")
	state, err := os.ReadFile(session)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return false, err
	}
	if err == nil {
		if err := os.Remove(session); err != nil {
			return false, err
		}
	}
	err = os.Remove(cleanPath(data))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	// A transaction that was open then is nobody's now.
	return err == nil && !bytes.Contains(state, []byte(`"inProgressTxns"`)), err
}

// scan mends the files of one partition and takes note of its transactions.
func (c *crash) scan(p *partition) error {
	open := map[int64]int16{}
	windows := windows{}
	for _, base := range p.segments {
		raw, err := os.ReadFile(p.path(base, ".dat"))
		if err != nil {
			return err
		}
		batches, valid := split(raw)
		if valid < len(raw) {
			c.done.cut += int64(len(raw) - valid)
			if err := os.Truncate(p.path(base, ".dat"), int64(valid)); err != nil {
				return err
			}
		}
		if err := mendIndex(p.path(base, ".idx"), batches); err != nil {
			return err
		}
		for _, b := range batches {
			c.ends[p] = bytes.Clone(b[:batchHeader])
			switch {
			case b.control():
				delete(open, b.pid())
				if b.commits() {
					c.commits[transaction{b.pid(), b.epoch()}] = b.maxTimestamp()
				}
			case b.transactional():
				open[b.pid()] = b.epoch()
			}
			windows.add(b)
		}
	}
	for pid, epoch := range open {
		t := transaction{pid, epoch}
		c.open[t] = append(c.open[t], p)
	}
	c.windows = append(c.windows, windows.recent(p, c.now.Add(-windowAge).UnixMilli())...)
	return nil
}

func mendIndex(path string, batches []batch) error {
	idx, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil && indexed(idx, batches) {
		return nil
	}
	idx = idx[:0]
	for _, b := range batches {
		idx = append(idx, indexEntry(b)...)
	}
	return replace(path, idx)
}

// reached reports whether the commit of the last prepared transaction got as
// far as a marker: then somebody may have read what it committed.
func (c *crash) reached(last *prepared) bool {
	if last == nil || !last.Commit {
		return false
	}
	at, ok := c.commits[transaction{last.ProducerID, last.Epoch}]
	return ok && at >= last.At
}

// finish ends every open transaction on every partition that lacks a marker.
func (c *crash) finish(last *prepared) error {
	reached := c.reached(last)
	for t, unmarked := range c.open {
		commit := reached && t == transaction{last.ProducerID, last.Epoch}
		for _, p := range unmarked {
			if err := c.mark(p, t, commit); err != nil {
				return fmt.Errorf("ending a transaction on topic %s, partition %d: %w", p.topic, p.number, err)
			}
		}
		if !commit {
			c.done.aborted++
		}
	}
	if !reached {
		return nil
	}
	c.done.committed++
	return commitOffsets(c.data, last.Offsets, c.now.UnixMilli())
}

func (c *crash) mark(p *partition, t transaction, commit bool) error {
	end := c.ends[p]
	m := marker(end.nextOffset(), end.leaderEpoch(), t.pid, t.epoch, commit, c.now.UnixMilli())
	base := p.segments[len(p.segments)-1]
	// kfake finds a batch without index, and the next repair mends that.
	if err := extend(p.path(base, ".dat"), m); err != nil {
		return err
	}
	c.ends[p] = m
	return extend(p.path(base, ".idx"), indexEntry(m))
}

// fence raises the epoch of every transactional producer, so that whoever
// still has the old one cannot go on in the middle of a transaction that was
// ended here, nor be told that it was committed if it was not: kfake answers
// a repeated EndTxn by whether the producer's last transaction was.
func (c *crash) fence(all map[int64]producer, last *prepared) error {
	var entries []byte
	for pid, p := range all {
		if !p.transactional || p.epoch >= math.MaxInt16-1 {
			continue // an exhausted epoch cannot be raised: kfake changes the ID
		}
		committed := c.reached(last) && pid == last.ProducerID && p.epoch == last.Epoch
		entry, err := stateEntry(producerEntry{Type: "endtx", PID: pid, Epoch: p.epoch + 1, Commit: &committed})
		if err != nil {
			return err
		}
		entries = append(entries, entry...)
	}
	return extend(producersPath(c.data), entries)
}

// writeWindows gives kfake the sequence numbers it only saves at an orderly
// shutdown, so that what a producer sends again is recognised.
func (c *crash) writeWindows() error {
	content, err := json.Marshal(map[string]any{"version": 1, "windows": c.windows})
	if err != nil {
		return err
	}
	return replace(filepath.Join(c.data, "seq_windows.json"), content)
}
