package run

import "time"

// Outcome is how one attempt ended.
type Outcome struct {
	// State is succeeded, failed, timed_out, cancelled or lost.
	State State `json:"state"`

	// ExitCode is the command's own, -1 if it was ended by a signal or never
	// started. Signal is the signal's name ("SIGKILL"), if one ended it.
	ExitCode int    `json:"exit_code"`
	Signal   string `json:"signal,omitempty"`

	// StartFailure says why the command could not be started at all (not
	// found, not executable, unknown user, no such directory).
	StartFailure string `json:"start_failure,omitempty"`

	// Reason says in words why the attempt was cancelled or lost.
	Reason string `json:"reason,omitempty"`

	StartedAt time.Time     `json:"started_at,omitzero"`
	EndedAt   time.Time     `json:"ended_at,omitzero"`
	CPUTime   time.Duration `json:"cpu_ms,omitzero"`

	// PeakMemoryBytes is the peak resident set of the command's tree where
	// the host can tell, else of its largest process.
	PeakMemoryBytes int64 `json:"peak_memory_bytes,omitzero"`

	// OutputBytes counts all that the command wrote, OutputCutBytes what of
	// it was not kept. Tail is the end of it, at most 4 KiB, valid UTF-8.
	OutputBytes    int64  `json:"output_bytes,omitzero"`
	OutputCutBytes int64  `json:"output_cut_bytes,omitzero"`
	Tail           string `json:"tail,omitempty"`
}

// Output is one chunk of what a run wrote: a record in output.<cluster>.
type Output struct {
	V       int       `json:"v"`
	Run     ID        `json:"run"`
	Attempt int       `json:"attempt"`
	Fence   int64     `json:"fence"`
	Seq     int       `json:"seq"`
	At      time.Time `json:"at"`

	// Stream is "stdout" or "stderr". Data is the bytes written, base64 in
	// JSON. A chunk with CutBytes > 0 stands where that many bytes were left
	// out; Last closes the attempt's output.
	Stream   string `json:"stream,omitempty"`
	Data     []byte `json:"data,omitempty"`
	CutBytes int64  `json:"cut_bytes,omitzero"`
	Last     bool   `json:"last,omitzero"`

	Unknown map[string]any `json:",embed"`
}
