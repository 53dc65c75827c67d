package keeper

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"
)

// kind is the first byte of a frame.
type kind byte

const (
	kindStart kind = iota + 1
	kindTerminate
	kindKill
	kindHello
	kindStarted
	kindEnded
)

// errGarbled says that a frame does not hold what its kind says. Both sides
// are the same program: it is never seen unless memory or code is broken.
var errGarbled = errors.New("a message between worker and keeper is garbled")

// startMessage asks for a command. Its files come with it: stdin, stdout,
// stderr, and the directory of its cgroup if inCgroup.
type startMessage struct {
	id         uint64
	file, dir  string
	args, env  []string
	credential *syscall.Credential
	inCgroup   bool
}

// orderMessage is what a worker says about a command that runs.
type orderMessage struct {
	kind kind // kindTerminate or kindKill
	id   uint64
}

// helloMessage is what a keeper says first.
type helloMessage struct {
	problem string // why it cannot be a keeper; empty if it is one
}

// startedMessage answers a startMessage.
type startedMessage struct {
	id    uint64
	errno syscall.Errno // why there is no process; 0 if there is
	pid   int
	at    time.Time
}

// endedMessage says that nothing of a command's tree runs any more.
type endedMessage struct {
	id  uint64
	end End
}

func (m startMessage) encode() []byte {
	w := writer{}
	w.kind(kindStart)
	w.number(m.id)
	w.text(m.file)
	w.text(m.dir)
	w.texts(m.args)
	w.texts(m.env)
	w.flag(m.inCgroup)
	w.flag(m.credential != nil)
	if c := m.credential; c != nil {
		w.number(uint64(c.Uid))
		w.number(uint64(c.Gid))
		w.number(uint64(len(c.Groups)))
		for _, g := range c.Groups {
			w.number(uint64(g))
		}
	}
	return w.frame()
}

func decodeStart(r *reader) (startMessage, error) {
	m := startMessage{id: r.number(), file: r.text(), dir: r.text(), args: r.texts(), env: r.texts(), inCgroup: r.flag()}
	if r.flag() {
		m.credential = &syscall.Credential{Uid: uint32(r.number()), Gid: uint32(r.number())}
		for n := r.count(); n > 0; n-- {
			m.credential.Groups = append(m.credential.Groups, uint32(r.number()))
		}
	}
	return m, r.finish()
}

func (m orderMessage) encode() []byte {
	w := writer{}
	w.kind(m.kind)
	w.number(m.id)
	return w.frame()
}

func (m helloMessage) encode() []byte {
	w := writer{}
	w.kind(kindHello)
	w.text(m.problem)
	return w.frame()
}

func (m startedMessage) encode() []byte {
	w := writer{}
	w.kind(kindStarted)
	w.number(m.id)
	w.number(uint64(m.errno))
	w.number(uint64(m.pid))
	w.number(uint64(m.at.UnixNano()))
	return w.frame()
}

func decodeStarted(r *reader) (startedMessage, error) {
	m := startedMessage{id: r.number(), errno: syscall.Errno(r.number()), pid: int(r.number())}
	m.at = time.Unix(0, int64(r.number()))
	return m, r.finish()
}

func (m endedMessage) encode() []byte {
	w := writer{}
	w.kind(kindEnded)
	w.number(m.id)
	w.number(uint64(m.end.Status))
	w.flag(m.end.Stopped)
	w.number(uint64(m.end.CPU))
	w.number(uint64(m.end.PeakBytes))
	w.number(uint64(m.end.Left))
	return w.frame()
}

func decodeEnded(r *reader) (endedMessage, error) {
	m := endedMessage{id: r.number()}
	m.end = End{
		Status: syscall.WaitStatus(r.number()), Stopped: r.flag(),
		CPU: time.Duration(r.number()), PeakBytes: int64(r.number()), Left: int(r.number()),
	}
	return m, r.finish()
}

// writer puts a frame together. Numbers are varints, texts have their length
// before them: arguments are bytes, not always UTF-8.
type writer struct{ buf []byte }

// lengthBytes is how long the length before a frame is.
const lengthBytes = 4

func (w *writer) kind(k kind) { w.buf = append(make([]byte, lengthBytes, 1<<10), byte(k)) }

func (w *writer) number(n uint64) { w.buf = binary.AppendUvarint(w.buf, n) }

func (w *writer) flag(set bool) {
	if set {
		w.number(1)
	} else {
		w.number(0)
	}
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

func (w *writer) texts(list []string) {
	w.number(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

// frame is what was written, with its length before it.
func (w *writer) frame() []byte {
	binary.LittleEndian.PutUint32(w.buf, uint32(len(w.buf)-lengthBytes))
	return w.buf
}

// reader takes a frame apart, from behind its kind. After the first thing
// that is not there it reads nothing but zeros; finish says so.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *reader) flag() bool { return r.number() == 1 }

// count reads how many things follow: never more than there are bytes.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *reader) text() string {
	n := r.count()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *reader) texts() []string {
	list := make([]string, r.count())
	for i := range list {
		list[i] = r.text()
	}
	return list
}

func (r *reader) finish() error {
	if r.bad || len(r.rest) > 0 {
		return errGarbled
	}
	return nil
}
